-- name: sessions_by_external_ids
-- Every session that a write could mean, whatever its source.
select id, external_id, source, source_provisional, updated_at, transcript, client, transcript_totals,
    total_tokens, changed_xid::text as version, exists (
        select from sessions c
        where c.workspace_id = s.workspace_id and c.parent_external_id = s.external_id and c.source = s.source
            and c.transcript
    ) as told_below
from sessions s
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
    cache_write_tokens, cost_usd, duration_ms, status, attrs, created_at, updated_at, transcript, client,
    transcript_totals
)
select
    %(workspace_id)s, %(user_id)s, source, source_provisional, external_id, parent_external_id, coalesce(kind, 'agent'),
    title, coalesce(title_rank, 0), project_name, project_path, model, provider, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, status, coalesce(attrs::jsonb, '{}'),
    coalesce(created_at, %(now)s), coalesce(created_at, %(now)s), %(transcript)s, not %(transcript)s, told
from unnest(
    %(source)s::text[], %(source_provisional)s::boolean[], %(external_id)s::text[], %(parent_external_id)s::text[],
    %(kind)s::text[], %(title)s::text[], %(title_rank)s::smallint[], %(project_name)s::text[],
    %(project_path)s::text[], %(model)s::text[], %(provider)s::text[], %(prompt_tokens)s::bigint[],
    %(completion_tokens)s::bigint[], %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[],
    %(cost_usd)s::numeric[], %(duration_ms)s::bigint[], %(status)s::text[], %(attrs)s::text[],
    %(created_at)s::timestamptz[], %(told)s::smallint[]
) as w (
    source, source_provisional, external_id, parent_external_id, kind, title, title_rank, project_name,
    project_path, model, provider, prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens,
    cost_usd, duration_ms, status, attrs, created_at, told
)
returning id, external_id, source;

-- name: changed_messages
-- The places in the batch whose message is new here, or would differ from what is stored. Reads only: the
-- same batch again takes no lock and writes nothing.
select w.place
from unnest(
    %(place)s::int[], %(session_id)s::bigint[], %(external_id)s::text[], %(role)s::text[], %(text)s::text[],
    %(model)s::text[], %(source)s::text[], %(prompt_tokens)s::bigint[], %(completion_tokens)s::bigint[],
    %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(cost_usd)s::numeric[],
    %(duration_ms)s::bigint[], %(attrs)s::text[], %(parts_sha256)s::bytea[], %(created_at)s::timestamptz[]
) as w (
    place, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, attrs, parts_sha256, created_at
)
left join messages m
    on m.workspace_id = %(workspace_id)s and m.session_id = w.session_id and m.external_id = w.external_id
where m.id is null or (%(transcript)s and not m.transcript) or (
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
select id, transcript, client, transcript_totals, total_tokens, changed_xid::text as version from sessions
where workspace_id = %(workspace_id)s and id = any(%(ids)s::bigint[])
order by id
for no key update;

-- name: upsert_messages
-- New ones get their ids in the order of the batch. What a write does not say (NULL) stays as it is.
insert into messages as m (
    workspace_id, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, attrs, parts_sha256, tools, has_error, created_at,
    transcript, text_key
)
select
    %(workspace_id)s, w.session_id, w.external_id, w.role, coalesce(w.text, o.text), coalesce(w.model, o.model),
    coalesce(w.source, o.source), coalesce(w.prompt_tokens, o.prompt_tokens),
    coalesce(w.completion_tokens, o.completion_tokens), coalesce(w.cache_read_tokens, o.cache_read_tokens),
    coalesce(w.cache_write_tokens, o.cache_write_tokens), coalesce(w.cost_usd, o.cost_usd),
    coalesce(w.duration_ms, o.duration_ms), coalesce(o.attrs, '{}') || coalesce(w.attrs::jsonb, '{}'),
    coalesce(w.parts_sha256, o.parts_sha256),
    coalesce(string_to_array(w.tools, e'\x1f'), o.tools, '{}'), coalesce(w.has_error, o.has_error, false),
    coalesce(w.created_at, o.created_at, %(now)s), %(transcript)s or coalesce(o.transcript, false),
    coalesce(w.text_key, o.text_key)
from unnest(
    %(place)s::int[], %(session_id)s::bigint[], %(external_id)s::text[], %(role)s::text[], %(text)s::text[],
    %(model)s::text[], %(source)s::text[], %(prompt_tokens)s::bigint[], %(completion_tokens)s::bigint[],
    %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(cost_usd)s::numeric[],
    %(duration_ms)s::bigint[], %(attrs)s::text[], %(parts_sha256)s::bytea[], %(tools)s::text[],
    %(has_error)s::boolean[], %(text_key)s::bigint[], %(created_at)s::timestamptz[]
) as w (
    place, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, attrs, parts_sha256, tools, has_error, text_key,
    created_at
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
    created_at = excluded.created_at, transcript = excluded.transcript, text_key = excluded.text_key
returning m.id, m.session_id, m.external_id, m.created_at, (m.xmax = 0) as inserted;

-- name: insert_messages
-- Messages that are certainly new: as upsert_messages, without the look for what is there. A fifth less work.
insert into messages (
    workspace_id, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, attrs, parts_sha256, tools, has_error, created_at,
    transcript, text_key
)
select
    %(workspace_id)s, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, coalesce(attrs::jsonb, '{}'), parts_sha256,
    coalesce(string_to_array(tools, e'\x1f'), '{}'), coalesce(has_error, false), coalesce(created_at, %(now)s),
    %(transcript)s, text_key
from unnest(
    %(place)s::int[], %(session_id)s::bigint[], %(external_id)s::text[], %(role)s::text[], %(text)s::text[],
    %(model)s::text[], %(source)s::text[], %(prompt_tokens)s::bigint[], %(completion_tokens)s::bigint[],
    %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(cost_usd)s::numeric[],
    %(duration_ms)s::bigint[], %(attrs)s::text[], %(parts_sha256)s::bytea[], %(tools)s::text[],
    %(has_error)s::boolean[], %(text_key)s::bigint[], %(created_at)s::timestamptz[]
) as w (
    place, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens,
    cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, attrs, parts_sha256, tools, has_error, text_key,
    created_at
)
order by place
returning id, session_id, external_id, created_at, true as inserted;

-- name: delete_parts
delete from parts where workspace_id = %(workspace_id)s and message_id = any(%(message_ids)s);

-- name: insert_parts
insert into parts (workspace_id, message_id, ordinal, type, content)
select %(workspace_id)s, message_id, ordinal, type, content::json
from unnest(%(message_id)s::bigint[], %(ordinal)s::int[], %(type)s::text[], %(content)s::text[])
    as w (message_id, ordinal, type, content);

-- name: changed_sessions
-- The ids of sessions that these writes would change: the same merge as update_sessions, read only.
with w as materialized (
    select * from unnest(
        %(id)s::bigint[], %(source)s::text[], %(parent_external_id)s::text[], %(kind)s::text[], %(title)s::text[],
        %(title_rank)s::smallint[], %(project_name)s::text[], %(project_path)s::text[], %(model)s::text[],
        %(provider)s::text[], %(prompt_tokens)s::bigint[], %(completion_tokens)s::bigint[],
        %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(cost_usd)s::numeric[],
        %(duration_ms)s::bigint[], %(status)s::text[], %(attrs)s::text[], %(created_at)s::timestamptz[],
        %(told)s::smallint[]
    ) as w (
        id, source, parent_external_id, kind, title, title_rank, project_name, project_path, model, provider,
        prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, status,
        attrs, created_at, told
    )
)
select s.id
from w join sessions s on s.workspace_id = %(workspace_id)s and s.id = w.id
where (w.source is not null and (s.source_provisional or s.source <> w.source))
    or (w.title_rank >= s.title_rank and (w.title, w.title_rank) is distinct from (s.title, s.title_rank))
    or (w.title_rank in (1, 3) and w.title_rank < s.title_rank and w.title <> s.title and not w.title = any(s.former_titles))
    or least(w.created_at, s.created_at) < s.created_at
    or (%(transcript)s and not s.transcript) or (s.transcript_totals | w.told) <> s.transcript_totals
    or (
        coalesce(w.parent_external_id, s.parent_external_id), coalesce(w.kind, s.kind),
        coalesce(w.project_name, s.project_name), coalesce(w.project_path, s.project_path), coalesce(w.model, s.model),
        coalesce(w.provider, s.provider), case w.told & 1 when 1 then w.prompt_tokens else coalesce(w.prompt_tokens, s.prompt_tokens) end,
        case w.told & 1 when 1 then w.completion_tokens else coalesce(w.completion_tokens, s.completion_tokens) end, case w.told & 1 when 1 then w.cache_read_tokens else coalesce(w.cache_read_tokens, s.cache_read_tokens) end,
        case w.told & 1 when 1 then w.cache_write_tokens else coalesce(w.cache_write_tokens, s.cache_write_tokens) end, coalesce(w.cost_usd, s.cost_usd),
        coalesce(w.duration_ms, s.duration_ms), coalesce(w.status, s.status), s.attrs || coalesce(w.attrs::jsonb, '{}')
    ) is distinct from (
        s.parent_external_id, s.kind, s.project_name, s.project_path, s.model, s.provider, s.prompt_tokens,
        s.completion_tokens, s.cache_read_tokens, s.cache_write_tokens, s.cost_usd, s.duration_ms, s.status, s.attrs
    );

-- name: update_sessions
-- Under lock_sessions. What a write does not say (NULL) stays; a weaker title never replaces a stronger,
-- one derived from a message (rank 2) only fills a gap, and what loses or is replaced stays searchable among the
-- former titles (the last 100). A session begins no later
-- than its first message. A transcript tells its four token counts together. model fills from the messages where the session's own is unknown.
update sessions s set
    source = coalesce(w.source, s.source),
    source_provisional = s.source_provisional and w.source is null,
    parent_external_id = coalesce(w.parent_external_id, s.parent_external_id),
    kind = coalesce(w.kind, s.kind),
    title = case when w.title_rank > s.title_rank or (w.title_rank = s.title_rank and w.title_rank <> 2) then w.title else s.title end,
    title_rank = greatest(w.title_rank, s.title_rank),
    former_titles = (
        select coalesce((array_agg(f.title order by f.place))[greatest(1, count(*) - 99):], '{}')
        from (
            select f.title, max(f.place) as place
            from unnest(s.former_titles || array[
                case
                    when w.title_rank > s.title_rank or (w.title_rank = s.title_rank and w.title_rank <> 2)
                    then case when s.title_rank > 0 then s.title end
                    when w.title_rank in (1, 3) then w.title
                end, w.lost_title]) with ordinality as f (title, place)
            group by f.title
        ) f
        where f.title is not null and f.title is distinct from
            case when w.title_rank > s.title_rank or (w.title_rank = s.title_rank and w.title_rank <> 2) then w.title else s.title end
    ),
    project_name = coalesce(w.project_name, s.project_name),
    project_path = coalesce(w.project_path, s.project_path),
    model = coalesce(w.model, s.model, w.message_model),
    provider = coalesce(w.provider, s.provider),
    prompt_tokens = case w.told & 1 when 1 then w.prompt_tokens else coalesce(w.prompt_tokens, s.prompt_tokens) end,
    completion_tokens = case w.told & 1 when 1 then w.completion_tokens else coalesce(w.completion_tokens, s.completion_tokens) end,
    cache_read_tokens = case w.told & 1 when 1 then w.cache_read_tokens else coalesce(w.cache_read_tokens, s.cache_read_tokens) end,
    cache_write_tokens = case w.told & 1 when 1 then w.cache_write_tokens else coalesce(w.cache_write_tokens, s.cache_write_tokens) end,
    cost_usd = coalesce(w.cost_usd, s.cost_usd),
    duration_ms = coalesce(w.duration_ms, s.duration_ms),
    status = coalesce(w.status, s.status),
    attrs = s.attrs || coalesce(w.attrs::jsonb, '{}'),
    message_count = s.message_count + w.new_messages,
    transcript = s.transcript or %(transcript)s,
    client = s.client or not %(transcript)s,
    transcript_totals = s.transcript_totals | w.told,
    created_at = least(s.created_at, w.created_at),
    updated_at = greatest(s.updated_at, w.active_at)
from unnest(
    %(id)s::bigint[], %(source)s::text[], %(parent_external_id)s::text[], %(kind)s::text[], %(title)s::text[],
    %(title_rank)s::smallint[], %(project_name)s::text[], %(project_path)s::text[], %(model)s::text[],
    %(provider)s::text[], %(prompt_tokens)s::bigint[], %(completion_tokens)s::bigint[],
    %(cache_read_tokens)s::bigint[], %(cache_write_tokens)s::bigint[], %(cost_usd)s::numeric[],
    %(duration_ms)s::bigint[], %(status)s::text[], %(attrs)s::text[], %(created_at)s::timestamptz[],
    %(told)s::smallint[], %(message_model)s::text[], %(new_messages)s::int[], %(active_at)s::timestamptz[],
    %(lost_title)s::text[]
) as w (
    id, source, parent_external_id, kind, title, title_rank, project_name, project_path, model, provider,
    prompt_tokens, completion_tokens, cache_read_tokens, cache_write_tokens, cost_usd, duration_ms, status,
    attrs, created_at, told, message_model, new_messages, active_at, lost_title
)
where s.workspace_id = %(workspace_id)s and s.id = w.id;

-- name: move_records
-- Messages that are one: all by which the rows that go were known names the one that stays.
update message_records r set message_id = w.survivor
from unnest(%(absorbed)s::bigint[], %(survivor)s::bigint[]) as w (absorbed, survivor)
where r.workspace_id = %(workspace_id)s and r.message_id = w.absorbed;

-- name: move_lines
-- The raw lines of the rows that go are lines of the one that stays.
insert into message_lines as l (workspace_id, message_id, stream, offsets)
select %(workspace_id)s, w.survivor, o.stream, array_agg(distinct line order by line)
from unnest(%(absorbed)s::bigint[], %(survivor)s::bigint[]) as w (absorbed, survivor)
join message_lines o on o.workspace_id = %(workspace_id)s and o.message_id = w.absorbed
cross join unnest(o.offsets) as line
group by w.survivor, o.stream
on conflict (workspace_id, message_id, stream) do update
set offsets = array(select distinct line from unnest(l.offsets || excluded.offsets) as line order by line);

-- name: move_former
-- Ids that led to the rows that go lead to the one that stays.
update former_messages f set message_id = w.survivor
from unnest(%(absorbed)s::bigint[], %(survivor)s::bigint[]) as w (absorbed, survivor)
where f.workspace_id = %(workspace_id)s and f.message_id = w.absorbed;

-- name: move_labels
-- Tags, the mark for evals and the history of labels of the rows that go are those of the one that stays.
with w as (
    select * from unnest(%(absorbed)s::bigint[], %(survivor)s::bigint[]) as w (absorbed, survivor)
), tagged as (
    insert into message_tags (workspace_id, message_id, tag)
    select %(workspace_id)s, w.survivor, t.tag
    from w join message_tags t on t.workspace_id = %(workspace_id)s and t.message_id = w.absorbed
    on conflict do nothing
), noted as (
    update label_history h set message_id = m.id, session_id = m.session_id
    from w join messages m on m.workspace_id = %(workspace_id)s and m.id = w.survivor
    where h.workspace_id = %(workspace_id)s and h.message_id = w.absorbed
)
update messages m set eval_ready = coalesce(m.eval_ready, a.eval_ready)
from w join messages a on a.workspace_id = %(workspace_id)s and a.id = w.absorbed
where m.workspace_id = %(workspace_id)s and m.id = w.survivor and a.eval_ready is not null;

-- name: insert_former
insert into former_messages (workspace_id, id, message_id)
select %(workspace_id)s, absorbed, survivor
from unnest(%(absorbed)s::bigint[], %(survivor)s::bigint[]) as w (absorbed, survivor);

-- name: delete_absorbed
-- No tombstone: what they said stays, in the message that they are.
delete from messages
where workspace_id = %(workspace_id)s and id = any(%(absorbed)s::bigint[])
returning session_id;

-- name: take_over
-- A row becomes the transcript's message: its external id, the labels of all that it stands for. How long a
-- client's row without a text took is the time of one tool call.
update messages m set
    external_id = w.external_id,
    notes = w.notes,
    eval_status = w.eval_status,
    expected_output = w.expected_output,
    duration_ms = case when m.transcript or m.text is not null then m.duration_ms end
from unnest(
    %(id)s::bigint[], %(external_id)s::text[], %(notes)s::text[], %(eval_status)s::text[], %(expected_output)s::text[]
) as w (id, external_id, notes, eval_status, expected_output)
where m.workspace_id = %(workspace_id)s and m.id = w.id;

-- name: inherit_labels
-- From clients' rows of other sessions that are these messages; what is written beside a message itself stays.
update messages m set
    notes = concat_ws(e'\n\n', m.notes, w.notes),
    eval_status = coalesce(m.eval_status, w.eval_status),
    expected_output = coalesce(m.expected_output, w.expected_output)
from unnest(
    %(id)s::bigint[], %(notes)s::text[], %(eval_status)s::text[], %(expected_output)s::text[]
) as w (id, notes, eval_status, expected_output)
where m.workspace_id = %(workspace_id)s and m.id = w.id;

-- name: insert_records
insert into message_records (workspace_id, session_id, record_id, message_id, origin)
select %(workspace_id)s, session_id, record_id, message_id, origin
from unnest(%(session_id)s::bigint[], %(record_id)s::text[], %(message_id)s::bigint[], %(origin)s::text[])
    as w (session_id, record_id, message_id, origin);

-- name: update_records
-- A name that both sides tell is both's. What only a client tells gives way where a transcript says otherwise: the
-- client's message was known by its words alone.
update message_records r set
    message_id = w.message_id,
    origin = case when r.message_id = w.message_id then 'both' else w.origin end
from unnest(%(session_id)s::bigint[], %(record_id)s::text[], %(message_id)s::bigint[], %(origin)s::text[])
    as w (session_id, record_id, message_id, origin)
where r.workspace_id = %(workspace_id)s and r.session_id = w.session_id and r.record_id = w.record_id
    and r.origin <> w.origin and r.origin <> 'both' and (r.message_id = w.message_id or r.origin = 'client');

-- name: move_names
-- What a better parser tells apart: the names go with the part that has them now. No name moves that a client has given.
update message_records r set message_id = w.message_id
from unnest(%(session_id)s::bigint[], %(record_id)s::text[], %(message_id)s::bigint[], %(origin)s::text[])
    as w (session_id, record_id, message_id, origin)
where r.workspace_id = %(workspace_id)s and r.session_id = w.session_id and r.record_id = w.record_id
    and r.origin <> 'client';

-- name: replace_lines
-- Of a stream that was read from its beginning: its lines lie where they are told now.
insert into message_lines (workspace_id, message_id, stream, offsets)
select %(workspace_id)s, message_id, stream, string_to_array(offsets, ' ')::bigint[]
from unnest(%(message_id)s::bigint[], %(stream)s::text[], %(offsets)s::text[]) as w (message_id, stream, offsets)
on conflict (workspace_id, message_id, stream) do update set offsets = excluded.offsets;

-- name: add_lines
insert into message_lines as l (workspace_id, message_id, stream, offsets)
select %(workspace_id)s, message_id, stream, string_to_array(offsets, ' ')::bigint[]
from unnest(%(message_id)s::bigint[], %(stream)s::text[], %(offsets)s::text[]) as w (message_id, stream, offsets)
on conflict (workspace_id, message_id, stream) do update
set offsets = array(select distinct line from unnest(l.offsets || excluded.offsets) as line order by line);
