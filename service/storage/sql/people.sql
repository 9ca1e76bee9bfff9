-- name: find_key
-- Read across workspaces: the key says which one it opens.
select k.workspace_id, k.id, k.user_id, k.scopes, k.expires_at, k.revoked_at, m.role
from api_keys k join members m using (workspace_id, user_id)
where k.key_sha256 = %(key_sha256)s;

-- name: key_by_id
-- And what cookies are sealed with here.
select k.workspace_id, k.id, k.user_id, k.scopes, k.expires_at, k.revoked_at, m.role, k.key_sha256, i.cookie_secret
from api_keys k join members m using (workspace_id, user_id) cross join instance i
where k.workspace_id = %(workspace_id)s and k.id = %(id)s;

-- name: cookie_secret
select cookie_secret from instance;

-- name: keys_by_ids
select k.workspace_id, k.id, k.user_id, k.scopes, k.expires_at, k.revoked_at, m.role
from api_keys k join members m using (workspace_id, user_id)
where k.id = any(%(ids)s);

-- name: names
select w.name as workspace, u.name from workspaces w, users u
where w.id = %(workspace_id)s and u.id = %(user_id)s;

-- name: touch_key
-- At most once a minute a key, so that busy clients do not write for every request.
update api_keys set last_used_at = now()
where workspace_id = %(workspace_id)s and id = %(id)s
    and (last_used_at is null or last_used_at < now() - interval '1 minute');

-- name: next_workspace_id
-- Known before the row exists, since the row may only be written by a transaction of that workspace.
select nextval(pg_get_serial_sequence('workspaces', 'id')) as id;

-- name: create_workspace
insert into workspaces (id, name, kind) values (%(id)s, %(name)s, %(kind)s);

-- name: create_user
insert into users (name) values (%(name)s);

-- name: user_by_name
select id from users where name = %(name)s;

-- name: workspace_by_name
select id from workspaces where name = %(name)s;

-- name: workspace_ids
select id from workspaces order by id;

-- name: add_member
insert into members (workspace_id, user_id, role) values (%(workspace_id)s, %(user_id)s, %(role)s)
on conflict (workspace_id, user_id) do update set role = excluded.role;

-- name: create_key
insert into api_keys (workspace_id, user_id, key_sha256, name, scopes, expires_at)
values (%(workspace_id)s, %(user_id)s, %(key_sha256)s, %(name)s, %(scopes)s, %(expires_at)s)
returning id;

-- name: log_requests
-- A workspace that was deleted meanwhile takes none: its lines must not stop those of others.
insert into request_log (workspace_id, at, key_id, method, route, status, duration_ms)
select %(workspace_id)s, at, key_id, method, route, status, duration_ms
from unnest(
    %(at)s::timestamptz[], %(key_id)s::bigint[], %(method)s::text[], %(route)s::text[], %(status)s::int[],
    %(duration_ms)s::real[]
) as w (at, key_id, method, route, status, duration_ms)
where exists (select from workspaces where id = %(workspace_id)s);

-- name: forget_requests
delete from request_log where at < now() - make_interval(days => %(days)s);
