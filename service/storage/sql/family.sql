-- name: told_below
-- Calls, as a client tells them of a session, that transcripts of sessions below it have made.
with recursive below as (
    select s.id as own, s.id, s.external_id, s.source, 0 as depth
    from sessions s
    where s.workspace_id = %(workspace_id)s and s.id = any(%(session_id)s::bigint[])
    union
    select b.own, c.id, c.external_id, c.source, b.depth + 1
    from below b join sessions c
        on c.workspace_id = %(workspace_id)s and c.parent_external_id = b.external_id and c.source = b.source
    where b.depth < 8
)
select distinct on (w.session_id, w.name) w.session_id, w.name, r.session_id as below_id, r.message_id, r.origin
from unnest(%(session_id)s::bigint[], %(name)s::text[]) as w (session_id, name)
join below b on b.own = w.session_id and b.id <> b.own
join message_records r
    on r.workspace_id = %(workspace_id)s and r.session_id = b.id and r.record_id = w.name and r.origin <> 'client'
order by w.session_id, w.name, r.message_id;

-- name: clients_above
-- The sessions above these to which clients have written.
with recursive above as (
    select s.id as session_id, s.id, s.source, s.parent_external_id, s.client, 0 as depth
    from sessions s
    where s.workspace_id = %(workspace_id)s and s.id = any(%(session_ids)s::bigint[])
        and s.parent_external_id is not null
    union
    select a.session_id, p.id, p.source, p.parent_external_id, p.client, a.depth + 1
    from above a join sessions p
        on p.workspace_id = %(workspace_id)s and p.source = a.source and p.external_id = a.parent_external_id
    where a.depth < 8
)
select distinct session_id, id as above_id from above where depth > 0 and client and id <> session_id;

-- name: client_rows
-- What only clients have brought, by its external id.
select m.id, m.session_id, m.external_id, m.role, m.transcript, m.created_at, m.notes, m.eval_status, m.expected_output
from unnest(%(session_id)s::bigint[], %(name)s::text[]) as w (session_id, name)
join messages m
    on m.workspace_id = %(workspace_id)s and m.session_id = w.session_id and m.external_id = w.name and not m.transcript
order by m.created_at, m.id;
