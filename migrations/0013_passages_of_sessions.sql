-- The session of each passage. A search by meaning looked 130 messages and their sessions up for nothing else, and one of a
-- single project or source began with all its messages: their rows were more than half of what Postgres did.

alter table passages add column session_id bigint;

alter table passages no force row level security;
alter table messages no force row level security;
update passages p set session_id = m.session_id
from messages m
where m.workspace_id = p.workspace_id and m.id = p.message_id;
alter table passages force row level security;
alter table messages force row level security;

alter table passages alter column session_id set not null;
create index passages_by_session on passages (workspace_id, session_id);
