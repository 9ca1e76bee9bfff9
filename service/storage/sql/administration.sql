-- name: users
-- Everybody, with the workspaces that they are members of.
select u.id, u.name, u.created_at, coalesce(
    array_agg(w.name order by w.name) filter (where w.id is not null), '{}') as workspaces
from users u
left join members m on m.user_id = u.id
left join workspaces w on w.id = m.workspace_id
group by u.id
order by u.name;

-- name: create_user
insert into users (name) values (%(name)s);

-- name: created_user
-- Its id, by the sequence: a user who is no member yet is seen by no workspace, thus by no `returning`.
select currval(pg_get_serial_sequence('users', 'id')) as id;

-- name: workspaces
-- Every one with its members' names, owners first.
select w.id, w.name, w.kind, w.created_at, coalesce(
    array_agg(u.name order by m.role <> 'owner', u.name) filter (where u.id is not null), '{}') as members
from workspaces w
left join members m on m.workspace_id = w.id
left join users u on u.id = m.user_id
group by w.id
order by w.name;

-- name: members
-- Of one workspace, or of all.
select w.name as workspace, w.id as workspace_id, u.name as user, u.id as user_id, m.role, m.created_at
from members m join workspaces w on w.id = m.workspace_id join users u on u.id = m.user_id
where %(workspace_id)s::bigint is null or m.workspace_id = %(workspace_id)s
order by w.name, m.role <> 'owner', u.name;

-- name: keys
-- Of one workspace, or of all; without what they were made of.
select k.id, k.workspace_id, w.name as workspace, u.name as user, m.role, k.name, k.scopes, k.created_at, k.expires_at,
    k.last_used_at, k.revoked_at
from api_keys k
join members m using (workspace_id, user_id)
join workspaces w on w.id = k.workspace_id
join users u on u.id = k.user_id
where %(workspace_id)s::bigint is null or k.workspace_id = %(workspace_id)s
order by w.name, k.id;

-- name: lock_workspace
-- Whoever changes the members of a workspace does so alone: of two owners who leave at once, one must stay.
select id from workspaces where id = %(workspace_id)s for no key update;

-- name: owners
select user_id from members where workspace_id = %(workspace_id)s and role = 'owner';

-- name: set_member
insert into members (workspace_id, user_id, role) values (%(workspace_id)s, %(user_id)s, %(role)s)
on conflict (workspace_id, user_id) do update set role = excluded.role where members.role <> excluded.role;

-- name: remove_member
delete from members where workspace_id = %(workspace_id)s and user_id = %(user_id)s;

-- name: revoke_key
update api_keys set revoked_at = now()
where workspace_id = %(workspace_id)s and id = %(id)s and revoked_at is null;

-- name: remove_members
delete from members where workspace_id = %(workspace_id)s;

-- name: delete_some_sessions
-- A slice at a time: what hangs on a large workspace is more than one statement may take.
delete from sessions where workspace_id = %(workspace_id)s and id in (
    select id from sessions where workspace_id = %(workspace_id)s order by id limit %(limit)s);

-- name: delete_workspace
delete from workspaces where id = %(workspace_id)s;

-- name: delete_marks
-- What went with it left marks, which no key ties to it.
delete from usage_marks where workspace_id = %(workspace_id)s;

-- name: tell_of_deletion
-- The one row of the change log that says so to whoever follows it.
insert into change_log (workspace_id, tbl, op, row_id) values (%(workspace_id)s, 'workspaces', 'D', %(workspace_id)s);
