-- name: any_ready
-- Whether there is anything to make a set of.
select exists (select from sessions where workspace_id = %(workspace_id)s and eval_ready)
    or exists (select from messages where workspace_id = %(workspace_id)s and eval_ready) as ready;

-- name: to_export
-- Facts of sessions, with whether another source has a session of the same id: only then is a name told with its source.
select s.*, array(select tag from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id order by tag) as tags,
    exists (select from sessions o
        where o.workspace_id = s.workspace_id and o.external_id = s.external_id and o.id <> s.id) as shares_id
from sessions s
where s.workspace_id = %(workspace_id)s and s.id = any(%(ids)s)
order by s.created_at, s.id;

-- name: sessions_of_messages
select id, session_id from messages where workspace_id = %(workspace_id)s and id = any(%(ids)s);
