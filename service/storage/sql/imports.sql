-- name: lift_tombstones
delete from tombstones t
using unnest(%(kind)s::text[], %(source)s::text[], %(session_external_id)s::text[], %(external_id)s::text[])
    as w (kind, source, session_external_id, external_id)
where t.workspace_id = %(workspace_id)s and t.session_external_id = w.session_external_id and t.kind = w.kind
    and t.source = w.source and t.external_id = w.external_id;

-- name: of_stream_alone
-- Messages that were read from this stream and from no other, that no client has brought, and beside which nobody has
-- written anything; with the offsets of their lines. Found through the sessions that keep the stream's lines.
select m.id, m.session_id, l.offsets
from (
    select distinct session_id from raw_chunks where workspace_id = %(workspace_id)s and stream = %(stream)s
) c
join sessions s on s.workspace_id = %(workspace_id)s and s.id = c.session_id
    and s.external_id = any(%(session_external_ids)s::text[])
join messages m on m.workspace_id = %(workspace_id)s and m.session_id = c.session_id and m.transcript
join message_lines l on l.workspace_id = %(workspace_id)s and l.message_id = m.id and l.stream = %(stream)s
where coalesce(m.notes, m.eval_status, m.expected_output) is null and m.eval_ready is null
    and not exists (select from message_tags t where t.workspace_id = %(workspace_id)s and t.message_id = m.id)
    and not exists (
        select from message_lines o
        where o.workspace_id = %(workspace_id)s and o.message_id = m.id and o.stream <> l.stream)
    and not exists (
        select from message_records r
        where r.workspace_id = %(workspace_id)s and r.message_id = m.id and r.origin <> 'transcript');

-- name: lock_sessions_of
select id from sessions
where workspace_id = %(workspace_id)s and id = any(%(session_ids)s::bigint[])
order by id
for no key update;

-- name: forget
-- No tombstone: a parser may find them again.
delete from messages where workspace_id = %(workspace_id)s and id = any(%(ids)s::bigint[]) returning session_id;

-- name: lines_of_sessions
-- In which streams the messages of these sessions lie. Each message's by the primary key: in one statement with the
-- documents the planner joined every document with every message.
select m.session_id, m.id, l.stream
from messages m
cross join lateral (
    select stream from message_lines
    where workspace_id = %(workspace_id)s and message_id = m.id
    offset 0
) l
where m.workspace_id = %(workspace_id)s and m.session_id = any(%(session_ids)s::bigint[]);

-- name: forget_lines
delete from message_lines l
using unnest(%(message_id)s::bigint[], %(stream)s::text[]) as w (message_id, stream)
where l.workspace_id = %(workspace_id)s and l.message_id = w.message_id and l.stream = w.stream;

-- name: count_forgotten
update sessions s set message_count = s.message_count - w.gone
from (select session_id, count(*) as gone from unnest(%(session_ids)s::bigint[]) as session_id group by 1) w
where s.workspace_id = %(workspace_id)s and s.id = w.session_id;
