-- Searches under a name, to run again: what was asked, as it was sent, so that `after:7d` stays seven days.

create table saved_searches (
    workspace_id bigint not null references workspaces on delete cascade,
    id bigint generated always as identity,
    user_id bigint not null references users,
    name text not null check (length(name) between 1 and 200),
    asked jsonb not null check (jsonb_typeof(asked) = 'object'),
    created_at timestamptz not null default now(),
    primary key (workspace_id, id),
    unique (workspace_id, name)
);

alter table saved_searches enable row level security;
alter table saved_searches force row level security;
create policy own_workspace on saved_searches
    using (workspace_id = current_workspace()) with check (workspace_id = current_workspace());
grant select, insert, update, delete on saved_searches to backscroll_app;
