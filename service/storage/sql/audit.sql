-- name: record
insert into audit_log (workspace_id, user_id, key_id, action, subject_kind, subject_id, detail)
values (%(workspace_id)s, %(user_id)s, %(key_id)s, %(action)s, %(subject_kind)s, %(subject_id)s, %(detail)s);

-- name: last
-- The newest first, of one workspace or of all; names are those of today.
select a.at, a.workspace_id, w.name as workspace, a.user_id, u.name as user, a.key_id, a.action, a.subject_kind,
    a.subject_id, a.detail
from audit_log a
left join workspaces w on w.id = a.workspace_id
left join users u on u.id = a.user_id
where %(workspace_id)s::bigint is null or a.workspace_id = %(workspace_id)s
order by a.at desc, a.id desc
limit %(limit)s;

-- name: forget
delete from audit_log where at < now() - make_interval(days => %(days)s);
