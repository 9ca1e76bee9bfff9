-- name: begin
-- One moment for all tables, however long it takes to read them; nothing is locked but against changes of the schema.
begin isolation level repeatable read read only;

-- name: tables
-- Every table of ours with what a backup keeps of it, parents before what hangs on them. Left out are columns that
-- the database computes, and transaction ids, which mean nothing elsewhere. `across`: backscroll_system may read all of it.
with recursive ours as (
    select c.oid, c.relname as name, c.relrowsecurity as guarded, greatest(c.reltuples, 0)::bigint as estimate
    from pg_class c
    where c.relnamespace = 'public'::regnamespace and c.relkind = 'r' and not c.relispartition
        and c.relname <> all(%(left_out)s)
), deeper(oid, depth) as (
    select oid, 0 from ours
    union
    select f.conrelid, d.depth + 1
    from deeper d join pg_constraint f on f.contype = 'f' and f.confrelid = d.oid and f.conrelid <> d.oid
)
select o.name, o.estimate, o.guarded, exists (
    select from pg_policies p
    where p.schemaname = 'public' and p.tablename = o.name and p.qual = 'true' and p.cmd in ('SELECT', 'ALL')
        and 'backscroll_system' = any(p.roles)
) as across, (
    select array_agg(a.attname::text order by a.attnum)
    from pg_attribute a
    where a.attrelid = o.oid and a.attnum > 0 and not a.attisdropped and a.attgenerated = ''
        and a.atttypid not in ('xid8'::regtype, 'pg_snapshot'::regtype)
) as columns, (
    select pg_get_serial_sequence(format('%%I', o.name), a.attname)
    from pg_attribute a
    where a.attrelid = o.oid and a.attnum > 0 and a.attidentity <> ''
) as sequence
from ours o join deeper using (oid)
group by o.oid, o.name, o.estimate, o.guarded
order by max(depth), o.name;

-- name: instance
select system_identifier, restore_count, current_setting('server_version') as postgres from instance;

-- name: workspace_ids
select id from workspaces order by id;

-- name: has_audit
select to_regclass('public.audit_log') is not null as there;
