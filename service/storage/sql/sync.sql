-- name: sessions_by_external_ids
-- Every session that a write could mean, whatever its source.
select id, external_id, source, source_provisional, updated_at
from sessions
where workspace_id = %(workspace_id)s and external_id = any(%(external_ids)s);

-- name: tombstones_by_sessions
-- What was deleted of these sessions, or the sessions themselves.
select kind, source, session_external_id, external_id
from tombstones
where workspace_id = %(workspace_id)s and session_external_id = any(%(external_ids)s);

-- name: lock_external_ids
-- Two requests that would both make the session take turns, in one order. Held until the transaction ends.
select pg_advisory_xact_lock(key)
from (
    select distinct hashtextextended(external_id, %(workspace_id)s) as key
    from unnest(%(external_ids)s::text[]) as external_id
    order by key
) keys;

-- name: insert_sessions
-- Under lock_external_ids. The first write decides when a session began; a message's own time may move it back later.
insert into sessions (
    workspace_id, user_id, source, source_provisional, external_id, parent_external_id, kind, title, title_rank,
    project_name, project_path, model, provider, prompt_tokens, completion_tokens, cache_read_tokens,
    cache_write_tokens, cost_usd, duration_ms, status, attrs, created_at, updated_at
)
select
    %(workspace_id)s, %(user_id)s, source, source_provisional, external_id, parent_external_id, coalesce(kind, 'agent'),
    title, coalesce(title_rank, 0), project_name, project_path, model, provider, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, status, coalesce(attrs::jsonb, '{}'),
    coalesce(created_at, %(now)s), coalesce(created_at, %(now)s)
from unnest(
    %(source)s::text[], %(source_provisional)s::boolean[], %(external_id)s::text[], %(parent_external_id)s::text[],
    %(kind)s::text[], %(title)s::text[], %(title_rank)s::smallint[], %(project_name)s::text[],
    %(project_path)s::text[], %(model)s::text[], %(provider)s::text[], %(prompt_tokens)s::bigint[],
    %(completion_tokens)s::bigint[], %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[],
    %(cost_usd)s::numeric[], %(duration_ms)s::bigint[], %(status)s::text[], %(attrs)s::text[],
    %(created_at)s::timestamptz[]
) as w (
    source, source_provisional, external_id, parent_external_id, kind, title, title_rank, project_name,
    project_path, model, provider, prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens,
    cost_usd, duration_ms, status, attrs, created_at
)
returning id, external_id, source;

-- name: changed_messages
-- The places in the batch whose message is new here, or would differ from what is stored. Reads only: the
-- same batch again takes no lock and writes nothing.
select w.place
from unnest(
    %(place)s::int[], %(session_id)s::bigint[], %(external_id)s::text[], %(role)s::text[], %(text)b::text[],
    %(model)s::text[], %(source)s::text[], %(prompt_tokens)s::bigint[], %(completion_tokens)s::bigint[],
    %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(cost_usd)s::numeric[],
    %(duration_ms)s::bigint[], %(attrs)s::text[], %(parts_sha256)s::bytea[], %(created_at)s::timestamptz[]
) as w (
    place, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, attrs, parts_sha256, created_at
)
left join messages m
    on m.workspace_id = %(workspace_id)s and m.session_id = w.session_id and m.external_id = w.external_id
where m.id is null or (
    w.role, coalesce(w.text, m.text), coalesce(w.model, m.model), coalesce(w.source, m.source),
    coalesce(w.prompt_tokens, m.prompt_tokens), coalesce(w.completion_tokens, m.completion_tokens),
    coalesce(w.cache_read_tokens, m.cache_read_tokens), coalesce(w.cache_write_tokens, m.cache_write_tokens),
    coalesce(w.cost_usd, m.cost_usd), coalesce(w.duration_ms, m.duration_ms), m.attrs || coalesce(w.attrs::jsonb, '{}'),
    coalesce(w.parts_sha256, m.parts_sha256), coalesce(w.created_at, m.created_at)
) is distinct from (
    m.role, m.text, m.model, m.source, m.prompt_tokens, m.completion_tokens, m.cache_read_tokens,
    m.cache_write_tokens, m.cost_usd, m.duration_ms, m.attrs, m.parts_sha256, m.created_at
);

-- name: message_ids
-- Ids of messages by their keys, for those that were not written just now.
select m.id, m.session_id, m.external_id
from unnest(%(session_id)s::bigint[], %(external_id)s::text[]) as w (session_id, external_id)
join messages m
    on m.workspace_id = %(workspace_id)s and m.session_id = w.session_id and m.external_id = w.external_id;

-- name: lock_sessions
-- In one order, so that batches that share sessions take turns instead of deadlocking.
select id from sessions
where workspace_id = %(workspace_id)s and id = any(%(ids)s)
order by id
for no key update;

-- name: upsert_messages
-- New ones get their ids in the order of the batch. What a write does not say (NULL) stays as it is.
insert into messages as m (
    workspace_id, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, attrs, parts_sha256, tools, has_error, created_at
)
select
    %(workspace_id)s, w.session_id, w.external_id, w.role, coalesce(w.text, o.text), coalesce(w.model, o.model),
    coalesce(w.source, o.source), coalesce(w.prompt_tokens, o.prompt_tokens),
    coalesce(w.completion_tokens, o.completion_tokens), coalesce(w.cache_read_tokens, o.cache_read_tokens),
    coalesce(w.cache_write_tokens, o.cache_write_tokens), coalesce(w.cost_usd, o.cost_usd),
    coalesce(w.duration_ms, o.duration_ms), coalesce(o.attrs, '{}') || coalesce(w.attrs::jsonb, '{}'),
    coalesce(w.parts_sha256, o.parts_sha256),
    coalesce(string_to_array(w.tools, e'\x1f'), o.tools, '{}'), coalesce(w.has_error, o.has_error, false),
    coalesce(w.created_at, o.created_at, %(now)s)
from unnest(
    %(place)s::int[], %(session_id)s::bigint[], %(external_id)s::text[], %(role)s::text[], %(text)b::text[],
    %(model)s::text[], %(source)s::text[], %(prompt_tokens)s::bigint[], %(completion_tokens)s::bigint[],
    %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(cost_usd)s::numeric[],
    %(duration_ms)s::bigint[], %(attrs)s::text[], %(parts_sha256)s::bytea[], %(tools)s::text[],
    %(has_error)s::boolean[], %(created_at)s::timestamptz[]
) as w (
    place, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, attrs, parts_sha256, tools, has_error, created_at
)
left join messages o
    on o.workspace_id = %(workspace_id)s and o.session_id = w.session_id and o.external_id = w.external_id
order by w.place
on conflict (workspace_id, session_id, external_id) do update set
    role = excluded.role, text = excluded.text, model = excluded.model, source = excluded.source,
    prompt_tokens = excluded.prompt_tokens, completion_tokens = excluded.completion_tokens,
    cache_read_tokens = excluded.cache_read_tokens, cache_write_tokens = excluded.cache_write_tokens,
    cost_usd = excluded.cost_usd, duration_ms = excluded.duration_ms, attrs = excluded.attrs,
    parts_sha256 = excluded.parts_sha256, tools = excluded.tools, has_error = excluded.has_error,
    created_at = excluded.created_at
returning m.id, m.session_id, m.external_id, m.created_at, (m.xmax = 0) as inserted;

-- name: delete_parts
delete from parts where workspace_id = %(workspace_id)s and message_id = any(%(message_ids)s);

-- name: insert_parts
insert into parts (workspace_id, message_id, ordinal, type, content)
select %(workspace_id)s, message_id, ordinal, type, content::json
from unnest(%(message_id)s::bigint[], %(ordinal)s::int[], %(type)s::text[], %(content)b::text[])
    as w (message_id, ordinal, type, content);

-- name: changed_sessions
-- The ids of sessions that these writes would change: the same merge as update_sessions, read only.
with w as materialized (
    select * from unnest(
        %(id)s::bigint[], %(source)s::text[], %(parent_external_id)s::text[], %(kind)s::text[], %(title)s::text[],
        %(title_rank)s::smallint[], %(project_name)s::text[], %(project_path)s::text[], %(model)s::text[],
        %(provider)s::text[], %(prompt_tokens)s::bigint[], %(completion_tokens)s::bigint[],
        %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(cost_usd)s::numeric[],
        %(duration_ms)s::bigint[], %(status)s::text[], %(attrs)s::text[], %(created_at)s::timestamptz[]
    ) as w (
        id, source, parent_external_id, kind, title, title_rank, project_name, project_path, model, provider,
        prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, status,
        attrs, created_at
    )
)
select s.id
from w join sessions s on s.workspace_id = %(workspace_id)s and s.id = w.id
where (w.source is not null and (s.source_provisional or s.source <> w.source))
    or (w.title_rank >= s.title_rank and (w.title, w.title_rank) is distinct from (s.title, s.title_rank))
    or (w.title_rank > 1 and w.title_rank < s.title_rank and w.title <> s.title and not w.title = any(s.former_titles))
    or least(w.created_at, s.created_at) < s.created_at
    or (
        coalesce(w.parent_external_id, s.parent_external_id), coalesce(w.kind, s.kind),
        coalesce(w.project_name, s.project_name), coalesce(w.project_path, s.project_path), coalesce(w.model, s.model),
        coalesce(w.provider, s.provider), coalesce(w.prompt_tokens, s.prompt_tokens),
        coalesce(w.completion_tokens, s.completion_tokens), coalesce(w.cache_read_tokens, s.cache_read_tokens),
        coalesce(w.cache_write_tokens, s.cache_write_tokens), coalesce(w.cost_usd, s.cost_usd),
        coalesce(w.duration_ms, s.duration_ms), coalesce(w.status, s.status), s.attrs || coalesce(w.attrs::jsonb, '{}')
    ) is distinct from (
        s.parent_external_id, s.kind, s.project_name, s.project_path, s.model, s.provider, s.prompt_tokens,
        s.completion_tokens, s.cache_read_tokens, s.cache_write_tokens, s.cost_usd, s.duration_ms, s.status, s.attrs
    );

-- name: update_sessions
-- Under lock_sessions. What a write does not say (NULL) stays; a weaker title never replaces a stronger,
-- one derived from a message (rank 1) only fills a gap, and what loses or is replaced stays searchable among the
-- former titles (the last 100). A session begins no later
-- than its first message. model fills from the messages where the session's own is unknown.
update sessions s set
    source = coalesce(w.source, s.source),
    source_provisional = s.source_provisional and w.source is null,
    parent_external_id = coalesce(w.parent_external_id, s.parent_external_id),
    kind = coalesce(w.kind, s.kind),
    title = case when w.title_rank > s.title_rank or (w.title_rank = s.title_rank and w.title_rank <> 1) then w.title else s.title end,
    title_rank = greatest(w.title_rank, s.title_rank),
    former_titles = case
        when w.title_rank >= s.title_rank and w.title_rank <> 1 and s.title_rank > 0 and w.title <> s.title
        then (array_remove(array_remove(s.former_titles, s.title), w.title) || s.title)
            [greatest(1, cardinality(s.former_titles) - 98):]
        when w.title_rank > 1 and w.title_rank < s.title_rank and w.title <> s.title
        then (array_remove(s.former_titles, w.title) || w.title)[greatest(1, cardinality(s.former_titles) - 98):]
        else s.former_titles end,
    project_name = coalesce(w.project_name, s.project_name),
    project_path = coalesce(w.project_path, s.project_path),
    model = coalesce(w.model, s.model, w.message_model),
    provider = coalesce(w.provider, s.provider),
    prompt_tokens = coalesce(w.prompt_tokens, s.prompt_tokens),
    completion_tokens = coalesce(w.completion_tokens, s.completion_tokens),
    cache_read_tokens = coalesce(w.cache_read_tokens, s.cache_read_tokens),
    cache_write_tokens = coalesce(w.cache_write_tokens, s.cache_write_tokens),
    cost_usd = coalesce(w.cost_usd, s.cost_usd),
    duration_ms = coalesce(w.duration_ms, s.duration_ms),
    status = coalesce(w.status, s.status),
    attrs = s.attrs || coalesce(w.attrs::jsonb, '{}'),
    message_count = s.message_count + w.new_messages,
    created_at = least(s.created_at, w.created_at),
    updated_at = greatest(s.updated_at, w.active_at)
from unnest(
    %(id)s::bigint[], %(source)s::text[], %(parent_external_id)s::text[], %(kind)s::text[], %(title)s::text[],
    %(title_rank)s::smallint[], %(project_name)s::text[], %(project_path)s::text[], %(model)s::text[],
    %(provider)s::text[], %(prompt_tokens)s::bigint[], %(completion_tokens)s::bigint[],
    %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(cost_usd)s::numeric[],
    %(duration_ms)s::bigint[], %(status)s::text[], %(attrs)s::text[], %(created_at)s::timestamptz[],
    %(message_model)s::text[], %(new_messages)s::int[], %(active_at)s::timestamptz[]
) as w (
    id, source, parent_external_id, kind, title, title_rank, project_name, project_path, model, provider,
    prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, status,
    attrs, created_at, message_model, new_messages, active_at
)
where s.workspace_id = %(workspace_id)s and s.id = w.id;
