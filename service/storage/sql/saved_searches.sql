-- name: add
-- Nothing where the name is taken.
insert into saved_searches (workspace_id, user_id, name, asked)
values (%(workspace_id)s, %(user_id)s, %(name)s, %(asked)s::jsonb)
on conflict (workspace_id, name) do nothing
returning id, name, asked::text as asked, created_at;

-- name: list
select id, name, asked::text as asked, created_at from saved_searches
where workspace_id = %(workspace_id)s and (%(after)s::text is null or name > %(after)s)
order by name
limit %(limit)s;

-- name: one
select id, name, asked::text as asked, created_at from saved_searches
where workspace_id = %(workspace_id)s and id = %(id)s;

-- name: delete
delete from saved_searches where workspace_id = %(workspace_id)s and id = %(id)s returning id;
