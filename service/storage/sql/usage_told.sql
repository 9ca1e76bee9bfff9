-- name: rates
select service, metric, model, valid_from, usd_per_unit
from usage_rates where workspace_id = %(workspace_id)s
order by service, metric, model, valid_from;

-- name: deleted_sessions
-- What is told of a session that was deleted here is not kept.
select external_id from tombstones t
where workspace_id = %(workspace_id)s and kind = 'session' and session_external_id = any(%(external_ids)s::text[])
    and not exists (
        select from sessions s where s.workspace_id = t.workspace_id and s.external_id = t.external_id
    );

-- name: insert_records
-- The first that comes with a key stays.
insert into usage_records (
    workspace_id, user_id, idempotency_key, service, metric, quantity, model, provider, session_external_id,
    message_external_id, cost_usd, attrs, occurred_at
)
select %(workspace_id)s, %(user_id)s, n.* from (
    select idempotency_key, service, metric, quantity, model, provider, session_external_id, message_external_id, cost_usd,
        attrs::jsonb, occurred_at
    from unnest(
        %(idempotency_key)s::text[], %(service)s::text[], %(metric)s::text[], %(quantity)s::numeric[], %(model)s::text[],
        %(provider)s::text[], %(session_external_id)s::text[], %(message_external_id)s::text[], %(cost_usd)s::numeric[],
        %(attrs)s::text[], %(occurred_at)s::timestamptz[]
    ) as w (
        idempotency_key, service, metric, quantity, model, provider, session_external_id, message_external_id, cost_usd, attrs,
        occurred_at
    )
) n
on conflict (workspace_id, idempotency_key) do nothing;

-- name: delete_rates
delete from usage_rates where workspace_id = %(workspace_id)s;

-- name: insert_rates
insert into usage_rates (workspace_id, service, metric, model, valid_from, usd_per_unit)
select %(workspace_id)s, * from unnest(
    %(service)s::text[], %(metric)s::text[], %(model)s::text[], %(valid_from)s::timestamptz[], %(usd_per_unit)s::numeric[]
);
