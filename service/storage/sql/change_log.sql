-- name: changes_since
-- What is visible now and was not at the cursor, with the snapshot that says so: one statement, one snapshot.
-- What a snapshot does not see is what begins behind its xmax and what was running then (xip): asked for so, and not
-- from its xmin on, a transaction that stays open for long costs nothing.
-- One row more than is taken tells that there are too many to take.
with now as materialized (select pg_current_snapshot() as snapshot)
select now.snapshot::text as snapshot, c.workspace_id, c.tbl, c.op, c.row_id, c.session_id, c.user_id, c.cols, c.at
from now
left join (
    select * from change_log where xid >= pg_snapshot_xmax(%(cursor)s::pg_snapshot)
    union all
    select * from change_log where xid = any(array(select pg_snapshot_xip(%(cursor)s::pg_snapshot)))
) c on true
limit %(most)s;

-- name: changes_since_xid
-- What some workspaces changed in transactions from one on, for readers who have seen some of them.
select c.xid::text as xid, c.workspace_id, c.tbl, c.op, c.row_id, c.session_id, c.user_id, c.cols, c.at
from change_log c
where c.xid >= %(xid)s::text::xid8 and c.workspace_id = any(%(workspace_ids)s)
limit %(most)s;

-- name: floor
select dropped_xid::text as dropped_xid from change_log_floor;

-- name: too_short
-- Whether changes that the cursor had not seen may have been dropped.
select dropped_xid >= pg_snapshot_xmin(%(cursor)s::pg_snapshot) as too_short from change_log_floor;

-- name: snapshot
select pg_current_snapshot()::text as snapshot;

-- name: waiting
-- How many messages of a workspace changed since a cursor: bulk rows count the session's unseen messages. The log is
-- looked through once: that is most of the time that this takes when nothing waits.
with unseen as materialized (
    select row_id, session_id
    from change_log
    where workspace_id = %(workspace_id)s and tbl = 'messages'
        and xid >= pg_snapshot_xmin(%(cursor)s::pg_snapshot)
        and not pg_visible_in_snapshot(xid, %(cursor)s::pg_snapshot)
)
select count(*) as messages from (
    select row_id from unseen where row_id is not null
    union
    select m.id
    from unseen u join messages m on m.workspace_id = %(workspace_id)s and m.session_id = u.session_id
    where u.row_id is null and not pg_visible_in_snapshot(m.changed_xid, %(cursor)s::pg_snapshot)
) waiting;

-- name: missing
-- Whether a token sees a change of the workspace that a cursor does not; when the log is too short to say, it may.
select exists (
    select from change_log c
    where c.workspace_id = %(workspace_id)s
        and c.xid >= pg_snapshot_xmin(%(cursor)s::pg_snapshot)
        and not pg_visible_in_snapshot(c.xid, %(cursor)s::pg_snapshot)
        and pg_visible_in_snapshot(c.xid, %(token)s::pg_snapshot)
) or exists (
    select from change_log_floor where dropped_xid >= pg_snapshot_xmin(%(cursor)s::pg_snapshot)
) as missing;

-- name: waiting_in_all
-- Changes of messages in all workspaces since a cursor; a bulk row counts as one.
select count(*) as changes from change_log c
where c.tbl = 'messages'
    and c.xid >= pg_snapshot_xmin(%(cursor)s::pg_snapshot)
    and not pg_visible_in_snapshot(c.xid, %(cursor)s::pg_snapshot);

-- name: read_cursor
select snapshot::text as snapshot from cursors where name = %(name)s;

-- name: move_cursor
insert into cursors (name, snapshot) values (%(name)s, %(snapshot)s::pg_snapshot)
on conflict (name) do update set snapshot = excluded.snapshot, updated_at = now();

-- name: forget_cursors
-- A follower that has not been heard of for so long no longer holds the log back.
delete from cursors where updated_at < now() - make_interval(days => %(days)s);

-- name: partitions
-- The days that have a partition.
select substring(c.relname from 'change_log_(\d{8})') as day
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'change_log'::regclass and c.relname ~ '^change_log_\d{8}$'
order by day;

-- name: oldest_cursor
-- The lowest transaction that some follower may not have seen; NULL: nobody follows.
select min(pg_snapshot_xmin(snapshot)::text::numeric)::text as xmin from cursors;
