-- name: models
-- Those that are filled or asked, the active one first.
select id, name, dimension, status from embedding_models
where status <> 'retired'
order by status, id;

-- name: add_active
-- The first model is the active one. When another process is first, nothing.
insert into embedding_models (name, dimension, status) values (%(name)s, %(dimension)s, 'active')
on conflict (status) where status = 'active' do nothing;

-- name: add_filling
insert into embedding_models (name, dimension) values (%(name)s, %(dimension)s) returning id;

-- name: retire_active
update embedding_models set status = 'retired' where status = 'active' and id <> %(id)s;

-- name: activate
update embedding_models set status = 'active' where id = %(id)s;

-- name: retired
select id from embedding_models where status = 'retired';

-- name: delete_model
-- Its vectors and what waits for one go by foreign key.
delete from embedding_models where id = %(id)s and status <> 'active';

-- name: index_state
-- Whether an index is there, and whole (a build that was broken off leaves one that is not).
select i.indisvalid as whole from pg_class c join pg_index i on i.indexrelid = c.oid
where c.relname = %(name)s and i.indrelid = 'embeddings'::regclass;

-- name: enqueue
-- The texts of these messages that have no vector, for every model that is filled or asked. A text that waits
-- already keeps the better priority and the newer message.
insert into embedding_queue (workspace_id, model_id, text_sha256, priority, message_id)
select p.workspace_id, m.id, p.text_sha256, min(p.priority), max(p.message_id)
from passages p cross join embedding_models m
where p.workspace_id = %(workspace_id)s and p.message_id = any(%(message_ids)s) and m.status <> 'retired'
    and not exists (
        select from embeddings e
        where e.workspace_id = p.workspace_id and e.model_id = m.id and e.text_sha256 = p.text_sha256)
group by p.workspace_id, m.id, p.text_sha256
order by p.text_sha256
on conflict (workspace_id, model_id, text_sha256) do update
    set priority = least(embedding_queue.priority, excluded.priority),
        message_id = greatest(embedding_queue.message_id, excluded.message_id)
    where excluded.priority < embedding_queue.priority or excluded.message_id > embedding_queue.message_id;

-- name: next_workspace
-- The workspace of the text that is next over all: what people said before tools' output, the newest first.
select workspace_id from embedding_queue
where model_id = %(model_id)s and (claimed_until is null or claimed_until < now())
order by priority, message_id desc
limit 1;

-- name: claim
-- Several workers take different texts; who dies has taken them until the lease runs out.
with next as materialized (
    select text_sha256 from embedding_queue
    where workspace_id = %(workspace_id)s and model_id = %(model_id)s
        and (claimed_until is null or claimed_until < now())
    order by priority, message_id desc
    limit %(limit)s
    for update skip locked
)
update embedding_queue q set claimed_until = now() + make_interval(secs => %(lease_s)s)
from next
where q.workspace_id = %(workspace_id)s and q.model_id = %(model_id)s and q.text_sha256 = next.text_sha256
returning q.text_sha256;

-- name: store
-- Only texts that still stand somewhere: their last passage may have gone while the model computed.
insert into embeddings (workspace_id, model_id, text_sha256, embedding)
select %(workspace_id)s, %(model_id)s, t.text_sha256, t.embedding
from unnest(%(texts)s::bytea[], %(vectors)s::text[]::halfvec[]) as t (text_sha256, embedding)
where exists (
    select from passages p where p.workspace_id = %(workspace_id)s and p.text_sha256 = t.text_sha256)
order by t.text_sha256
on conflict (workspace_id, model_id, text_sha256) do nothing;

-- name: dequeue
delete from embedding_queue
where workspace_id = %(workspace_id)s and model_id = %(model_id)s and text_sha256 = any(%(texts)s);

-- name: waiting
-- How many texts of a workspace wait for a vector of the active model.
select count(*) as texts from embedding_queue q
where q.workspace_id = %(workspace_id)s
    and q.model_id = (select id from embedding_models where status = 'active');

-- name: await_vectors
-- Whether a text waits for its vector that was written by the last transactions that a token sees: those of the workspace
-- within `window_s` of the last one, and not further back than 20,000 transactions. What waited before is not waited for.
with seen as materialized (
    select xid, at, row_id, session_id from change_log
    where workspace_id = %(workspace_id)s and tbl = 'messages' and op <> 'D'
        and xid >= greatest(pg_snapshot_xmax(%(token)s::pg_snapshot)::text::bigint - 20000, 3)::text::xid8
        and pg_visible_in_snapshot(xid, %(token)s::pg_snapshot)
), written as materialized (
    select xid, row_id, session_id from seen
    where at >= (select max(at) from seen) - make_interval(secs => %(window_s)s)
), changed as (
    select row_id as id from written where row_id is not null
    union
    select m.id
    from written w join messages m on m.workspace_id = %(workspace_id)s and m.session_id = w.session_id and m.changed_xid = w.xid
    where w.row_id is null
)
select exists (
    select from changed
    join passages p on p.workspace_id = %(workspace_id)s and p.message_id = changed.id
    join embedding_queue q on q.workspace_id = %(workspace_id)s and q.text_sha256 = p.text_sha256
        and q.model_id = (select id from embedding_models where status = 'active')
) as waiting;

-- name: waiting_of_model
-- Over all workspaces.
select count(*) as texts from embedding_queue where model_id = %(model_id)s;

-- name: queue_depth
-- Over all workspaces and models; taken: by a worker whose lease has not run out.
select count(*) filter (where claimed_until is null or claimed_until < now()) as waiting,
    count(*) filter (where claimed_until >= now()) as taken
from embedding_queue;

-- name: page_of_messages
-- The last message of the next page, by id.
select max(id) as last from (
    select id from messages where workspace_id = %(workspace_id)s and id > %(after)s order by id limit %(limit)s
) page;

-- name: enqueue_missing
-- What fell between two transactions: a text that has a passage, and neither a vector nor a place in the queue. A page
-- of messages at a time, since a million of them take minutes.
insert into embedding_queue (workspace_id, model_id, text_sha256, priority, message_id)
select p.workspace_id, m.id, p.text_sha256, min(p.priority), max(p.message_id)
from passages p cross join embedding_models m
where p.workspace_id = %(workspace_id)s and p.message_id > %(after)s and p.message_id <= %(last)s
    and m.status <> 'retired'
    and not exists (
        select from embeddings e
        where e.workspace_id = p.workspace_id and e.model_id = m.id and e.text_sha256 = p.text_sha256)
    and not exists (
        select from embedding_queue q
        where q.workspace_id = p.workspace_id and q.model_id = m.id and q.text_sha256 = p.text_sha256)
group by p.workspace_id, m.id, p.text_sha256
on conflict (workspace_id, model_id, text_sha256) do nothing;

-- name: delete_unreferenced
-- Vectors of texts whose last passage went while they were stored.
delete from embeddings e
where e.workspace_id = %(workspace_id)s
    and not exists (
        select from passages p where p.workspace_id = e.workspace_id and p.text_sha256 = e.text_sha256);

-- name: dequeue_unreferenced
delete from embedding_queue q
where q.workspace_id = %(workspace_id)s
    and not exists (
        select from passages p where p.workspace_id = q.workspace_id and p.text_sha256 = q.text_sha256);

