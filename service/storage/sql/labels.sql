-- name: note_sessions
-- What labels are from now on, of the sessions where they are something else until now. Before they are changed.
insert into label_history (workspace_id, session_id, user_id, field, value)
select s.workspace_id, s.id, %(user_id)s, f.field, f.value::jsonb
from sessions s
cross join unnest(%(fields)s::text[], %(values)s::text[]) as f (field, value)
where s.workspace_id = %(workspace_id)s and s.id = any(%(ids)s)
    and f.value::jsonb is distinct from case f.field
        when 'title' then to_jsonb(s.title)
        when 'notes' then to_jsonb(s.notes)
        when 'status' then to_jsonb(s.status)
        when 'evalReady' then to_jsonb(s.eval_ready)
        when 'evalStatus' then to_jsonb(s.eval_status)
        when 'expectedOutput' then to_jsonb(s.expected_output) end;

-- name: note_messages
-- The same of messages.
insert into label_history (workspace_id, session_id, message_id, user_id, field, value)
select m.workspace_id, m.session_id, m.id, %(user_id)s, f.field, f.value::jsonb
from messages m
cross join unnest(%(fields)s::text[], %(values)s::text[]) as f (field, value)
where m.workspace_id = %(workspace_id)s and m.id = any(%(ids)s)
    and f.value::jsonb is distinct from case f.field
        when 'notes' then to_jsonb(m.notes)
        when 'evalReady' then to_jsonb(m.eval_ready)
        when 'evalStatus' then to_jsonb(m.eval_status)
        when 'expectedOutput' then to_jsonb(m.expected_output) end;

-- name: untag_sessions
-- Takes these tags off; `only`: all but those that are to be there.
delete from session_tags
where workspace_id = %(workspace_id)s and session_id = any(%(ids)s)
    and (tag = any(%(remove)s) or (%(only)s and not tag = any(%(add)s)))
returning session_id as id;

-- name: tag_sessions
insert into session_tags (workspace_id, session_id, tag)
select %(workspace_id)s, id, tag from unnest(%(ids)s::bigint[]) as id cross join unnest(%(add)s::text[]) as tag
on conflict do nothing
returning session_id as id;

-- name: untag_messages
-- Takes these tags off; `only`: all but those that are to be there.
delete from message_tags
where workspace_id = %(workspace_id)s and message_id = any(%(ids)s)
    and (tag = any(%(remove)s) or (%(only)s and not tag = any(%(add)s)))
returning message_id as id;

-- name: tag_messages
insert into message_tags (workspace_id, message_id, tag)
select %(workspace_id)s, id, tag from unnest(%(ids)s::bigint[]) as id cross join unnest(%(add)s::text[]) as tag
on conflict do nothing
returning message_id as id;

-- name: note_session_tags
-- All tags of sessions as they are now, after a change of them.
insert into label_history (workspace_id, session_id, user_id, field, value)
select s.workspace_id, s.id, %(user_id)s, 'tags', (
    select coalesce(jsonb_agg(t.tag order by t.tag), '[]') from session_tags t
    where t.workspace_id = s.workspace_id and t.session_id = s.id)
from sessions s
where s.workspace_id = %(workspace_id)s and s.id = any(%(ids)s);

-- name: note_message_tags
-- All tags of messages as they are now, after a change of them.
insert into label_history (workspace_id, session_id, message_id, user_id, field, value)
select m.workspace_id, m.session_id, m.id, %(user_id)s, 'tags', (
    select coalesce(jsonb_agg(t.tag order by t.tag), '[]') from message_tags t
    where t.workspace_id = m.workspace_id and t.message_id = m.id)
from messages m
where m.workspace_id = %(workspace_id)s and m.id = any(%(ids)s);

-- name: history
-- The latest first, with the names of those who changed something; of a session with its messages.
select h.id, h.session_id, h.message_id, h.at, h.field, h.value::text as value, u.name as user_name
from label_history h left join users u on u.id = h.user_id
where h.workspace_id = %(workspace_id)s and h.session_id = %(session_id)s
    and (%(before)s::bigint is null or h.id < %(before)s)
order by h.id desc
limit %(limit)s;
