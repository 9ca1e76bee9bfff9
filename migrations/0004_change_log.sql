-- The change log: what changed, in which transaction. Indexes, rollups and live queries follow it.
--
-- A cursor is a pg_snapshot; what is new is what is visible now and was not then, whatever the order in
-- which transactions commit. Rows are compact (no payload) and written by statement-level triggers.
-- cols says which kinds of columns changed, as bits; -1: all (a row came or went).
--     1 words     what is searched: title, text, parts
--     2 facts     what is filtered: source, project, model, kind, role, tools, created_at, tags
--     4 counts    tokens, cost, duration
--     8 labels    status, notes, evaluation, sharing
--    16 activity  updated_at, message_count
-- A statement that touches more than 500 rows logs one row a session (row_id NULL).

create table change_log (
    workspace_id bigint not null,
    xid xid8 not null default pg_current_xact_id(),
    at timestamptz not null default clock_timestamp(),
    tbl text not null check (tbl in ('sessions', 'messages', 'members', 'api_keys', 'workspaces', 'usage')),
    op "char" not null check (op in ('I', 'U', 'D')),
    row_id bigint,
    session_id bigint,
    user_id bigint,
    cols integer not null default -1
) partition by range (at);

create index change_log_by_xid on change_log (xid);

-- Catches what comes when no partition was made ahead (a laptop asleep for longer than a week).
create table change_log_rest partition of change_log default;

-- Followers of the log, and how far each has read. A follower on another machine keeps its true cursor
-- beside its index; this row is what holds partitions back.
create table cursors (
    name text primary key,
    snapshot pg_snapshot not null,
    updated_at timestamptz not null default now()
);

-- The highest transaction whose changes may have been dropped: a cursor that cannot see all up to it is too old.
create table change_log_floor (
    only_row boolean primary key default true check (only_row),
    dropped_xid xid8 not null default '0'
);

insert into change_log_floor default values;

create function touch_changed_xid() returns trigger language plpgsql as $$
begin
    new.changed_xid := pg_current_xact_id();
    return new;
end
$$;

create trigger touch before update on sessions for each row execute function touch_changed_xid();
create trigger touch before update on messages for each row execute function touch_changed_xid();

create function log_session_changes() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into change_log (workspace_id, tbl, op, row_id, session_id, user_id)
        select workspace_id, 'sessions', 'I', id, id, user_id from new_rows;
    elsif tg_op = 'DELETE' then
        insert into change_log (workspace_id, tbl, op, row_id, session_id, user_id)
        select workspace_id, 'sessions', 'D', id, id, user_id from old_rows;
    else
        insert into change_log (workspace_id, tbl, op, row_id, session_id, user_id, cols)
        select workspace_id, 'sessions', 'U', id, id, user_id, cols
        from (
            select n.workspace_id, n.id, n.user_id,
                (case when (n.title, n.former_titles) is distinct from (o.title, o.former_titles) then 1 else 0 end)
              | (case when (n.source, n.project_name, n.project_path, n.model, n.provider, n.kind, n.created_at, n.external_id)
                    is distinct from
                    (o.source, o.project_name, o.project_path, o.model, o.provider, o.kind, o.created_at, o.external_id)
                    then 2 else 0 end)
              | (case when (n.prompt_tokens, n.completion_tokens, n.cache_read_tokens, n.cache_write_tokens, n.cost_usd, n.duration_ms)
                    is distinct from
                    (o.prompt_tokens, o.completion_tokens, o.cache_read_tokens, o.cache_write_tokens, o.cost_usd, o.duration_ms)
                    then 4 else 0 end)
              | (case when (n.status, n.notes, n.eval_ready, n.eval_status, n.expected_output, n.is_public, n.slug)
                    is distinct from
                    (o.status, o.notes, o.eval_ready, o.eval_status, o.expected_output, o.is_public, o.slug)
                    then 8 else 0 end)
              | (case when (n.updated_at, n.message_count) is distinct from (o.updated_at, o.message_count) then 16 else 0 end)
                as cols
            from new_rows n join old_rows o using (workspace_id, id)
        ) changed;
    end if;
    return null;
end
$$;

create function log_tag_changes() returns trigger language plpgsql as $$
begin
    -- Tags are facts of their session; one that goes with its session is told by the session's own row.
    if tg_op = 'INSERT' then
        insert into change_log (workspace_id, tbl, op, row_id, session_id, cols)
        select distinct workspace_id, 'sessions', 'U'::"char", session_id, session_id, 2 from new_rows;
    else
        insert into change_log (workspace_id, tbl, op, row_id, session_id, cols)
        select distinct workspace_id, 'sessions', 'U'::"char", session_id, session_id, 2 from old_rows;
    end if;
    return null;
end
$$;

create function log_message_changes() returns trigger language plpgsql as $$
declare
    touched bigint;
begin
    if tg_op = 'DELETE' then
        select count(*) into touched from old_rows;
        if touched > 500 then
            insert into change_log (workspace_id, tbl, op, session_id)
            select distinct workspace_id, 'messages', 'D'::"char", session_id from old_rows;
        else
            insert into change_log (workspace_id, tbl, op, row_id, session_id)
            select workspace_id, 'messages', 'D', id, session_id from old_rows;
        end if;
        return null;
    end if;

    select count(*) into touched from new_rows;
    if touched > 500 then
        insert into change_log (workspace_id, tbl, op, session_id)
        select distinct workspace_id, 'messages', left(tg_op, 1)::"char", session_id from new_rows;
    elsif tg_op = 'INSERT' then
        insert into change_log (workspace_id, tbl, op, row_id, session_id)
        select workspace_id, 'messages', 'I', id, session_id from new_rows;
    else
        insert into change_log (workspace_id, tbl, op, row_id, session_id, cols)
        select workspace_id, 'messages', 'U', id, session_id, cols
        from (
            select n.workspace_id, n.id, n.session_id,
                (case when (n.text, n.parts_sha256) is distinct from (o.text, o.parts_sha256) then 1 else 0 end)
              | (case when (n.role, n.model, n.source, n.tools, n.has_error, n.created_at, n.external_id)
                    is distinct from
                    (o.role, o.model, o.source, o.tools, o.has_error, o.created_at, o.external_id)
                    then 2 else 0 end)
              | (case when (n.prompt_tokens, n.completion_tokens, n.cache_read_tokens, n.cache_write_tokens, n.cost_usd, n.duration_ms)
                    is distinct from
                    (o.prompt_tokens, o.completion_tokens, o.cache_read_tokens, o.cache_write_tokens, o.cost_usd, o.duration_ms)
                    then 4 else 0 end)
              | (case when (n.eval_ready, n.eval_status, n.expected_output, n.notes)
                    is distinct from (o.eval_ready, o.eval_status, o.expected_output, o.notes) then 8 else 0 end)
                as cols
            from new_rows n join old_rows o using (workspace_id, id)
        ) changed;
    end if;

    if tg_op = 'UPDATE' then
        -- A message that moved is gone from where it was.
        insert into change_log (workspace_id, tbl, op, row_id, session_id)
        select o.workspace_id, 'messages', 'D', case when touched <= 500 then o.id end, o.session_id
        from old_rows o join new_rows n using (workspace_id, id)
        where n.session_id <> o.session_id;
    end if;
    return null;
end
$$;

create function log_people_changes() returns trigger language plpgsql as $$
begin
    -- members and api_keys: small tables, a row a change; row_id is the key's id (of a member: the user's).
    if tg_op = 'DELETE' then
        execute format(
            'insert into change_log (workspace_id, tbl, op, row_id, user_id)
             select workspace_id, %L, ''D'', %s, user_id from old_rows', tg_table_name, tg_argv[0]);
    else
        execute format(
            'insert into change_log (workspace_id, tbl, op, row_id, user_id)
             select workspace_id, %L, %L, %s, user_id from new_rows', tg_table_name, left(tg_op, 1), tg_argv[0]);
    end if;
    return null;
end
$$;

create trigger log_insert after insert on sessions referencing new table as new_rows
    for each statement execute function log_session_changes();
create trigger log_update after update on sessions referencing old table as old_rows new table as new_rows
    for each statement execute function log_session_changes();
create trigger log_delete after delete on sessions referencing old table as old_rows
    for each statement execute function log_session_changes();

create trigger log_insert after insert on session_tags referencing new table as new_rows
    for each statement execute function log_tag_changes();
create trigger log_delete after delete on session_tags referencing old table as old_rows
    for each statement execute function log_tag_changes();

create trigger log_insert after insert on messages referencing new table as new_rows
    for each statement execute function log_message_changes();
create trigger log_update after update on messages referencing old table as old_rows new table as new_rows
    for each statement execute function log_message_changes();
create trigger log_delete after delete on messages referencing old table as old_rows
    for each statement execute function log_message_changes();

create trigger log_insert after insert on members referencing new table as new_rows
    for each statement execute function log_people_changes('user_id');
create trigger log_update after update on members referencing old table as old_rows new table as new_rows
    for each statement execute function log_people_changes('user_id');
create trigger log_delete after delete on members referencing old table as old_rows
    for each statement execute function log_people_changes('user_id');

create trigger log_insert after insert on api_keys referencing new table as new_rows
    for each statement execute function log_people_changes('id');
create trigger log_update after update on api_keys referencing old table as old_rows new table as new_rows
    for each statement execute function log_people_changes('id');
create trigger log_delete after delete on api_keys referencing old table as old_rows
    for each statement execute function log_people_changes('id');
