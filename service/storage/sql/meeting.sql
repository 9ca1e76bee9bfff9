-- name: named
-- Which messages names belong to: as the record of a transcript or a client's id, and (origin NULL) as their external id.
with w as materialized (
    select * from unnest(%(session_id)s::bigint[], %(name)s::text[]) as w (session_id, name)
)
select w.session_id, w.name, r.message_id, r.origin
from w join message_records r
    on r.workspace_id = %(workspace_id)s and r.session_id = w.session_id and r.record_id = w.name
union all
select w.session_id, w.name, m.id, null
from w join messages m
    on m.workspace_id = %(workspace_id)s and m.session_id = w.session_id and m.external_id = w.name;

-- name: known
-- Messages with the ids by which transcripts know them, and whether they were read from another stream too.
select m.id, m.session_id, m.external_id, m.role, m.transcript, m.created_at, m.notes, m.eval_status, m.expected_output,
    array(
        select r.record_id from message_records r
        where r.workspace_id = %(workspace_id)s and r.message_id = m.id and r.origin <> 'client'
    ) as records,
    m.attrs @> '{"excerpt": true}' as excerpt,
    exists (
        select from message_lines l
        where l.workspace_id = %(workspace_id)s and l.message_id = m.id and l.stream <> %(stream)s::text
    ) as elsewhere
from messages m
where m.workspace_id = %(workspace_id)s and m.id = any(%(ids)s::bigint[]);

-- name: of_clients
-- What only clients have brought, with what it says: its text, or else its text parts.
select m.id, m.session_id, m.external_id, m.role, m.transcript, m.created_at, m.notes, m.eval_status, m.expected_output,
    '{}'::text[] as records, coalesce(m.text, (
        select string_agg(p.content #>> '{}', e'\n' order by p.ordinal) from parts p
        where p.workspace_id = %(workspace_id)s and p.message_id = m.id and p.type = 'text'
    )) as said
from messages m
where m.workspace_id = %(workspace_id)s and m.session_id = any(%(session_ids)s::bigint[]) and not m.transcript;

-- name: transcripts
-- Of these messages those whose content is a transcript's, with what a client might fill.
select id, session_id, external_id, role, model, source, prompt_tokens, completion_tokens, cache_read_tokens,
    cache_write_tokens, cost_usd, duration_ms, attrs, text is not null as has_text, parts_sha256 is not null as has_parts
from messages
where workspace_id = %(workspace_id)s and id = any(%(ids)s::bigint[]) and transcript;

-- name: waiting
-- Transcripts' messages that say one of these things, and that no client has brought yet, in order.
select m.id, m.session_id, m.role, m.text_key
from messages m
where m.workspace_id = %(workspace_id)s and m.session_id = any(%(session_ids)s::bigint[]) and m.transcript
    and m.text_key = any(%(text_keys)s::bigint[]) and not exists (
        select from message_records r
        where r.workspace_id = %(workspace_id)s and r.message_id = m.id and r.origin <> 'transcript'
    )
order by m.session_id, m.created_at, m.id;

-- name: lines_of
select message_id, stream, offsets from message_lines
where workspace_id = %(workspace_id)s and message_id = any(%(ids)s::bigint[]);
