-- name: of
-- The message before and after each, by the index of the session's order, and when each was said.
select m.id, earlier.id as before, later.id as after, (extract(epoch from m.created_at) * 1000)::bigint as said_at_ms
from messages m
left join lateral (
    select b.id from messages b
    where b.workspace_id = %(workspace_id)s and b.session_id = m.session_id and (b.created_at, b.id) < (m.created_at, m.id)
    order by b.created_at desc, b.id desc
    limit 1
) earlier on true
left join lateral (
    select a.id from messages a
    where a.workspace_id = %(workspace_id)s and a.session_id = m.session_id and (a.created_at, a.id) > (m.created_at, m.id)
    order by a.created_at, a.id
    limit 1
) later on true
where m.workspace_id = %(workspace_id)s and m.id = any(%(ids)s);

-- name: within
-- The messages up to so many places before and after each, by the index of the session's order.
select m.id, near.id as beside, near.away
from messages m
cross join lateral (
    (
        select b.id, row_number() over (order by b.created_at desc, b.id desc) as away from messages b
        where b.workspace_id = %(workspace_id)s and b.session_id = m.session_id and (b.created_at, b.id) < (m.created_at, m.id)
        order by b.created_at desc, b.id desc
        limit %(window)s
    ) union all (
        select a.id, row_number() over (order by a.created_at, a.id) as away from messages a
        where a.workspace_id = %(workspace_id)s and a.session_id = m.session_id and (a.created_at, a.id) > (m.created_at, m.id)
        order by a.created_at, a.id
        limit %(window)s
    )
) near
where m.workspace_id = %(workspace_id)s and m.id = any(%(ids)s);
