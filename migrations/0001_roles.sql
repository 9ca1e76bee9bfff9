-- Roles and the tenant's setting.
--
-- The role of the database URL migrates and owns. At run time the pool becomes backscroll_app, which sees
-- one workspace at a time: the one that the transaction's setting names (unset: no rows). What must look
-- across workspaces (feed, keys, share slugs, queues) becomes backscroll_system, which may only read those.
-- Roles belong to the cluster, so another database of it may have made them already.

create extension if not exists vector;

do $$
declare
    wanted text;
begin
    foreach wanted in array array['backscroll_app', 'backscroll_system'] loop
        begin
            if not exists (select from pg_roles where rolname = wanted) then
                execute format('create role %I nologin nosuperuser nobypassrls nocreatedb nocreaterole', wanted);
            end if;
            if not pg_has_role(current_user, wanted, 'SET') then
                execute format('grant %I to current_user with inherit false, set true', wanted);
            end if;
        exception when duplicate_object or unique_violation then
            null; -- made by another database's migration at this moment
        end;
    end loop;
end
$$;

grant usage on schema public to backscroll_app, backscroll_system;

-- After a transaction-local setting the value is an empty string, not NULL: hence the nullif.
create function current_workspace() returns bigint
    language sql stable parallel safe
    return nullif(current_setting('backscroll.workspace', true), '')::bigint;

-- Which cluster this is: transaction ids begin again in another one, so a token carries the epoch.
create table instance (
    only_row boolean primary key default true check (only_row),
    system_identifier bigint not null,
    restore_count integer not null default 0 check (restore_count >= 0),
    created_at timestamptz not null default now(),
    -- Seals the cookies of browsers together with a key's hash, so that a backup, which has the hashes, opens none.
    cookie_secret bytea not null check (length(cookie_secret) = 32)
        default sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()))
);

insert into instance (system_identifier) select system_identifier from pg_control_system();

grant select (system_identifier, restore_count) on instance to backscroll_app;
grant select on instance to backscroll_system;
