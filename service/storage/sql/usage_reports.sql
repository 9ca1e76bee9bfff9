-- name: sessions
-- What each session used within a range of moments, from the single rows: facts know which sessions were active, and
-- not what each of them did.
select session_id, sum((kind = 'm')::int)::bigint as messages, least(sum(input_tokens), 2e18)::bigint as input_tokens,
    least(sum(cache_read_tokens), 2e18)::bigint as cache_read_tokens, least(sum(cache_write_tokens), 2e18)::bigint as cache_write_tokens,
    least(sum(output_tokens), 2e18)::bigint as output_tokens, least(coalesce(sum(cost_nano_usd), 0), 2e18)::bigint as cost_nano_usd,
    count(*) filter (where cost_source = 'unknown') as unpriced_messages, sum(tool_calls)::bigint as tool_calls,
    sum(tool_errors)::bigint as tool_errors, count(distinct usage_hour(occurred_at)) filter (where kind = 'm') as active_hours,
    floor(extract(epoch from min(occurred_at) filter (where kind = 'm')) * 1000)::bigint as first_ms,
    floor(extract(epoch from max(occurred_at) filter (where kind = 'm')) * 1000)::bigint as last_ms
from usage_rows
where workspace_id = %(workspace_id)s and occurred_at >= %(start)s and occurred_at < %(end)s
    and counted and session_id is not null
    and (%(source)s::text[] is null or source = any (%(source)s::text[]))
    and (%(provider)s::text[] is null or provider = any (%(provider)s::text[]))
    and (%(model)s::text[] is null or model = any (%(model)s::text[]))
    and (%(project)s::text[] is null or project = any (%(project)s::text[]))
    and (%(user_id)s::bigint[] is null or user_id = any (%(user_id)s::bigint[]))
    and (%(service)s::text[] is null or service = any (%(service)s::text[]))
group by session_id;

-- name: active_hours
-- Hours with a message, for streaks: of all time, so only they and nothing of what was done in them.
select distinct (extract(epoch from hour) * 1000000)::bigint as at_us
from usage_facts
where workspace_id = %(workspace_id)s and hour < %(end)s and messages > 0
    and (%(source)s::text[] is null or source = any (%(source)s::text[]))
    and (%(provider)s::text[] is null or provider = any (%(provider)s::text[]))
    and (%(model)s::text[] is null or model = any (%(model)s::text[]))
    and (%(project)s::text[] is null or project = any (%(project)s::text[]))
    and (%(user_id)s::bigint[] is null or user_id = any (%(user_id)s::bigint[]))
    and (%(service)s::text[] is null or service = any (%(service)s::text[]));

-- name: user_names
-- Of the workspace's members; who has left has no name here.
select u.id, u.name
from members m join users u on u.id = m.user_id
where m.workspace_id = %(workspace_id)s;

-- name: session_names
select id, external_id, title, source, project_name, project_path
from sessions
where workspace_id = %(workspace_id)s and id = any(%(ids)s::bigint[]);
