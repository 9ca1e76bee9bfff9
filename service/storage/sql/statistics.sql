-- name: outdated
-- Small changes are autovacuum's; what it is too slow for is growth.
select relname from pg_stat_user_tables
where relid = any(%(tables)s::regclass[]) and n_mod_since_analyze > 500 + n_live_tup / 3
order by relname;
