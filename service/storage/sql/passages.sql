-- name: one_writer
-- Two followers may overlap for a moment; each reads messages after it has this, so that the later writes the newer.
select pg_advisory_xact_lock(hashtext('backscroll passages'), %(workspace_id)s::int);

-- name: insert
-- Only of messages that are still there, and kept there by the lock: their deletion waits and takes these along.
with kept as materialized (
    select id, session_id from messages
    where workspace_id = %(workspace_id)s and id = any(%(message_id)s)
    order by id
    for key share
)
insert into passages (
    workspace_id, session_id, message_id, field, start_offset, end_offset, text_sha256, priority
)
select
    %(workspace_id)s, kept.session_id, p.message_id, p.field, p.start_offset, p.end_offset, p.text_sha256, p.priority
from unnest(
    %(message_id)s::bigint[], %(field)s::int[], %(start_offset)s::int[], %(end_offset)s::int[],
    %(text_sha256)s::bytea[], %(priority)s::smallint[]
) as p (message_id, field, start_offset, end_offset, text_sha256, priority)
join kept on kept.id = p.message_id
on conflict (workspace_id, message_id, field, start_offset, text_sha256) do update
    set end_offset = excluded.end_offset, priority = excluded.priority
    where (passages.end_offset, passages.priority) is distinct from (excluded.end_offset, excluded.priority);

-- name: delete_others
-- After the insert: a text that stays, be it in another place, keeps its vector.
delete from passages p
where p.workspace_id = %(workspace_id)s and p.message_id = any(%(message_ids)s)
    and (p.message_id, p.field, p.start_offset, p.text_sha256) not in (
        select * from unnest(%(message_id)s::bigint[], %(field)s::int[], %(start_offset)s::int[], %(text_sha256)s::bytea[]));

-- name: places
-- For each text the newest message that has it.
select distinct on (text_sha256) text_sha256, message_id, field, start_offset, end_offset
from passages
where workspace_id = %(workspace_id)s and text_sha256 = any(%(texts)s)
order by text_sha256, message_id desc, field, start_offset;

-- name: messages_in_all
select coalesce(sum(message_count), 0) as messages from sessions where workspace_id = %(workspace_id)s;
