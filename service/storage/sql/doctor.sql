-- name: server
-- Which Postgres and which pgvector answer.
select current_setting('server_version') as postgres,
    (select extversion from pg_extension where extname = 'vector') as vector;

-- name: unprotected_tables
-- Tables of tenants on which row-level security is not forced, or which no policy guards. A partition needs
-- neither: it has no policy, so that nobody but the owner sees a row of it.
select c.relname as name
from pg_class c
where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p')
    and (c.relname in ('users', 'workspaces')
        or exists (select from pg_attribute a where a.attrelid = c.oid and a.attname = 'workspace_id'))
    and not (
        c.relrowsecurity
        and (c.relispartition
            or c.relforcerowsecurity and exists (select from pg_policy p where p.polrelid = c.oid)))
order by c.relname;

-- name: last_partition
-- The last day that has a partition; NULL: none.
select to_date(max(substring(c.relname from 'change_log_(\d{8})')), 'YYYYMMDD') as day
from pg_inherits i join pg_class c on c.oid = i.inhrelid
where i.inhparent = 'change_log'::regclass;

-- name: cursors
-- The followers of the change log: when each last moved, whether it has something to read, and whether the log
-- still reaches back to it.
select name, extract(epoch from now() - updated_at)::float8 as still_s,
    exists (
        select from change_log c
        where c.xid >= pg_snapshot_xmin(snapshot) and not pg_visible_in_snapshot(c.xid, snapshot)) as is_behind,
    (select dropped_xid from change_log_floor) >= pg_snapshot_xmin(snapshot) as is_too_old
from cursors order by name;

-- name: missing_vectors
-- Texts of a workspace with neither a vector of the active model nor a place in the queue for one.
select count(distinct p.text_sha256) as texts
from passages p cross join embedding_models m
where p.workspace_id = %(workspace_id)s and m.status = 'active'
    and not exists (
        select from embeddings e
        where e.workspace_id = p.workspace_id and e.model_id = m.id and e.text_sha256 = p.text_sha256)
    and not exists (
        select from embedding_queue q
        where q.workspace_id = p.workspace_id and q.model_id = m.id and q.text_sha256 = p.text_sha256);

-- name: orphaned_vectors
-- Vectors of a workspace whose text stands nowhere any more.
select count(*) as texts from embeddings e
where e.workspace_id = %(workspace_id)s
    and not exists (
        select from passages p where p.workspace_id = e.workspace_id and p.text_sha256 = e.text_sha256);

-- name: damaged_vector_indexes
-- HNSW indexes whose build was broken off.
select c.relname as name from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = 'embeddings'::regclass and not i.indisvalid;

-- name: miscounted
-- Sessions of a workspace whose count of messages is not what there is.
select count(*) as sessions from sessions s
left join (
    select session_id, count(*) as messages from messages where workspace_id = %(workspace_id)s group by session_id
) m on m.session_id = s.id
where s.workspace_id = %(workspace_id)s and s.message_count <> coalesce(m.messages, 0);

-- name: recount
update sessions s set message_count = (
    select count(*) from messages m where m.workspace_id = s.workspace_id and m.session_id = s.id)
where s.workspace_id = %(workspace_id)s and s.message_count <> (
    select count(*) from messages m where m.workspace_id = s.workspace_id and m.session_id = s.id);

-- name: unsplit
-- Messages with something to say that no passage has, although whoever splits them has been there. Of shorter texts
-- some have nothing in them to embed.
select m.id from messages m
where m.workspace_id = %(workspace_id)s and length(m.text) >= 20 and m.text ~ '\w{3}'
    and pg_visible_in_snapshot(m.changed_xid, %(cursor)s::pg_snapshot)
    and not exists (select from passages p where p.workspace_id = m.workspace_id and p.message_id = m.id)
order by m.id;

-- name: has_vector_index
select exists (
    select from pg_index i join pg_class c on c.oid = i.indexrelid
    where i.indrelid = 'embeddings'::regclass and c.relname = %(name)s) as there;
