-- name: facts
-- Hourly facts of a range of moments, for a frame: times in epoch microseconds, money in nano-dollars.
select (extract(epoch from hour) * 1000000)::bigint as hour, source, provider, model, project, user_id, service, metric, messages,
    input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, quantity,
    (cost_usd * 1000000000)::bigint as cost_nano_usd, priced_messages, unpriced_messages, tool_calls, tool_errors,
    session_ids, durations_ms
from usage_facts
where workspace_id = %(workspace_id)s and hour >= %(begin)s and hour < %(end)s
    and (%(sources)s::text[] is null or source = any (%(sources)s::text[]))
    and (%(providers)s::text[] is null or provider = any (%(providers)s::text[]))
    and (%(models)s::text[] is null or model = any (%(models)s::text[]))
    and (%(projects)s::text[] is null or project = any (%(projects)s::text[]))
    and (%(user_ids)s::bigint[] is null or user_id = any (%(user_ids)s::bigint[]))
    and (%(services)s::text[] is null or service = any (%(services)s::text[]));

-- name: tools
-- The same of tool calls, which have no model, provider or service.
select (extract(epoch from hour) * 1000000)::bigint as hour, source, project, user_id, tool, calls, errors, session_ids, durations_ms
from usage_tools
where workspace_id = %(workspace_id)s and hour >= %(begin)s and hour < %(end)s
    and (%(sources)s::text[] is null or source = any (%(sources)s::text[]))
    and (%(projects)s::text[] is null or project = any (%(projects)s::text[]))
    and (%(user_ids)s::bigint[] is null or user_id = any (%(user_ids)s::bigint[]));

-- name: sessions
-- What each session used within a range of moments, from the single rows: facts know which sessions were active, and
-- not what each of them did. A copy of an answer in a second session counts in none but the first.
select session_id, sum(messages)::bigint as messages, sum(input_tokens)::bigint as input_tokens,
    sum(cache_read_tokens)::bigint as cache_read_tokens, sum(cache_write_tokens)::bigint as cache_write_tokens,
    sum(output_tokens)::bigint as output_tokens,
    (coalesce(sum(cost_usd), 0) * 1000000000)::bigint as cost_nano_usd,
    count(*) filter (where cost_source = 'unknown') as unpriced_messages,
    sum(tool_calls)::bigint as tool_calls, sum(tool_errors)::bigint as tool_errors,
    count(distinct date_bin('1 hour', occurred_at, '2000-01-01 00:00:00+00')) filter (where kind = 'm') as active_hours,
    (extract(epoch from min(occurred_at) filter (where kind = 'm')) * 1000000)::bigint as first_at,
    (extract(epoch from max(occurred_at) filter (where kind = 'm')) * 1000000)::bigint as last_at
from usage_rows
where workspace_id = %(workspace_id)s and occurred_at >= %(begin)s and occurred_at < %(end)s
    and counted and session_id is not null
    and (%(sources)s::text[] is null or source = any (%(sources)s::text[]))
    and (%(providers)s::text[] is null or provider = any (%(providers)s::text[]))
    and (%(models)s::text[] is null or model = any (%(models)s::text[]))
    and (%(projects)s::text[] is null or project = any (%(projects)s::text[]))
    and (%(user_ids)s::bigint[] is null or user_id = any (%(user_ids)s::bigint[]))
    and (%(services)s::text[] is null or service = any (%(services)s::text[]))
group by session_id;

-- name: first_hour
select min(hour) as hour from usage_facts where workspace_id = %(workspace_id)s;

-- name: active_hours
-- Hours with a message, for streaks: of all time, so only they and nothing of what was done in them.
select distinct (extract(epoch from hour) * 1000000)::bigint as hour
from usage_facts
where workspace_id = %(workspace_id)s and hour >= %(begin)s and hour < %(end)s and messages > 0
    and (%(sources)s::text[] is null or source = any (%(sources)s::text[]))
    and (%(providers)s::text[] is null or provider = any (%(providers)s::text[]))
    and (%(models)s::text[] is null or model = any (%(models)s::text[]))
    and (%(projects)s::text[] is null or project = any (%(projects)s::text[]))
    and (%(user_ids)s::bigint[] is null or user_id = any (%(user_ids)s::bigint[]))
    and (%(services)s::text[] is null or service = any (%(services)s::text[]));

-- name: state
-- One row always: before the first rollup there is nothing to compute, as of now.
select coalesce(s.computed_at, w.at) as computed_at, coalesce(s.price_version, '') as price_version
from (select now() as at) w
left join usage_state s on s.workspace_id = %(workspace_id)s;

-- name: waits
-- Whether a write that the snapshot sees has still to reach the facts.
select exists (
    select from usage_marks
    where workspace_id = %(workspace_id)s and pg_visible_in_snapshot(xid, %(token)s::pg_snapshot)
) as waits;

-- name: user_names
-- Of the workspace's members; who has left has no name here.
select u.id, u.name
from members m join users u on u.id = m.user_id
where m.workspace_id = %(workspace_id)s;

-- name: session_names
select id, external_id, title, source, project_name, project_path
from sessions
where workspace_id = %(workspace_id)s and id = any (%(ids)s);

-- name: rows
-- The single rows of hours in which a day begins and another ends, for zones whose offsets are no whole hours.
select (extract(epoch from u.occurred_at) * 1000000)::bigint as occurred_at, u.source, u.provider, u.model, u.project,
    u.user_id, u.service, u.metric, u.session_id, (u.kind = 'm')::int as messages, u.input_tokens, u.cache_read_tokens,
    u.cache_write_tokens, u.output_tokens, u.quantity, (u.cost_usd * 1000000000)::bigint as cost_nano_usd,
    (u.cost_source = 'unknown')::int as unpriced, u.duration_ms, u.tool_calls, u.tool_errors
from unnest(%(hours)s::timestamptz[]) as h (hour)
join usage_rows u on u.occurred_at >= h.hour and u.occurred_at < h.hour + interval '1 hour'
where u.workspace_id = %(workspace_id)s and u.counted
    and (%(sources)s::text[] is null or u.source = any (%(sources)s::text[]))
    and (%(providers)s::text[] is null or u.provider = any (%(providers)s::text[]))
    and (%(models)s::text[] is null or u.model = any (%(models)s::text[]))
    and (%(projects)s::text[] is null or u.project = any (%(projects)s::text[]))
    and (%(user_ids)s::bigint[] is null or u.user_id = any (%(user_ids)s::bigint[]))
    and (%(services)s::text[] is null or u.service = any (%(services)s::text[]));
