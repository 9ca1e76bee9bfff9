-- name: any_ready
-- Whether there is anything to make a set of.
select exists (select from sessions where workspace_id = %(workspace_id)s and eval_ready)
    or exists (select from messages where workspace_id = %(workspace_id)s and eval_ready) as ready;

-- name: to_export
-- Facts of sessions; with whether another source has a session of the same id (only then is a name told with its source),
-- and with the id at the top of the tree of sub-agents, whether it is here or not.
select s.*, array(select tag from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id order by tag) as tags,
    exists (select from sessions o
        where o.workspace_id = s.workspace_id and o.external_id = s.external_id and o.id <> s.id) as shares_id,
    top.external_id as root_external_id
from sessions s
cross join lateral (
    with recursive above as (
        select coalesce(s.parent_external_id, s.external_id) as external_id, 0 as depth
        union all
        select p.parent_external_id, a.depth + 1
        from above a join sessions p
            on p.workspace_id = s.workspace_id and p.source = s.source and p.external_id = a.external_id
        where p.parent_external_id is not null and a.depth < 16
    )
    select external_id from above order by depth desc limit 1
) top
where s.workspace_id = %(workspace_id)s and s.id = any(%(ids)s)
order by s.created_at, s.id;

-- name: sessions_of_messages
select id, session_id from messages where workspace_id = %(workspace_id)s and id = any(%(ids)s);
