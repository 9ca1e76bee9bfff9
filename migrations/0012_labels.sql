-- Tags of single messages, how labels came about, and what a workspace takes out of texts before it stores them.

create table message_tags (
    workspace_id bigint not null,
    message_id bigint not null,
    tag text not null check (length(tag) between 1 and 200),
    primary key (workspace_id, message_id, tag),
    foreign key (workspace_id, message_id) references messages on delete cascade
);

create index message_tags_by_tag on message_tags (workspace_id, tag);

-- One row a label that really changed: `value` is what it is since then, NULL: empty. Of a session, or of a message in it.
create table label_history (
    workspace_id bigint not null,
    id bigint generated always as identity,
    session_id bigint not null,
    message_id bigint,
    at timestamptz not null default now(),
    user_id bigint references users on delete set null,
    field text not null check (field in ('evalReady', 'evalStatus', 'expectedOutput', 'notes', 'status', 'tags', 'title')),
    value jsonb,
    primary key (workspace_id, id),
    foreign key (workspace_id, session_id) references sessions on delete cascade,
    foreign key (workspace_id, message_id) references messages on delete cascade
);

create index label_history_by_session on label_history (workspace_id, session_id, id);
create index label_history_by_message on label_history (workspace_id, message_id) where message_id is not null;
create index sessions_ready on sessions (workspace_id, created_at, id) where eval_ready;
create index messages_ready on messages (workspace_id, session_id) where eval_ready;

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array['message_tags', 'label_history'] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format(
            'create policy own_workspace on %I
             using (workspace_id = current_workspace()) with check (workspace_id = current_workspace())', tenant_table);
        execute format('grant select, insert, update, delete on %I to backscroll_app', tenant_table);
    end loop;
end
$$;

-- Off unless a person turns it on: what is stored is then no longer what was said.
alter table workspaces add column redact_writes boolean not null default false;
alter table workspaces add column anonymize_writes boolean not null default false;
