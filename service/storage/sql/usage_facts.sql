-- name: put_facts
-- Facts that are new or differ.
insert into usage_facts as f (
    workspace_id, hour, source, provider, model, project, user_id, service, metric, messages, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, quantity, cost_usd, priced_messages, unpriced_messages,
    tool_calls, tool_errors, session_ids, durations_ms
)
select
    %(workspace_id)s, hour, source, provider, model, project, user_id, service, metric, messages, input_tokens,
    cache_read_tokens, cache_write_tokens, output_tokens, quantity::numeric, cost_nano_usd * 0.000000001,
    priced_messages, unpriced_messages, tool_calls, tool_errors, session_ids::bigint[], durations_ms::bigint[]
from unnest(
    %(hour)s::timestamptz[], %(source)s::text[], %(provider)s::text[], %(model)s::text[], %(project)s::text[],
    %(user_id)s::bigint[], %(service)s::text[], %(metric)s::text[], %(messages)s::bigint[], %(input_tokens)s::bigint[],
    %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(output_tokens)s::bigint[], %(quantity)s::text[],
    %(cost_nano_usd)s::bigint[], %(priced_messages)s::bigint[], %(unpriced_messages)s::bigint[], %(tool_calls)s::bigint[],
    %(tool_errors)s::bigint[], %(session_ids)s::text[], %(durations_ms)s::text[]
) as n (
    hour, source, provider, model, project, user_id, service, metric, messages, input_tokens, cache_read_tokens,
    cache_write_tokens, output_tokens, quantity, cost_nano_usd, priced_messages, unpriced_messages, tool_calls, tool_errors,
    session_ids, durations_ms
)
on conflict (workspace_id, hour, names) do update set
    messages = excluded.messages, input_tokens = excluded.input_tokens, cache_read_tokens = excluded.cache_read_tokens,
    cache_write_tokens = excluded.cache_write_tokens, output_tokens = excluded.output_tokens, quantity = excluded.quantity,
    cost_usd = excluded.cost_usd, priced_messages = excluded.priced_messages,
    unpriced_messages = excluded.unpriced_messages, tool_calls = excluded.tool_calls, tool_errors = excluded.tool_errors,
    session_ids = excluded.session_ids, durations_ms = excluded.durations_ms
where (
    f.messages, f.input_tokens, f.cache_read_tokens, f.cache_write_tokens, f.output_tokens, f.quantity, f.cost_usd,
    f.priced_messages, f.unpriced_messages, f.tool_calls, f.tool_errors, f.session_ids, f.durations_ms
) is distinct from (
    excluded.messages, excluded.input_tokens, excluded.cache_read_tokens, excluded.cache_write_tokens,
    excluded.output_tokens, excluded.quantity, excluded.cost_usd, excluded.priced_messages, excluded.unpriced_messages,
    excluded.tool_calls, excluded.tool_errors, excluded.session_ids, excluded.durations_ms
);

-- name: drop_facts
-- Facts of these hours that no row makes any more; seldom there are any, which their count tells.
delete from usage_facts f
where f.workspace_id = %(workspace_id)s and f.hour = any(%(hours)s::timestamptz[])
    and %(count)s <> (
        select count(*) from usage_facts where workspace_id = %(workspace_id)s and hour = any(%(hours)s::timestamptz[])
    )
    and not exists (
    select from unnest(
        %(hour)s::timestamptz[], %(source)s::text[], %(provider)s::text[], %(model)s::text[], %(project)s::text[],
        %(user_id)s::bigint[], %(service)s::text[], %(metric)s::text[]
    ) as n (hour, source, provider, model, project, user_id, service, metric)
    where (n.hour, n.source, n.provider, n.model, n.project, n.user_id, n.service, n.metric)
        = (f.hour, f.source, f.provider, f.model, f.project, f.user_id, f.service, f.metric)
);

-- name: facts
-- Hours from and to (exclusive), as analytics reads them.
select
    (extract(epoch from hour) * 1000000)::bigint as at_us, source, provider, model, project, user_id, service, metric,
    messages, input_tokens, cache_read_tokens, cache_write_tokens, output_tokens, quantity,
    (cost_usd * 1000000000)::bigint as cost_nano_usd, priced_messages, unpriced_messages, tool_calls, tool_errors,
    session_ids::text, durations_ms::text
from usage_facts
where workspace_id = %(workspace_id)s and hour >= %(start)s and hour < %(end)s;

-- name: fact_hours
-- The first and the last hour that has facts.
select min(hour) as first, max(hour) as last from usage_facts where workspace_id = %(workspace_id)s;

-- name: put_state
-- Of a workspace that is gone only its marks were left.
insert into usage_state (workspace_id, computed_at, price_version)
select id, now(), %(price_version)s from workspaces where id = %(workspace_id)s
on conflict (workspace_id) do update set computed_at = excluded.computed_at, price_version = excluded.price_version;

-- name: state
select computed_at, price_version from usage_state where workspace_id = %(workspace_id)s;

-- name: log_change
-- Live queries of usage follow the change log: a row for each workspace whose facts were computed.
insert into change_log (workspace_id, tbl, op, cols) values (%(workspace_id)s, 'usage', 'U', 4);

-- name: put_tools
-- Tool facts that are new or differ.
insert into usage_tools as f (
    workspace_id, hour, source, project, user_id, tool, calls, errors, session_ids, durations_ms
)
select %(workspace_id)s, hour, source, project, user_id, tool, calls, errors, session_ids::bigint[], durations_ms::bigint[]
from unnest(
    %(hour)s::timestamptz[], %(source)s::text[], %(project)s::text[], %(user_id)s::bigint[], %(tool)s::text[],
    %(calls)s::bigint[], %(errors)s::bigint[], %(session_ids)s::text[], %(durations_ms)s::text[]
) as n (hour, source, project, user_id, tool, calls, errors, session_ids, durations_ms)
on conflict (workspace_id, hour, names) do update set
    calls = excluded.calls, errors = excluded.errors, session_ids = excluded.session_ids,
    durations_ms = excluded.durations_ms
where (f.calls, f.errors, f.session_ids, f.durations_ms)
    is distinct from (excluded.calls, excluded.errors, excluded.session_ids, excluded.durations_ms);

-- name: drop_tools
-- Tool facts of these hours that no call makes any more.
delete from usage_tools f
where f.workspace_id = %(workspace_id)s and f.hour = any(%(hours)s::timestamptz[])
    and %(count)s <> (
        select count(*) from usage_tools where workspace_id = %(workspace_id)s and hour = any(%(hours)s::timestamptz[])
    )
    and not exists (
    select from unnest(
        %(hour)s::timestamptz[], %(source)s::text[], %(project)s::text[], %(user_id)s::bigint[], %(tool)s::text[]
    ) as n (hour, source, project, user_id, tool)
    where (n.hour, n.source, n.project, n.user_id, n.tool) = (f.hour, f.source, f.project, f.user_id, f.tool)
);

-- name: tools
-- Hours from and to (exclusive), as analytics reads them.
select
    (extract(epoch from hour) * 1000000)::bigint as at_us, source, project, user_id, tool, calls, errors,
    session_ids::text, durations_ms::text
from usage_tools
where workspace_id = %(workspace_id)s and hour >= %(start)s and hour < %(end)s;
