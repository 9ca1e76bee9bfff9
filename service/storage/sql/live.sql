-- name: sessions
-- One session for each asker, by number or by external id (without a source the one updated last), with its namesakes:
-- any of them may be the one meant next time.
with asked as materialized (
    select * from jsonb_to_recordset(%(asks)s::jsonb) as a (ask int, ref text, number bigint, source text)
)
select a.ask, s.*, s.changed_xid::text as version,
    array(select tag from session_tags t where t.workspace_id = s.workspace_id and t.session_id = s.id order by tag) as tags,
    array(
        select n.id from sessions n
        where n.workspace_id = %(workspace_id)s and (n.id = a.number or n.external_id = a.ref)
    ) as namesakes
from asked a
left join lateral (
    select * from sessions o
    where o.workspace_id = %(workspace_id)s
        and (o.id = a.number or (o.external_id = a.ref and (a.source is null or o.source = a.source)))
    order by (o.id = a.number) is true desc, o.updated_at desc, o.id desc
    limit 1
) s on true;

-- name: messages
-- The messages of one session for each asker, found as above; a session without messages has one row of nulls. `seq` is
-- the place in the session, `n` in what is asked for.
with asked as materialized (
    select * from jsonb_to_recordset(%(asks)s::jsonb) as a (
        ask int, ref text, number bigint, source text, most bigint, tail bool, after_at timestamptz, after_id bigint)
),
found as materialized (
    select a.*, s.id as found_id,
        array(
            select n.id from sessions n
            where n.workspace_id = %(workspace_id)s and (n.id = a.number or n.external_id = a.ref)
        ) as namesakes
    from asked a
    left join lateral (
        select id from sessions o
        where o.workspace_id = %(workspace_id)s
            and (o.id = a.number or (o.external_id = a.ref and (a.source is null or o.source = a.source)))
        order by (o.id = a.number) is true desc, o.updated_at desc, o.id desc
        limit 1
    ) s on true
),
placed as (
    select f.ask, o.id, o.seq, f.most, f.tail,
        row_number() over (partition by f.ask order by o.seq) as n,
        count(*) over (partition by f.ask) as of
    from found f
    cross join lateral (
        select id, created_at, row_number() over (order by created_at, id) - 1 as seq
        from messages
        where workspace_id = %(workspace_id)s and session_id = f.found_id
    ) o
    where f.after_at is null or (o.created_at, o.id) > (f.after_at, f.after_id)
),
shown as (
    select ask, id, seq, of > n and n = most and not tail as goes_on
    from placed
    where most is null or (not tail and n <= most) or (tail and n > of - most)
)
select f.ask, f.found_id, f.namesakes, m.*, o.seq, o.goes_on, p.types, p.contents,
    array(select tag from message_tags t where t.workspace_id = m.workspace_id and t.message_id = m.id order by tag) as tags
from found f
left join shown o on o.ask = f.ask
left join lateral (
    select * from messages where workspace_id = %(workspace_id)s and id = o.id offset 0
) m on true
left join lateral (
    select array_agg(type order by ordinal) as types, array_agg(content::text order by ordinal) as contents
    from parts where workspace_id = %(workspace_id)s and message_id = o.id
) p on true
order by f.ask, o.seq;

-- name: changed
-- Of messages that may have changed, those that are in the session where their asker had them, without `seq`: the asker
-- knows the places.
select a.ask, m.*, p.types, p.contents,
    array(select tag from message_tags t where t.workspace_id = m.workspace_id and t.message_id = m.id order by tag) as tags
from jsonb_to_recordset(%(asks)s::jsonb) as a (ask int, session_id bigint, id bigint)
join lateral (
    select * from messages where workspace_id = %(workspace_id)s and id = a.id offset 0
) m on m.session_id = a.session_id
left join lateral (
    select array_agg(type order by ordinal) as types, array_agg(content::text order by ordinal) as contents
    from parts where workspace_id = %(workspace_id)s and message_id = m.id
) p on true
order by a.ask, m.created_at, m.id;

-- name: names_of
select id, external_id from sessions where workspace_id = %(workspace_id)s and id = any(%(ids)s);
