-- name: outdated
-- Small changes are autovacuum's; what it is too slow for is growth.
select relname from pg_class
where oid = any(%(tables)s::regclass[])
    and pg_stat_get_mod_since_analyze(oid) > 100 + pg_stat_get_live_tuples(oid) / 3
order by relname;
