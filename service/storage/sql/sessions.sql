-- name: by_id
select *, changed_xid::text as version,
    array(select tag from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id order by tag) as tags
from sessions s
where workspace_id = %(workspace_id)s and id = %(id)s;

-- name: by_external_id
-- Without a source an external id means the session that was updated last.
select *, changed_xid::text as version,
    array(select tag from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id order by tag) as tags
from sessions s
where workspace_id = %(workspace_id)s and external_id = %(external_id)s
    and (%(source)s::text is null or source = %(source)s)
order by updated_at desc, id desc
limit 1;

-- name: by_ids
select *, changed_xid::text as version,
    array(select tag from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id order by tag) as tags
from sessions s
where workspace_id = %(workspace_id)s and id = any(%(ids)s);

-- name: external_ids
-- All that clients need not send again: what is here, and what was deleted here.
select external_id from sessions where workspace_id = %(workspace_id)s
union
select external_id from tombstones where workspace_id = %(workspace_id)s and kind = 'session'
order by external_id;

-- name: lock
-- In the order of their ids, so that two who label many do not wait for each other.
select id from sessions where workspace_id = %(workspace_id)s and id = any(%(ids)s) order by id for no key update;

-- name: patch
-- Labels and the title, of several at once; a title given by a person stands above what clients send. Touches the row in
-- any case, so that its version changes with its tags.
update sessions set
    title = coalesce(%(title)s, title),
    title_rank = case when %(title)s::text is null then title_rank else 4 end,
    former_titles = case
        when %(title)s::text is not null and title_rank > 0 and title <> %(title)s
        then array_remove(array_remove(former_titles, title), %(title)s) || title
        else former_titles end,
    notes = case when %(clear)s::text[] @> '{notes}' then null else coalesce(%(notes)s, notes) end,
    status = case when %(clear)s::text[] @> '{status}' then null else coalesce(%(status)s, status) end,
    eval_ready = coalesce(%(eval_ready)s, eval_ready),
    eval_status = case when %(clear)s::text[] @> '{evalStatus}' then null else coalesce(%(eval_status)s, eval_status) end,
    expected_output = case when %(clear)s::text[] @> '{expectedOutput}' then null else coalesce(%(expected_output)s, expected_output) end,
    slug = case when %(is_public)s then coalesce(slug, %(new_slug)s) else slug end,
    is_public = coalesce(%(is_public)s, is_public)
where workspace_id = %(workspace_id)s and id = any(%(ids)s);

-- name: bury
-- A session whose source was only assumed is buried for every source.
insert into tombstones (workspace_id, kind, source, session_external_id, external_id)
select workspace_id, 'session', case when source_provisional then '' else source end, external_id, external_id
from sessions
where workspace_id = %(workspace_id)s and id = any(%(ids)s);

-- name: forget_files
-- Positions of files of which every kept line told of these sessions. The next import reads such a file once more, and
-- what it tells stays deleted.
delete from import_files f
where f.workspace_id = %(workspace_id)s
    and f.stream in (
        select c.stream from raw_chunks c where c.workspace_id = %(workspace_id)s and c.session_id = any(%(ids)s))
    and not exists (
        select from raw_chunks c
        where c.workspace_id = %(workspace_id)s and c.stream = f.stream and not c.session_id = any(%(ids)s));

-- name: delete
-- Messages, parts, records, raw lines, passages and tags go by foreign key; vectors with their last passage.
delete from sessions where workspace_id = %(workspace_id)s and id = any(%(ids)s);

-- name: with_tag
select session_id from session_tags where workspace_id = %(workspace_id)s and tag = %(tag)s;

-- name: resolve
-- Ids and external ids, as a filter names sessions, to ids.
select id from sessions
where workspace_id = %(workspace_id)s and (id = any(%(ids)s) or external_id = any(%(external_ids)s));

-- name: shared
-- The owner of a shared page is not told; its workspace is needed to read the messages.
select workspace_id, id from sessions where slug = %(slug)s and is_public;

-- name: project_names
select distinct unnest(array[project_name, project_path]) as name from sessions where workspace_id = %(workspace_id)s;

-- name: tag_names
select distinct tag as name from session_tags where workspace_id = %(workspace_id)s;
