-- name: place
-- Where a message stands in its session's order: (created_at, id).
select created_at, id, session_id from messages where workspace_id = %(workspace_id)s and id = %(id)s;

-- name: now_called
-- The message that another one turned out to be.
select message_id from former_messages where workspace_id = %(workspace_id)s and id = %(id)s;

-- name: one
-- A message with its place in the session's order and its tags.
select m.*, array(
    select tag from message_tags t where t.workspace_id = m.workspace_id and t.message_id = m.id order by tag
) as tags, (
    select count(*) from messages b
    where b.workspace_id = m.workspace_id and b.session_id = m.session_id
        and (b.created_at, b.id) < (m.created_at, m.id)
) as seq
from messages m
where m.workspace_id = %(workspace_id)s and m.id = %(id)s;

-- name: find_in_session
-- A message of a session by its id, its external id, or the id of a transcript record that went into it.
select m.id from messages m
where m.workspace_id = %(workspace_id)s and m.session_id = %(session_id)s
    and (m.id = %(id)s or m.external_id = %(ref)s or m.id = (
        select f.message_id from former_messages f
        where f.workspace_id = %(workspace_id)s and f.id = %(id)s) or m.id = (
        select r.message_id from message_records r
        where r.workspace_id = %(workspace_id)s and r.session_id = %(session_id)s and r.record_id = %(ref)s))
order by (m.id = %(id)s) desc, (m.external_id = %(ref)s) desc
limit 1;

-- name: page
-- Messages from place number `first` on.
with ordered as (
    select id, row_number() over (order by created_at, id) - 1 as seq
    from messages
    where workspace_id = %(workspace_id)s and session_id = %(session_id)s
)
select m.*, o.seq, array(
    select tag from message_tags t where t.workspace_id = m.workspace_id and t.message_id = m.id order by tag
) as tags
from ordered o join messages m on m.workspace_id = %(workspace_id)s and m.id = o.id
where o.seq >= %(first)s and o.seq < %(first)s + %(limit)s::bigint
order by o.seq;

-- name: seq_of
-- The place number of a message, and (for a message that is gone) of the first one behind a place.
select count(*) as seq from messages
where workspace_id = %(workspace_id)s and session_id = %(session_id)s
    and (created_at, id) < (%(created_at)s::timestamptz, %(id)s::bigint);

-- name: parts_of
select message_id, ordinal, type, content::text as content
from parts
where workspace_id = %(workspace_id)s and message_id = any(%(ids)s)
order by message_id, ordinal;

-- name: hits
-- What a search shows of its hits, re-read through the tenant's policy: a deleted or foreign one is not there.
select m.id, m.session_id, m.external_id, m.role, m.text, m.created_at, (
    select count(*) from messages b
    where b.workspace_id = m.workspace_id and b.session_id = m.session_id
        and (b.created_at, b.id) < (m.created_at, m.id)
) as seq
from messages m
where m.workspace_id = %(workspace_id)s and m.id = any(%(ids)s);

-- name: first_of_sessions
select distinct on (session_id) session_id, id
from messages
where workspace_id = %(workspace_id)s and session_id = any(%(session_ids)s)
order by session_id, created_at, id;

-- name: records_of
-- The transcript record behind each message, where one is known.
select distinct on (message_id) message_id, record_id
from message_records
where workspace_id = %(workspace_id)s and message_id = any(%(ids)s)
order by message_id, record_id;

-- name: lock_session
-- First the session, then its message: the order in which sync takes them.
select s.id from sessions s
where s.workspace_id = %(workspace_id)s and s.id in (
    select session_id from messages where workspace_id = %(workspace_id)s and id = any(%(ids)s))
order by s.id
for no key update;

-- name: lock_related
-- The message's session, those above and below it, and those that keep lines of the same files, in the order of locks.
select s.id from sessions s
where s.workspace_id = %(workspace_id)s and s.id = any(array(
    with own as (
        select o.id, o.source, o.external_id, o.parent_external_id
        from messages m join sessions o on o.workspace_id = m.workspace_id and o.id = m.session_id
        where m.workspace_id = %(workspace_id)s and m.id = %(id)s
    )
    select id from own
    union
    select p.id from own o join sessions p
        on p.workspace_id = %(workspace_id)s and p.source = o.source and p.external_id = o.parent_external_id
    union
    select c.id from own o join sessions c
        on c.workspace_id = %(workspace_id)s and c.parent_external_id = o.external_id and c.source = o.source
    union
    select c.session_id from message_lines l join raw_chunks c
        on c.workspace_id = %(workspace_id)s and c.stream = l.stream
    where l.workspace_id = %(workspace_id)s and l.message_id = %(id)s
))
order by s.id
for no key update;

-- name: titled
-- A session's titles as they stand.
select title, title_rank, former_titles from sessions
where workspace_id = %(workspace_id)s and id = %(session_id)s;

-- name: first_prompts
-- What people said first in a session, without history that it was forked with.
select coalesce(m.text, (
    select string_agg(p.content #>> '{}', e'\n' order by p.ordinal) from parts p
    where p.workspace_id = %(workspace_id)s and p.message_id = m.id and p.type = 'text'
), '') as said
from messages m
where m.workspace_id = %(workspace_id)s and m.session_id = %(session_id)s and m.role = 'user'
    and not m.attrs ?| array['copiedFrom', 'forkedFrom']
order by m.created_at, m.id
limit 50;

-- name: entitle
-- In place of titles that a deleted message gave; they are not searched any more either.
update sessions set title = %(title)s, title_rank = %(title_rank)s, former_titles = %(former_titles)s::text[]
where workspace_id = %(workspace_id)s and id = %(session_id)s;

-- name: patch
update messages set
    notes = case when %(clear)s::text[] @> '{notes}' then null else coalesce(%(notes)s, notes) end,
    eval_status = case when %(clear)s::text[] @> '{evalStatus}' then null else coalesce(%(eval_status)s, eval_status) end,
    expected_output = case when %(clear)s::text[] @> '{expectedOutput}' then null else coalesce(%(expected_output)s, expected_output) end,
    eval_ready = case when %(clear)s::text[] @> '{evalReady}' then null else coalesce(%(eval_ready)s, eval_ready) end
where workspace_id = %(workspace_id)s and id = any(%(ids)s)
returning id, session_id;

-- name: bury
-- Under every id by which it was known: whichever of them a client or an import names, it stays deleted.
insert into tombstones (workspace_id, kind, source, session_external_id, external_id)
select distinct m.workspace_id, 'message', s.source, s.external_id, name
from messages m
join sessions s on s.workspace_id = m.workspace_id and s.id = m.session_id
cross join lateral (
    select m.external_id as name
    union select r.record_id from message_records r where r.workspace_id = m.workspace_id and r.message_id = m.id
) names
where m.workspace_id = %(workspace_id)s and m.id = %(id)s
returning session_external_id;

-- name: bury_above
-- A client tells a sub-agent's call under the session that people see: there too it stays deleted, unless a message of
-- that session has the name.
with recursive above as (
    select s.id, s.source, s.external_id, s.parent_external_id, 0 as depth
    from messages m join sessions s on s.workspace_id = m.workspace_id and s.id = m.session_id
    where m.workspace_id = %(workspace_id)s and m.id = %(id)s
    union
    select p.id, p.source, p.external_id, p.parent_external_id, a.depth + 1
    from above a join sessions p
        on p.workspace_id = %(workspace_id)s and p.source = a.source and p.external_id = a.parent_external_id
    where a.depth < 8
)
insert into tombstones (workspace_id, kind, source, session_external_id, external_id)
select distinct %(workspace_id)s, 'message', a.source, a.external_id, c.content ->> 'toolCallId'
from above a
cross join parts c
where a.depth > 0 and c.workspace_id = %(workspace_id)s and c.message_id = %(id)s and c.type = 'tool-call'
    and c.content ->> 'toolCallId' is not null and not exists (
        select from message_records r
        where r.workspace_id = %(workspace_id)s and r.session_id = a.id and r.record_id = c.content ->> 'toolCallId');

-- name: delete
-- Parts, records and passages go by foreign key.
delete from messages where workspace_id = %(workspace_id)s and id = %(id)s returning session_id;

-- name: touch_session
-- The session's version changes with any message or label.
update sessions set message_count = message_count - %(gone)s
where workspace_id = %(workspace_id)s and id = any(%(session_ids)s);

-- name: to_index
-- Messages with the facts of their sessions, as both indexes need them. Written so that it begins with the
-- messages, each by its key: without statistics (a first import) the planner would look through all sessions, and for
-- `id = any(...)` through all of an index in which the id comes last. A session is looked up once: while it grows it is
-- written with every batch, and an index leads through all that is left of that.
with asked as materialized (
    select m.id, m.session_id, m.role, m.text, m.model, m.tools, m.has_error, m.created_at
    from unnest(%(ids)s::bigint[]) as wanted (id)
    cross join lateral (
        select * from messages where workspace_id = %(workspace_id)s and id = wanted.id offset 0
    ) m
), facts as materialized (
    select s.id, s.model, s.source, s.project_name, s.project_path, s.kind, array(
        select tag from session_tags t where t.workspace_id = %(workspace_id)s and t.session_id = s.id
    ) as tags
    from (select distinct session_id as id from asked) of
    cross join lateral (
        select * from sessions where workspace_id = %(workspace_id)s and id = of.id offset 0
    ) s
)
select m.id, m.session_id, m.role, m.text, coalesce(m.model, s.model) as model, m.tools, m.has_error, m.created_at,
    s.source, s.project_name, s.project_path, s.kind, s.tags
from asked m join facts s on s.id = m.session_id;

-- name: sessions_to_index
select s.id, s.title, s.former_titles, s.source, s.project_name, s.project_path, s.model, s.kind, s.created_at,
    array(select tag from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id) as tags
from sessions s
where s.workspace_id = %(workspace_id)s and s.id = any(%(ids)s);

-- name: ids_of_sessions
select id from messages where workspace_id = %(workspace_id)s and session_id = any(%(session_ids)s);

-- name: unseen_of_sessions
-- After a bulk statement: those of its messages that a follower's cursor cannot have seen as they are now.
select id from messages
where workspace_id = %(workspace_id)s and session_id = any(%(session_ids)s)
    and changed_xid >= pg_snapshot_xmin(%(snapshot)s::pg_snapshot)
    and not pg_visible_in_snapshot(changed_xid, %(snapshot)s::pg_snapshot);

-- name: ids_after
-- Every message of a workspace in pages by id, with whether the cursor has seen it as it is now.
select id, changed_xid >= pg_snapshot_xmin(%(snapshot)s::pg_snapshot)
    and not pg_visible_in_snapshot(changed_xid, %(snapshot)s::pg_snapshot) as unseen
from messages
where workspace_id = %(workspace_id)s and id > %(after)s
order by id
limit %(limit)s;

-- name: session_ids_after
select id, changed_xid >= pg_snapshot_xmin(%(snapshot)s::pg_snapshot)
    and not pg_visible_in_snapshot(changed_xid, %(snapshot)s::pg_snapshot) as unseen
from sessions
where workspace_id = %(workspace_id)s and id > %(after)s
order by id
limit %(limit)s;
