-- Derived and rebuildable: passages, their vectors, and the queue of texts that wait for one.

-- A model is a row. Its vectors have their own partial HNSW index, so that a new model is filled beside the
-- one in use and switched to without downtime. At most one is active.
create table embedding_models (
    id smallint generated always as identity primary key,
    name text not null,
    dimension integer not null check (dimension between 1 and 4000),
    status text not null default 'filling' check (status in ('filling', 'active', 'retired')),
    created_at timestamptz not null default now()
);

create unique index embedding_models_active on embedding_models (status) where status = 'active';

-- A piece of a message that is small enough to embed: offsets into its field (-1: the message's text,
-- else the part's ordinal), in code points, and not its text again. The text's hash is in the key so that a
-- message's new passages can be written before the old ones go: a text that stays keeps its vector.
create table passages (
    workspace_id bigint not null,
    message_id bigint not null,
    field integer not null check (field >= -1),
    start_offset integer not null check (start_offset >= 0),
    end_offset integer not null,
    text_sha256 bytea not null check (length(text_sha256) = 32),
    priority smallint not null check (priority between 0 and 2),
    primary key (workspace_id, message_id, field, start_offset, text_sha256),
    foreign key (workspace_id, message_id) references messages on delete cascade,
    check (end_offset > start_offset)
);

create index passages_by_text on passages (workspace_id, text_sha256);

-- Once per text and model; a text that stands in ten sessions has one vector, and it goes with the last of them.
create table embeddings (
    workspace_id bigint not null references workspaces on delete cascade,
    model_id smallint not null references embedding_models on delete cascade,
    text_sha256 bytea not null check (length(text_sha256) = 32),
    embedding halfvec not null,
    primary key (workspace_id, model_id, text_sha256)
);

-- message_id is one message that holds the text (the newest known), to find it and to take new ones first.
create table embedding_queue (
    workspace_id bigint not null references workspaces on delete cascade,
    model_id smallint not null references embedding_models on delete cascade,
    text_sha256 bytea not null check (length(text_sha256) = 32),
    priority smallint not null,
    message_id bigint not null,
    claimed_until timestamptz,
    primary key (workspace_id, model_id, text_sha256)
);

create index embedding_queue_in_order on embedding_queue (model_id, priority, message_id desc);

-- Models are named one by one, since model_id stands in the middle of the keys and Postgres 16 would read them whole.
create function drop_unreferenced_texts() returns trigger language plpgsql as $$
begin
    delete from embeddings e using (select distinct workspace_id, text_sha256 from old_rows) gone
    where e.workspace_id = gone.workspace_id and e.text_sha256 = gone.text_sha256
        and e.model_id = any(array(select id from embedding_models))
        and not exists (
            select from passages p where p.workspace_id = gone.workspace_id and p.text_sha256 = gone.text_sha256);
    delete from embedding_queue q using (select distinct workspace_id, text_sha256 from old_rows) gone
    where q.workspace_id = gone.workspace_id and q.text_sha256 = gone.text_sha256
        and q.model_id = any(array(select id from embedding_models))
        and not exists (
            select from passages p where p.workspace_id = gone.workspace_id and p.text_sha256 = gone.text_sha256);
    return null;
end
$$;

create trigger drop_texts after delete on passages referencing old table as old_rows
    for each statement execute function drop_unreferenced_texts();
