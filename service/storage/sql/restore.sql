-- name: holds_data
-- Whether anybody was ever made in this database: the first start makes a user.
select exists (select from users) or exists (select from workspaces) as holds_data;

-- name: others
-- Other connections of Backscroll to this database: of a service that runs.
select count(*) as others from pg_stat_activity
where datname = current_database() and pid <> pg_backend_pid() and application_name like 'backscroll%%';

-- name: hnsw_indexes
-- Each is for one model of its dimension, and is built again by the worker.
select indexrelid::regclass::text as name from pg_index
where indrelid = 'embeddings'::regclass and indexrelid::regclass::text like 'embeddings_hnsw_%%';

-- name: tell_of_restore
-- Tokens that clients hold are of another past: a higher count makes another epoch of them.
update instance set restore_count = greatest(restore_count, %(restore_count)s) + 1, cookie_secret = default returning restore_count;

-- name: log_begins_here
-- No cursor that has not seen this transaction may follow the log: all that was restored is of it, and not in the log.
update change_log_floor set dropped_xid = pg_current_xact_id();

-- name: let_passages_lack_sessions
-- Those of a backup that is older than migration 13 do.
alter table passages alter column session_id drop not null;

-- name: give_passages_sessions
update passages p set session_id = m.session_id
from messages m
where p.session_id is null and m.workspace_id = p.workspace_id and m.id = p.message_id;

-- name: let_no_passage_lack_sessions
alter table passages alter column session_id set not null;
