-- Who did what to people, keys and what is kept, and which workers live.

-- Acts of administration: numbers and words of ours, never a text that somebody wrote, never a key. A line is
-- written in the transaction of its act. Nobody changes or takes back a line: the app may add and read, and only
-- retention deletes. No foreign keys: the lines outlive what they tell of, and a deleted workspace's too.
create table audit_log (
    workspace_id bigint not null, -- 0: of no workspace
    id bigint generated always as identity,
    at timestamptz not null default now(),
    user_id bigint, -- NULL: the operator, at the database
    key_id bigint,
    action text not null check (action ~ '^[a-z]{1,20}\.[a-z]{1,20}$'),
    subject_kind text not null check (subject_kind ~ '^[a-z]{1,20}$'),
    subject_id bigint not null,
    detail text not null default '' check (detail ~ '^[a-z, ]{0,60}$'), -- a role, scopes
    primary key (workspace_id, id)
);
create index audit_log_by_time on audit_log (at);

alter table audit_log enable row level security;
alter table audit_log force row level security;
create policy own_workspace on audit_log
    using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
create policy across on audit_log for all to backscroll_system using (true);
grant select, insert on audit_log to backscroll_app;
grant select, delete on audit_log to backscroll_system;

-- Who was made a moment ago (`currval`), for the line that tells of it.
grant usage on sequence users_id_seq to backscroll_app;

-- A worker answers no HTTP: it says here that it lives. A row a process.
create table workers (
    name text primary key, -- the machine's name and the process
    started_at timestamptz not null,
    seen_at timestamptz not null default now(),
    failures bigint not null default 0 -- of its parts, since its start
);
grant select, insert, update, delete on workers to backscroll_system;

-- An API notices that a newer program has migrated the database.
grant select on migrations to backscroll_system;
