-- name: marked_workspaces
select distinct workspace_id from usage_marks order by workspace_id;

-- name: waiting_marks
select count(*) as marks from usage_marks;

-- name: try_lock
-- One process at a time derives the usage of a workspace; held until the transaction ends.
select pg_try_advisory_xact_lock(hashtextextended('backscroll usage', %(workspace_id)s)) as ours;

-- name: lock
select pg_advisory_xact_lock(hashtextextended('backscroll usage', %(workspace_id)s));

-- name: take_marks
-- The latest hours first: today is what people look at. What commits later has a mark of its own.
with hours as (
    select distinct hour from usage_marks where workspace_id = %(workspace_id)s order by hour desc limit %(limit)s
), taken as (
    delete from usage_marks m using hours h where m.workspace_id = %(workspace_id)s and m.hour = h.hour returning m.hour
)
select distinct hour from taken order by hour;

-- name: pending
-- Whether something that a snapshot contains has not been derived yet.
select exists (
    select from usage_marks
    where workspace_id = %(workspace_id)s and pg_visible_in_snapshot(xid, %(snapshot)s::pg_snapshot)
) as pending;

-- name: mark_all
-- Every hour in which something is told, and every hour that has rows: a rebuild, and a new price.
insert into usage_marks (workspace_id, hour)
select %(workspace_id)s, hour from (
    select usage_hour(created_at) as hour from messages where workspace_id = %(workspace_id)s and created_at >= %(since)s
    union
    select hour from session_totals where workspace_id = %(workspace_id)s and hour >= %(since)s
    union
    select usage_hour(occurred_at) from usage_records
    where workspace_id = %(workspace_id)s and occurred_at >= %(since)s
    union
    select usage_hour(occurred_at) from usage_rows where workspace_id = %(workspace_id)s and occurred_at >= %(since)s
    union
    select hour from usage_facts where workspace_id = %(workspace_id)s and hour >= %(since)s
    union
    select hour from usage_tools where workspace_id = %(workspace_id)s and hour >= %(since)s
) hours;

-- name: mark_differing
-- The nightly check: hours whose messages, rows and facts are not as many, or whose facts do not tell what their rows
-- do. Marks miss nothing; what a fault of ours or a hand in the database did is found here.
with told as (
    select usage_hour(created_at) as hour, count(*) as messages
    from messages where workspace_id = %(workspace_id)s group by 1
), stored as (
    select usage_hour(occurred_at) as hour, count(*) filter (where kind = 'm') as messages,
        count(*) filter (where kind = 'm' and counted) as counted,
        coalesce(sum(input_tokens + output_tokens) filter (where counted), 0) as tokens,
        coalesce(sum(cost_nano_usd) filter (where counted), 0) * 0.000000001 as cost_usd
    from usage_rows where workspace_id = %(workspace_id)s group by 1
), summed as (
    select hour, sum(messages) as messages, sum(input_tokens + output_tokens) as tokens,
        sum(cost_usd) as cost_usd
    from usage_facts where workspace_id = %(workspace_id)s group by 1
)
insert into usage_marks (workspace_id, hour)
select %(workspace_id)s, hour
from told full join stored using (hour) full join summed using (hour)
where coalesce(told.messages, 0) <> coalesce(stored.messages, 0)
    or (coalesce(stored.counted, 0), coalesce(stored.tokens, 0), coalesce(stored.cost_usd, 0))
        is distinct from (coalesce(summed.messages, 0), coalesce(summed.tokens, 0), coalesce(summed.cost_usd, 0));

-- name: messages
-- Messages of these hours as analytics reads them. A copy is known by what names the message everywhere: Claude Code's
-- ids are its own, others repeat theirs, so that the time must be the same too. `offset 0`: span by span by the index,
-- whatever the planner thinks of a join by ranges. (Ends are parameters: under row-level security an index is not asked
-- for `start + interval`, which is not leakproof.)
select
    (extract(epoch from m.created_at) * 1000000)::bigint as at_us, m.id, m.session_id, coalesce(s.user_id, 0) as user_id,
    s.source, coalesce(s.provider, '') as provider,
    coalesce(m.model, case when m.prompt_tokens > 0 or m.completion_tokens > 0 then s.model end, '') as model,
    coalesce(s.project_name, s.project_path, '') as project, not m.transcript as cached_inside,
    coalesce(m.prompt_tokens, 0) as input_tokens, coalesce(m.cache_read_tokens, 0) as cache_read_tokens,
    coalesce(m.cache_write_tokens, 0) as cache_write_tokens, coalesce(m.completion_tokens, 0) as output_tokens,
    case when jsonb_typeof(m.attrs #> '{usage,cache_creation,ephemeral_1h_input_tokens}') = 'number'
        then greatest(0, least((m.attrs #>> '{usage,cache_creation,ephemeral_1h_input_tokens}')::numeric,
            coalesce(m.cache_write_tokens, 0)))::bigint else 0 end as cache_write_1h_tokens,
    left(coalesce(m.attrs #>> '{usage,service_tier}', ''), 20) || '/' || left(coalesce(m.attrs #>> '{usage,speed}', ''), 20)
        as tier,
    (m.cost_usd * 1000000000)::bigint as reported_nano_usd,
    coalesce(m.attrs -> 'estimated' = 'true', false) as estimated, m.duration_ms,
    coalesce(t.calls, 0) as tool_calls, coalesce(t.errors, 0) as tool_errors,
    case when m.transcript and not m.attrs ? 'copiedFrom' then hashtextextended(
        s.source || ' ' || m.external_id || ' ' || coalesce(m.attrs ->> 'requestId', '')
        || case when s.source = 'claude-code' then '' else ' ' || extract(epoch from m.created_at)::text end, 0)
    end as copy_key,
    m.attrs ? 'forkedFrom' or m.attrs ? 'sessionId' as copied, not m.attrs ? 'copiedFrom' as counted
from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as h (start, until)
cross join lateral (
    select * from messages
    where workspace_id = %(workspace_id)s and created_at >= h.start and created_at < h.until
    offset 0
) m
join sessions s on s.workspace_id = m.workspace_id and s.id = m.session_id
left join lateral (
    select count(*) filter (where p.type = 'tool-call') as calls,
        count(*) filter (where p.type = 'tool-result' and m.has_error and p.content ->> 'isError' = 'true') as errors
    from parts p where p.workspace_id = m.workspace_id and p.message_id = m.id
) t on m.parts_sha256 is not null;

-- name: totals
-- What clients told of sessions as a whole, beside what the sessions' messages account for. Where a transcript was
-- imported and told no totals, its messages are all there is.
select
    (extract(epoch from t.at) * 1000000)::bigint as at_us, t.session_id, coalesce(s.user_id, 0) as user_id, s.source,
    coalesce(s.provider, '') as provider, coalesce(s.model, '') as model,
    coalesce(s.project_name, s.project_path, '') as project,
    t.prompt_tokens as input_tokens, t.cache_read_tokens, t.cache_write_tokens, t.completion_tokens as output_tokens,
    (t.cost_usd * 1000000000)::bigint as cost_nano_usd,
    coalesce(k.input_tokens, 0) as known_input_tokens, coalesce(k.cache_read_tokens, 0) as known_cache_read_tokens,
    coalesce(k.cache_write_tokens, 0) as known_cache_write_tokens, coalesce(k.output_tokens, 0) as known_output_tokens,
    coalesce(k.cost_nano_usd, 0) as known_cost_nano_usd
from session_totals t
join sessions s on s.workspace_id = t.workspace_id and s.id = t.session_id
left join lateral (
    select least(coalesce(sum(input_tokens), 0), 2e18)::bigint as input_tokens,
        least(coalesce(sum(cache_read_tokens), 0), 2e18)::bigint as cache_read_tokens,
        least(coalesce(sum(cache_write_tokens), 0), 2e18)::bigint as cache_write_tokens,
        least(coalesce(sum(output_tokens), 0), 2e18)::bigint as output_tokens,
        least(coalesce(sum(cost_nano_usd), 0), 2e18)::bigint as cost_nano_usd
    from usage_rows r where r.workspace_id = t.workspace_id and r.session_id = t.session_id and r.kind = 'm'
) k on true
where t.workspace_id = %(workspace_id)s and t.session_id = any(%(session_ids)s::bigint[])
    and (not s.transcript or s.transcript_totals & 1 = 1);

-- name: sessions_with_totals
-- Of these sessions, and of those that told totals in these hours, the ones that have any, or had: deleted since
-- perhaps, while a row of theirs is left.
select session_id from session_totals where workspace_id = %(workspace_id)s and hour = any(%(hours)s::timestamptz[])
union
select session_id from session_totals where workspace_id = %(workspace_id)s and session_id = any(%(session_ids)s::bigint[])
union
select session_id from usage_rows
where workspace_id = %(workspace_id)s and session_id = any(%(session_ids)s::bigint[]) and kind = 's'
union
select u.session_id
from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as h (start, until)
join usage_rows u
    on u.workspace_id = %(workspace_id)s and u.occurred_at >= h.start and u.occurred_at < h.until and u.kind = 's';

-- name: records
-- Records of these hours, with what their session tells of itself, where there is one.
select
    (extract(epoch from r.occurred_at) * 1000000)::bigint as at_us, r.id, s.id as session_id,
    coalesce(r.user_id, 0) as user_id, coalesce(s.source, '') as source, coalesce(r.provider, '') as provider,
    coalesce(r.model, '') as model, coalesce(s.project_name, s.project_path, '') as project, r.service, r.metric,
    r.quantity::text as quantity, (r.cost_usd * 1000000000)::bigint as reported_nano_usd
from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as h (start, until)
join usage_records r
    on r.workspace_id = %(workspace_id)s and r.occurred_at >= h.start and r.occurred_at < h.until
left join lateral (
    select id, source, project_name, project_path from sessions
    where workspace_id = r.workspace_id and external_id = r.session_external_id
    order by updated_at desc, id desc limit 1
) s on true;

-- name: put_rows
-- Rows that are new or differ; which answers and sessions they concern.
insert into usage_rows as u (
    workspace_id, occurred_at, kind, id, session_id, user_id, source, provider, model, project, service, metric, copy_key,
    copied, counted, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, quantity, cost_nano_usd,
    cost_source, price_version, duration_ms, tool_calls, tool_errors
)
select
    %(workspace_id)s, occurred_at, kind::"char", id, session_id, user_id, source, provider, model, project, service, metric,
    copy_key, copied, counted, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, quantity,
    cost_nano_usd, cost_source, price_version, duration_ms, tool_calls, tool_errors
from unnest(
    %(occurred_at)s::timestamptz[], %(kind)s::text[], %(id)s::bigint[], %(session_id)s::bigint[], %(user_id)s::bigint[],
    %(source)s::text[], %(provider)s::text[], %(model)s::text[], %(project)s::text[], %(service)s::text[],
    %(metric)s::text[], %(copy_key)s::bigint[], %(copied)s::boolean[], %(counted)s::boolean[], %(input_tokens)s::bigint[],
    %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(output_tokens)s::bigint[], %(quantity)s::float8[],
    %(cost_nano_usd)s::bigint[], %(cost_source)s::text[], %(price_version)s::text[], %(duration_ms)s::bigint[],
    %(tool_calls)s::bigint[], %(tool_errors)s::bigint[]
) as n (
    occurred_at, kind, id, session_id, user_id, source, provider, model, project, service, metric, copy_key, copied, counted,
    input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, quantity, cost_nano_usd, cost_source, price_version,
    duration_ms, tool_calls, tool_errors
)
on conflict (workspace_id, occurred_at, kind, id) do update set
    session_id = excluded.session_id, user_id = excluded.user_id, source = excluded.source, provider = excluded.provider,
    model = excluded.model, project = excluded.project, service = excluded.service, metric = excluded.metric,
    copy_key = excluded.copy_key, copied = excluded.copied,
    counted = case when excluded.copy_key is null or not excluded.counted then excluded.counted else u.counted end,
    input_tokens = excluded.input_tokens,
    cache_read_tokens = excluded.cache_read_tokens, cache_write_tokens = excluded.cache_write_tokens,
    output_tokens = excluded.output_tokens, quantity = excluded.quantity, cost_nano_usd = excluded.cost_nano_usd,
    cost_source = excluded.cost_source, price_version = excluded.price_version, duration_ms = excluded.duration_ms,
    tool_calls = excluded.tool_calls, tool_errors = excluded.tool_errors
where (
    u.session_id, u.user_id, u.source, u.provider, u.model, u.project, u.service, u.metric, u.copy_key, u.copied,
    u.input_tokens, u.cache_read_tokens, u.cache_write_tokens, u.output_tokens, u.quantity, u.cost_nano_usd, u.cost_source,
    u.price_version, u.duration_ms, u.tool_calls, u.tool_errors
) is distinct from (
    excluded.session_id, excluded.user_id, excluded.source, excluded.provider, excluded.model, excluded.project,
    excluded.service, excluded.metric, excluded.copy_key, excluded.copied, excluded.input_tokens,
    excluded.cache_read_tokens, excluded.cache_write_tokens, excluded.output_tokens, excluded.quantity, excluded.cost_nano_usd,
    excluded.cost_source, excluded.price_version, excluded.duration_ms, excluded.tool_calls, excluded.tool_errors
) or (not excluded.counted and u.counted)
returning copy_key, session_id;

-- name: drop_rows
-- Rows of messages and records of these hours that nothing tells any more; seldom there are any, which their count tells.
delete from usage_rows u
using unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as h (start, until)
where %(count)s <> (
        select count(*)
        from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as h (start, until)
        join usage_rows u on u.workspace_id = %(workspace_id)s and u.occurred_at >= h.start and u.occurred_at < h.until
            and u.kind in ('m', 'r')
    )
    and u.workspace_id = %(workspace_id)s and u.occurred_at >= h.start and u.occurred_at < h.until
    and u.kind in ('m', 'r') and not exists (
        select from unnest(%(occurred_at)s::timestamptz[], %(kind)s::text[], %(id)s::bigint[]) as n (occurred_at, kind, id)
        where n.occurred_at = u.occurred_at and n.kind = u.kind::text and n.id = u.id
    )
returning u.copy_key, u.session_id;

-- name: drop_totals
-- Rows of what these sessions' totals told, where nothing is left; the hours that had them.
delete from usage_rows u
where u.workspace_id = %(workspace_id)s and u.session_id = any(%(session_ids)s::bigint[]) and u.kind = 's' and not exists (
    select from unnest(%(occurred_at)s::timestamptz[], %(id)s::bigint[]) as n (occurred_at, id)
    where n.occurred_at = u.occurred_at and n.id = u.id
)
returning usage_hour(u.occurred_at) as hour;

-- name: settle_copies
-- Of the messages that are one answer the first counts: one that does not say that it is a copy, before those that do.
with ranked as (
    select occurred_at, kind, id, row_number() over (partition by copy_key order by copied, occurred_at, id) = 1 as first
    from usage_rows
    where workspace_id = %(workspace_id)s and copy_key = any(%(copy_keys)s::bigint[])
)
update usage_rows u set counted = r.first
from ranked r
where u.workspace_id = %(workspace_id)s and u.occurred_at = r.occurred_at and u.kind = r.kind and u.id = r.id
    and u.counted <> r.first
returning usage_hour(u.occurred_at) as hour;

-- name: rows
-- What counts in these hours, folded: a line for each set of names, its numbers as an array with a line a row. One answer
-- a row took twice as long, most of it this side of Postgres. NULL is the least number: all elements have one width.
-- As few numerics as can be: a cost is sent as it lies there, in nano-dollars.
select
    u.source, u.provider, u.model, u.project, u.user_id, u.service, u.metric, (u.kind = 'm')::int as messages,
    (u.cost_source = 'unknown')::int as unpriced,
    array_send(array_agg(u.occurred_at)) as occurred_at, array_send(array_agg(u.quantity)) as quantity,
    array_send(array_agg(array[
        coalesce(u.session_id, (-9223372036854775808)::bigint), u.input_tokens, u.cache_read_tokens, u.cache_write_tokens,
        u.output_tokens, coalesce(u.cost_nano_usd, (-9223372036854775808)::bigint),
        coalesce(u.duration_ms, (-9223372036854775808)::bigint), u.tool_calls, u.tool_errors
    ])) as numbers
from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as h (start, until)
join usage_rows u
    on u.workspace_id = %(workspace_id)s and u.occurred_at >= h.start and u.occurred_at < h.until
where u.counted
group by 1, 2, 3, 4, 5, 6, 7, 8, 9;

-- name: tool_calls
-- Calls of tools, and their results, in these hours. A result is of the call that its id names, or of the one before it
-- in its own message; it took from the call's message to its own, or, where that is the same, what the client measured.
-- Materialized: under row-level security an index is not asked for what `->>` gives, since that is not leakproof.
with own as materialized (
    select u.id, u.session_id, u.occurred_at as created_at, u.source, u.project, u.user_id
    from unnest(%(starts)s::timestamptz[], %(ends)s::timestamptz[]) as h (start, until)
    join usage_rows u on u.workspace_id = %(workspace_id)s and u.kind = 'm' and u.counted
        and u.occurred_at >= h.start and u.occurred_at < h.until
), pieces as materialized (
    select own.*, p.ordinal, p.type, p.content ->> 'toolCallId' as call_id, p.content ->> 'toolName' as tool,
        p.type = 'tool-result' and p.content ->> 'isError' = 'true' as is_error
    from own
    join parts p on p.workspace_id = %(workspace_id)s and p.message_id = own.id and p.type in ('tool-call', 'tool-result')
), met as materialized (
    select p.*, coalesce(r.message_id, p.id) as called_id
    from pieces p
    left join message_records r on p.type = 'tool-result'
        and r.workspace_id = %(workspace_id)s and r.session_id = p.session_id and r.record_id = p.call_id
)
select (extract(epoch from p.created_at) * 1000000)::bigint as at_us, p.source, p.project, p.user_id, p.session_id,
    left(coalesce(p.tool, named.tool, ''), 500) as tool, (p.type = 'tool-call')::int as calls, p.is_error::int as errors,
    case
        when p.type = 'tool-call' then null
        when p.called_id = p.id then called.duration_ms
        else greatest(0, extract(epoch from p.created_at - called.created_at) * 1000)::bigint
    end as duration_ms
from met p
left join messages called on p.type = 'tool-result' and called.workspace_id = %(workspace_id)s and called.id = p.called_id
left join lateral (
    select c.content ->> 'toolName' as tool
    from parts c
    where c.workspace_id = %(workspace_id)s and c.message_id = p.called_id and c.type = 'tool-call'
        and (c.content ->> 'toolCallId' = p.call_id or (p.call_id is null and c.ordinal < p.ordinal))
    order by c.ordinal desc limit 1
) named on p.type = 'tool-result' and p.tool is null;
