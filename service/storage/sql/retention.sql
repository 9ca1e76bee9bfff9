-- name: keeping
-- Workspaces that keep sessions for a time only, with that time. As the system.
select id, retention_days from workspaces where retention_days is not null order by id;

-- name: days
select retention_days from workspaces where id = %(workspace_id)s;

-- name: keep
update workspaces set retention_days = %(days)s where id = %(workspace_id)s;

-- name: aged
-- A slice of the sessions whose last activity is longer ago, the oldest first, locked as a sync takes them: one that
-- somebody writes to at this moment is not aged, and is looked at again later.
select id from sessions
where workspace_id = %(workspace_id)s and updated_at < now() - make_interval(days => %(days)s)
order by updated_at, id
limit %(limit)s
for update skip locked;
