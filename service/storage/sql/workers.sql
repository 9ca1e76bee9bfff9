-- name: beat
insert into workers (name, started_at, failures) values (%(name)s, %(started_at)s, %(failures)s)
on conflict (name) do update
    set started_at = excluded.started_at, failures = excluded.failures, seen_at = now();

-- name: forget
-- Those that are gone for good: a container has a new name at each start.
delete from workers where seen_at < now() - interval '1 day';

-- name: leave
delete from workers where name = %(name)s;

-- name: seen
select name, extract(epoch from now() - seen_at)::float8 as silent_s, failures from workers order by seen_at desc;
