-- name: changed
-- Positions that are new or say something else than what is stored. Reads only.
select w.machine, w.path
from unnest(
    %(machine)s::text[], %(path)s::text[], %(source)s::text[], %(format)s::text[], %(stream)s::text[], %(inode)s::text[],
    %(size)s::bigint[], %(mtime_ms)s::bigint[], %(offset)s::bigint[], %(tail_sha256)s::text[], %(resume_offset)s::bigint[],
    %(state)s::text[], %(parser_version)s::int[], %(sessions)s::bigint[], %(messages)s::bigint[], %(lines)s::bigint[],
    %(left_out)s::text[]
) as w (
    machine, path, source, format, stream, inode, size, mtime_ms, read_to, tail_sha256, resume_offset, state,
    parser_version, sessions, messages, lines, left_out
)
left join import_files f on f.workspace_id = %(workspace_id)s and f.machine = w.machine and f.path = w.path
where (
    w.source, w.format, w.stream, w.inode::numeric, w.size, w.mtime_ms, w.read_to, w.tail_sha256, w.resume_offset,
    w.state, w.parser_version, w.sessions, w.messages, w.lines, w.left_out::jsonb
) is distinct from (
    f.source, f.format, f.stream, f.inode, f.size, f.mtime_ms, f.read_to, f.tail_sha256, f.resume_offset,
    f.state::text, f.parser_version, f.sessions, f.messages, f.lines, f.left_out
);

-- name: put
-- Only those that changed, so that read_at is when something was read.
insert into import_files (
    workspace_id, machine, path, source, format, stream, inode, size, mtime_ms, read_to, tail_sha256, resume_offset,
    state, parser_version, sessions, messages, lines, left_out, read_at
)
select %(workspace_id)s, w.machine, w.path, w.source, w.format, w.stream, w.inode::numeric, w.size, w.mtime_ms, w.read_to,
    w.tail_sha256, w.resume_offset, w.state::json, w.parser_version, w.sessions, w.messages, w.lines,
    w.left_out::jsonb, %(now)s
from unnest(
    %(machine)s::text[], %(path)s::text[], %(source)s::text[], %(format)s::text[], %(stream)s::text[], %(inode)s::text[],
    %(size)s::bigint[], %(mtime_ms)s::bigint[], %(offset)s::bigint[], %(tail_sha256)s::text[], %(resume_offset)s::bigint[],
    %(state)s::text[], %(parser_version)s::int[], %(sessions)s::bigint[], %(messages)s::bigint[], %(lines)s::bigint[],
    %(left_out)s::text[]
) as w (
    machine, path, source, format, stream, inode, size, mtime_ms, read_to, tail_sha256, resume_offset, state,
    parser_version, sessions, messages, lines, left_out
)
on conflict (workspace_id, machine, path) do update set
    source = excluded.source, format = excluded.format, stream = excluded.stream, inode = excluded.inode,
    size = excluded.size, mtime_ms = excluded.mtime_ms, read_to = excluded.read_to, tail_sha256 = excluded.tail_sha256,
    resume_offset = excluded.resume_offset, state = excluded.state, parser_version = excluded.parser_version,
    sessions = excluded.sessions, messages = excluded.messages, lines = excluded.lines, left_out = excluded.left_out,
    read_at = excluded.read_at;

-- name: page
-- In the order of the key, from a place on. Inodes have more digits than a bigint.
select machine, path, source, format, stream, inode::text as inode, size, mtime_ms, read_to as "offset", tail_sha256,
    resume_offset, state, parser_version, sessions, messages, lines, left_out, read_at
from import_files
where workspace_id = %(workspace_id)s
    and (%(machine)s::text is null or machine = %(machine)s)
    and (%(source)s::text is null or source = %(source)s)
    and (%(after_path)s::text is null or (machine, path) > (%(after_machine)s, %(after_path)s))
order by machine, path
limit %(limit)s;

-- name: workspace_name
select name from workspaces where id = %(workspace_id)s;
