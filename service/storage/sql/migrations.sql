-- name: lock
-- Processes that start together migrate one after the other.
select pg_advisory_lock(%(key)s);

-- name: unlock
select pg_advisory_unlock(%(key)s);

-- name: create_table
create table if not exists migrations (
    name text primary key,
    sha256 text not null,
    applied_at timestamptz not null default now()
);

-- name: table_exists
select to_regclass('public.migrations') is not null;

-- name: applied
select name, sha256 from migrations;

-- name: impatient
-- Whoever waits for a table holds up all who come after: an older service that still runs must not stand still.
set local lock_timeout = '10s';

-- name: record
insert into migrations (name, sha256) values (%(name)s, %(sha256)s);

-- name: vector_version
-- What the server could install, or has.
select coalesce(installed_version, default_version) from pg_available_extensions where name = 'vector';
