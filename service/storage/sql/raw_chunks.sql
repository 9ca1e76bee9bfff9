-- name: stored_whole
-- What is kept of documents that come whole.
select c.session_id, c.stream, c.first_offset, c.bytes_sha256, c.offsets, c.sizes
from (select distinct * from unnest(%(session_id)s::bigint[], %(stream)s::text[]) as w (session_id, stream)) w
join raw_chunks c
    on c.workspace_id = %(workspace_id)s and c.session_id = w.session_id and c.stream = w.stream;

-- name: stored_near
-- Chunks that begin where one comes or within it, and the one that begins before it: all by the primary key.
select c.session_id, c.stream, c.first_offset, c.bytes_sha256, c.offsets, c.sizes
from unnest(%(session_id)s::bigint[], %(stream)s::text[], %(first)s::bigint[], %(last)s::bigint[])
    as w (session_id, stream, first, last)
cross join lateral (
    select * from raw_chunks o
    where o.workspace_id = %(workspace_id)s and o.session_id = w.session_id and o.stream = w.stream
        and o.first_offset between w.first and w.last
    union all
    (select * from raw_chunks o
    where o.workspace_id = %(workspace_id)s and o.session_id = w.session_id and o.stream = w.stream
        and o.first_offset < w.first
    order by o.first_offset desc limit 1)
) c;

-- name: bytes
select c.session_id, c.stream, c.first_offset, c.offsets, c.sizes, c.zstd
from unnest(%(session_id)s::bigint[], %(stream)s::text[], %(first_offset)s::bigint[]) as w (session_id, stream, first_offset)
join raw_chunks c
    on c.workspace_id = %(workspace_id)s and c.session_id = w.session_id and c.stream = w.stream
    and c.first_offset = w.first_offset;

-- name: drop
delete from raw_chunks c
using unnest(%(session_id)s::bigint[], %(stream)s::text[], %(first_offset)s::bigint[]) as w (session_id, stream, first_offset)
where c.workspace_id = %(workspace_id)s and c.session_id = w.session_id and c.stream = w.stream
    and c.first_offset = w.first_offset;

-- name: put
-- A chunk takes the place of one that begins at the same line.
insert into raw_chunks (
    workspace_id, session_id, stream, first_offset, format, path, offsets, sizes, bytes_sha256, zstd
)
select %(workspace_id)s, session_id, stream, first_offset, format, path, string_to_array(offsets, ' ')::bigint[],
    string_to_array(sizes, ' ')::int[], bytes_sha256, zstd
from unnest(
    %(session_id)s::bigint[], %(stream)s::text[], %(first_offset)s::bigint[], %(format)s::text[], %(path)s::text[],
    %(offsets)s::text[], %(sizes)s::text[], %(bytes_sha256)s::bytea[], %(zstd)s::bytea[]
) as w (session_id, stream, first_offset, format, path, offsets, sizes, bytes_sha256, zstd)
on conflict (workspace_id, session_id, stream, first_offset) do update set
    format = excluded.format, path = excluded.path, offsets = excluded.offsets, sizes = excluded.sizes,
    bytes_sha256 = excluded.bytes_sha256, zstd = excluded.zstd;

-- name: chunks_of_message
-- The chunks that hold lines of a message, whichever session keeps them, with the offsets of those lines.
select c.session_id, s.external_id, s.source, c.stream, c.first_offset, c.format, c.path, c.offsets, c.sizes,
    c.bytes_sha256, c.zstd, l.offsets as gone
from message_lines l
join raw_chunks c on c.workspace_id = %(workspace_id)s and c.stream = l.stream and c.offsets && l.offsets
join sessions s on s.workspace_id = %(workspace_id)s and s.id = c.session_id
where l.workspace_id = %(workspace_id)s and l.message_id = %(message_id)s;

-- name: bury_lines
-- In its own session, and in every other that keeps a copy of the line.
insert into tombstones (workspace_id, kind, source, session_external_id, external_id)
select distinct %(workspace_id)s, 'line', s.source, s.external_id, l.stream || ':' || line
from message_lines l
join messages m on m.workspace_id = %(workspace_id)s and m.id = l.message_id
cross join unnest(l.offsets) as line
join sessions s on s.workspace_id = %(workspace_id)s and (s.id = m.session_id or s.id in (
    select c.session_id from raw_chunks c
    where c.workspace_id = %(workspace_id)s and c.stream = l.stream and line = any(c.offsets)))
where l.workspace_id = %(workspace_id)s and l.message_id = %(message_id)s;

-- name: page_of_sessions
-- Chunks of these sessions in the order of their keys, from a place on.
select c.session_id, s.external_id, s.source, c.stream, c.first_offset, c.format, c.path, c.offsets, c.sizes,
    c.bytes_sha256, c.zstd
from raw_chunks c
join sessions s on s.workspace_id = %(workspace_id)s and s.id = c.session_id
where c.workspace_id = %(workspace_id)s and c.session_id = any(%(session_ids)s::bigint[])
    and (c.session_id, c.stream, c.first_offset) > (%(session_id)s::bigint, %(stream)s::text, %(first_offset)s::bigint)
order by c.session_id, c.stream, c.first_offset
limit %(limit)s;

-- name: owners
-- The messages of these sessions that were read from one of these lines, with what they say.
select m.id, m.text, l.offsets, array(
    select p.content::text from parts p
    where p.workspace_id = %(workspace_id)s and p.message_id = m.id and p.type <> 'image'
) as parts
from messages m
join message_lines l on l.workspace_id = %(workspace_id)s and l.message_id = m.id and l.stream = %(stream)s
where m.workspace_id = %(workspace_id)s and m.session_id = any(%(session_ids)s::bigint[])
    and l.offsets && %(lines)s::bigint[];

-- name: bury_repeats
insert into tombstones (workspace_id, kind, source, session_external_id, external_id)
select %(workspace_id)s, 'line', s.source, s.external_id, name
from sessions s cross join unnest(%(names)s::text[]) as name
where s.workspace_id = %(workspace_id)s and s.id = %(session_id)s;

-- name: streams
-- With the path and format of the chunk that was stored last in the stream's order.
select distinct on (c.stream) c.stream, c.format, c.path
from raw_chunks c
where c.workspace_id = %(workspace_id)s
    and (%(format)s::text is null or c.format = %(format)s)
    and c.stream in (
        select o.stream from raw_chunks o
        join sessions s on s.workspace_id = %(workspace_id)s and s.id = o.session_id
        where o.workspace_id = %(workspace_id)s
            and (%(source)s::text is null or s.source = %(source)s)
            and (%(session)s::text is null or s.external_id = %(session)s))
order by c.stream, c.first_offset desc;

-- name: also_elsewhere
-- Sessions that keep lines of this stream and of another.
select s.external_id
from raw_chunks c
join sessions s on s.workspace_id = %(workspace_id)s and s.id = c.session_id
where c.workspace_id = %(workspace_id)s and c.stream = %(stream)s and exists (
    select from raw_chunks o
    where o.workspace_id = %(workspace_id)s and o.session_id = c.session_id and o.stream <> c.stream);

-- name: page
select c.session_id, s.external_id, c.first_offset, c.offsets, c.sizes, c.zstd
from raw_chunks c
join sessions s on s.workspace_id = %(workspace_id)s and s.id = c.session_id
where c.workspace_id = %(workspace_id)s and c.stream = %(stream)s
    and (c.first_offset, c.session_id) > (%(first_offset)s::bigint, %(session_id)s::bigint)
order by c.first_offset, c.session_id
limit %(limit)s;
