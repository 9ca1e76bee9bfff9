-- The database keeps tenants apart: every table with a workspace_id shows and takes rows of the current
-- workspace only, to every role: what a cascade sets off runs as the owner (from Postgres 18 on, under forced
-- policies too). backscroll_system reads across workspaces, and only what it must.

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array[
        'members', 'api_keys', 'sessions', 'session_tags', 'messages', 'parts', 'message_records', 'former_messages', 'message_lines',
        'raw_chunks', 'import_files', 'tombstones', 'request_log', 'change_log', 'passages', 'embeddings', 'embedding_queue'
    ] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format(
            'create policy own_workspace on %I
             using (workspace_id = current_workspace()) with check (workspace_id = current_workspace())', tenant_table);
        execute format('grant select, insert, update, delete on %I to backscroll_app', tenant_table);
    end loop;
end
$$;

-- Partitions are reached through change_log; by their names only the owner can, who moves rows and drops days.
alter table change_log_rest enable row level security;

alter table workspaces enable row level security;
alter table workspaces force row level security;
create policy own_workspace on workspaces
    using (id = current_workspace()) with check (id = current_workspace());
grant select, insert, update, delete on workspaces to backscroll_app;
grant usage on sequence workspaces_id_seq to backscroll_app;

-- A user has no workspace: names are seen through memberships of the current one.
alter table users enable row level security;
alter table users force row level security;
create policy fellow_members on users for select to backscroll_app
    using (exists (select from members m where m.user_id = users.id));
create policy new_user on users for insert to backscroll_app with check (true);
grant select, insert on users to backscroll_app;

grant select on embedding_models to backscroll_app;

-- Across workspaces: the feed, keys, shared pages, queues, retention.
do $$
declare
    read_across text;
begin
    foreach read_across in array array['users', 'workspaces', 'members', 'api_keys', 'change_log', 'embedding_queue'] loop
        execute format('create policy across on %I for select to backscroll_system using (true)', read_across);
        execute format('grant select on %I to backscroll_system', read_across);
    end loop;
end
$$;

create policy shared on sessions for select to backscroll_system using (is_public);
grant select on sessions to backscroll_system;

create policy expired on request_log for all to backscroll_system using (true);
grant select, delete on request_log to backscroll_system;

grant select, insert, update, delete on cursors to backscroll_system;
grant select on cursors, change_log_floor to backscroll_app;
grant select, update on change_log_floor to backscroll_system;
grant select, insert, update, delete on embedding_models to backscroll_system;
