-- name: totals
-- Unknown counts and costs add nothing. The messages are counted by the sessions' own counters.
select count(*) as sessions, coalesce(sum(message_count), 0)::bigint as messages,
    coalesce(sum(total_tokens), 0)::bigint as tokens, coalesce(sum(cost_usd), 0) as cost_usd,
    coalesce(sum(duration_ms), 0)::bigint as duration_ms
from sessions
where workspace_id = %(workspace_id)s;

-- name: by_model
-- The same sessions by model, the one with most tokens first.
select coalesce(model, 'unknown') as model, count(*) as sessions,
    coalesce(sum(total_tokens), 0)::bigint as tokens, coalesce(sum(cost_usd), 0) as cost_usd
from sessions
where workspace_id = %(workspace_id)s
group by coalesce(model, 'unknown')
order by tokens desc, model;
