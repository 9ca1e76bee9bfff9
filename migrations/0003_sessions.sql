-- What was said: sessions, their tags, messages and parts, and where each message came from.
--
-- NULL is "unknown" for every count and cost. changed_xid is the last transaction that wrote the row:
-- a follower whose change log is too short, or that meets a bulk statement, finds by it what is new.

create table sessions (
    workspace_id bigint not null references workspaces on delete cascade,
    id bigint generated always as identity,
    user_id bigint references users on delete set null,
    source text not null check (length(source) between 1 and 100),
    -- The source was only assumed: the first write that names one adopts the session.
    source_provisional boolean not null default false,
    external_id text not null check (length(external_id) between 1 and 512),
    parent_external_id text,
    kind text not null default 'agent'
        check (kind in ('agent', 'thread', 'conversation', 'sandbox', 'run', 'run_step', 'issue_session', 'chain')),
    title text,
    -- 0 none or a placeholder, 1 a made-up slug or a bare command, 2 derived from the first user text, 3 given by a client,
    -- 4 by a person here: a weaker one never replaces a stronger.
    title_rank smallint not null default 0 check (title_rank between 0 and 4),
    former_titles text[] not null default '{}',
    project_name text,
    project_path text,
    model text,
    provider text,
    prompt_tokens bigint check (prompt_tokens >= 0),
    completion_tokens bigint check (completion_tokens >= 0),
    cache_read_tokens bigint check (cache_read_tokens >= 0),
    cache_write_tokens bigint check (cache_write_tokens >= 0),
    -- The four counts are disjoint: prompt tokens are those that were neither read from a cache nor written to one.
    total_tokens bigint generated always as (
        coalesce(prompt_tokens, 0) + coalesce(completion_tokens, 0)
        + coalesce(cache_read_tokens, 0) + coalesce(cache_write_tokens, 0)
    ) stored,
    cost_usd numeric(20, 10) check (cost_usd >= 0),
    duration_ms bigint check (duration_ms >= 0),
    status text,
    is_public boolean not null default false,
    slug text unique,
    notes text,
    eval_ready boolean not null default false,
    eval_status text check (eval_status in ('golden', 'correct', 'incorrect', 'needs_review')),
    expected_output text,
    attrs jsonb not null default '{}',
    message_count integer not null default 0 check (message_count >= 0),
    -- Which sides have brought something of it: an import of its transcript, a client that syncs.
    transcript boolean not null default false,
    client boolean not null default false,
    -- Totals that its transcript has told, which no client replaces: 1 tokens, 2 cost, 4 duration.
    transcript_totals smallint not null default 0,
    created_at timestamptz not null,
    -- Of the latest activity: the newest message, or a write that changed the session.
    updated_at timestamptz not null,
    changed_xid xid8 not null default pg_current_xact_id(),
    primary key (workspace_id, id),
    unique (workspace_id, source, external_id),
    check (not is_public or slug is not null)
);

create index sessions_by_external_id on sessions (workspace_id, external_id);
create index sessions_by_update on sessions (workspace_id, updated_at desc, id desc);
create index sessions_by_parent on sessions (workspace_id, parent_external_id) where parent_external_id is not null;

-- A table and not an array: array operators are not leakproof, so that an index on tags would go unused.
create table session_tags (
    workspace_id bigint not null,
    session_id bigint not null,
    tag text not null check (length(tag) between 1 and 200),
    primary key (workspace_id, session_id, tag),
    foreign key (workspace_id, session_id) references sessions on delete cascade
);

create index session_tags_by_tag on session_tags (workspace_id, tag);

-- In the order of its session: (created_at, id); ids are given in order of arrival.
create table messages (
    workspace_id bigint not null,
    id bigint generated always as identity,
    session_id bigint not null,
    external_id text not null check (length(external_id) between 1 and 512),
    role text not null check (role in ('user', 'assistant', 'system', 'tool', 'unknown')),
    text text storage external, -- as with parts.content
    model text,
    source text,
    prompt_tokens bigint check (prompt_tokens >= 0),
    completion_tokens bigint check (completion_tokens >= 0),
    cache_read_tokens bigint check (cache_read_tokens >= 0),
    cache_write_tokens bigint check (cache_write_tokens >= 0),
    cost_usd numeric(20, 10) check (cost_usd >= 0),
    duration_ms bigint check (duration_ms >= 0),
    attrs jsonb not null default '{}',
    -- Of all parts in their normal form; NULL: no write has brought any.
    parts_sha256 bytea check (length(parts_sha256) = 32),
    tools text[] not null default '{}',
    has_error boolean not null default false,
    eval_ready boolean, -- NULL: as its session is
    eval_status text check (eval_status in ('golden', 'correct', 'incorrect', 'needs_review')),
    expected_output text,
    notes text,
    -- Its content is the transcript's: a client fills only what is unknown.
    transcript boolean not null default false,
    -- Of a transcript's message: a hash of what it says, by which a client's copy of it is known.
    text_key bigint,
    created_at timestamptz not null,
    changed_xid xid8 not null default pg_current_xact_id(),
    primary key (workspace_id, id),
    unique (workspace_id, session_id, external_id),
    foreign key (workspace_id, session_id) references sessions on delete cascade
);

create index messages_in_order on messages (workspace_id, session_id, created_at, id);

-- json and not jsonb: key order and the spelling of numbers stay as they were sent.
create table parts (
    workspace_id bigint not null,
    message_id bigint not null,
    ordinal integer not null check (ordinal >= 0),
    type text not null check (type in ('text', 'reasoning', 'tool-call', 'tool-result', 'image', 'file')),
    -- Long values lie outside the row as they are: packing them took a quarter of what a write costs Postgres, for an
    -- eighth less space.
    content json storage external not null,
    primary key (workspace_id, message_id, ordinal),
    foreign key (workspace_id, message_id) references messages on delete cascade
);

-- Every transcript record, tool-use id or plugin's id that went into a message: each message once,
-- whether it came by a plugin, by import, or both. origin: which side names the message so.
create table message_records (
    workspace_id bigint not null,
    session_id bigint not null,
    record_id text not null check (length(record_id) between 1 and 512),
    message_id bigint not null,
    origin text not null check (origin in ('transcript', 'client', 'both')),
    primary key (workspace_id, session_id, record_id),
    foreign key (workspace_id, message_id) references messages on delete cascade
);

create index message_records_by_message on message_records (workspace_id, message_id);

-- Messages that turned out to be another one: who still names one by the id that it had is led to that one.
create table former_messages (
    workspace_id bigint not null,
    id bigint not null,
    message_id bigint not null,
    primary key (workspace_id, id),
    foreign key (workspace_id, message_id) references messages on delete cascade
);

create index former_messages_by_message on former_messages (workspace_id, message_id);

-- Which raw lines a message was read from: offsets of their first bytes in the stream, ascending.
create table message_lines (
    workspace_id bigint not null,
    message_id bigint not null,
    stream text not null check (length(stream) between 1 and 128),
    offsets bigint[] not null,
    primary key (workspace_id, message_id, stream),
    foreign key (workspace_id, message_id) references messages on delete cascade
);

-- Transcript lines as they lay on disk, so that a better parser can read them again: a chunk is lines of one
-- session in one stream (the content of a file, on whatever path), one after the other without newlines, as one
-- zstd frame. offsets and sizes are theirs, in bytes, in the stream's order.
create table raw_chunks (
    workspace_id bigint not null,
    session_id bigint not null,
    stream text not null check (length(stream) between 1 and 128),
    first_offset bigint not null check (first_offset >= 0),
    format text not null check (length(format) between 1 and 100),
    path text not null,
    offsets bigint[] not null,
    sizes integer[] not null,
    bytes_sha256 bytea not null check (length(bytes_sha256) = 32),
    zstd bytea not null,
    primary key (workspace_id, session_id, stream, first_offset),
    foreign key (workspace_id, session_id) references sessions on delete cascade,
    check (cardinality(offsets) = cardinality(sizes) and offsets[1] = first_offset)
);

create index raw_chunks_by_stream on raw_chunks (workspace_id, stream, first_offset);
-- Compressed already.
alter table raw_chunks alter column zstd set storage external;

-- How far each file of each machine was read; written in the transaction of what was read.
create table import_files (
    workspace_id bigint not null references workspaces on delete cascade,
    machine text not null check (length(machine) between 1 and 200),
    path text not null check (length(path) between 1 and 2500),
    source text not null,
    format text not null,
    stream text not null,
    inode numeric(20) not null check (inode >= 0),
    size bigint not null check (size >= 0),
    mtime_ms bigint not null,
    read_to bigint not null check (read_to >= 0),
    tail_sha256 text not null,
    resume_offset bigint not null check (resume_offset >= 0),
    state json not null,
    parser_version integer not null,
    sessions bigint not null check (sessions >= 0),
    messages bigint not null check (messages >= 0),
    lines bigint not null check (lines >= 0),
    left_out jsonb not null,
    read_at timestamptz not null,
    primary key (workspace_id, machine, path)
);

-- What was deleted here stays deleted when a client sends it again.
-- Of a message session_external_id is its session's, and every id by which it was known has a row; of a session
-- it is the session's own. Of a raw line external_id is `<stream>:<offset>`.
create table tombstones (
    workspace_id bigint not null references workspaces on delete cascade,
    kind text not null check (kind in ('session', 'message', 'line')),
    source text not null,
    session_external_id text not null,
    external_id text not null,
    deleted_at timestamptz not null default now()
);

create index tombstones_by_session on tombstones (workspace_id, session_external_id);

create table request_log (
    workspace_id bigint not null references workspaces on delete cascade,
    id bigint generated always as identity,
    at timestamptz not null default now(),
    key_id bigint not null,
    method text not null,
    route text not null,
    status smallint not null,
    duration_ms real not null,
    primary key (workspace_id, id)
);

create index request_log_by_time on request_log (at);
