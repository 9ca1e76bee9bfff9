-- What stands here asks model 1 of 384 dimensions, without a filter; vectors.py writes in those that are asked.

-- name: size
-- About how many messages a workspace has, and passages a message (by the planner's own statistics).
select coalesce(sum(message_count), 0) as messages, (
    select coalesce(sum(reltuples) filter (where relname = 'passages')
        / nullif(sum(reltuples) filter (where relname = 'messages'), 0), 1)
    from pg_class where oid in ('passages'::regclass, 'messages'::regclass) and reltuples >= 0
) as rows_a_message
from sessions where workspace_id = %(workspace_id)s;

-- name: count_by_session
-- Sessions know how many messages they have.
select coalesce(sum(s.message_count), 0) as messages from sessions s where s.workspace_id = %(workspace_id)s and /* filter */ true;

-- name: passing
-- Never run: the planner is asked how many rows this would have.
select from messages m join sessions s on s.workspace_id = m.workspace_id and s.id = m.session_id
where m.workspace_id = %(workspace_id)s and s.workspace_id = %(workspace_id)s and /* filter */ true;

-- name: one_by_one
-- The distance plus nothing: an expression that no index has, so that every row is compared.
select p.message_id, p.session_id, p.field, p.start_offset, p.end_offset,
    (e.embedding::halfvec(384) <#> %(vector)s::halfvec(384)) + 0 as distance
from sessions s
join messages m on m.workspace_id = s.workspace_id and m.session_id = s.id
join passages p on p.workspace_id = m.workspace_id and p.message_id = m.id
join embeddings e on e.workspace_id = p.workspace_id and e.model_id = 1 and e.text_sha256 = p.text_sha256
where s.workspace_id = %(workspace_id)s and m.workspace_id = %(workspace_id)s and p.workspace_id = %(workspace_id)s
    and e.workspace_id = %(workspace_id)s and /* filter */ true
order by distance
limit %(rows)s;

-- name: sessions_one_by_one
-- As one_by_one where sessions alone tell what passes.
select p.message_id, p.session_id, p.field, p.start_offset, p.end_offset,
    (e.embedding::halfvec(384) <#> %(vector)s::halfvec(384)) + 0 as distance
from sessions s
join passages p on p.workspace_id = s.workspace_id and p.session_id = s.id
join embeddings e on e.workspace_id = p.workspace_id and e.model_id = 1 and e.text_sha256 = p.text_sha256
where s.workspace_id = %(workspace_id)s and p.workspace_id = %(workspace_id)s and e.workspace_id = %(workspace_id)s
    and /* filter */ true
order by distance
limit %(rows)s;

-- name: all_one_by_one
-- As one_by_one without a filter: only what is near is looked up in the other table.
with near as materialized (
    select e.text_sha256, (e.embedding::halfvec(384) <#> %(vector)s::halfvec(384)) + 0 as distance
    from embeddings e
    where e.workspace_id = %(workspace_id)s and e.model_id = 1
    order by distance
    limit %(rows)s
)
select p.message_id, p.session_id, p.field, p.start_offset, p.end_offset, near.distance
from near
join passages p on p.workspace_id = %(workspace_id)s and p.text_sha256 = near.text_sha256
order by near.distance;

-- name: by_index
-- The nearest texts by the model's own index, then where they stand, then the filter.
with near as materialized (
    select e.text_sha256, e.embedding::halfvec(384) <#> %(vector)s::halfvec(384) as distance
    from embeddings e
    where e.workspace_id = %(workspace_id)s and e.model_id = 1
    order by e.embedding::halfvec(384) <#> %(vector)s::halfvec(384)
    limit %(near)s
)
select p.message_id, p.session_id, p.field, p.start_offset, p.end_offset, near.distance
from near
join passages p on p.workspace_id = %(workspace_id)s and p.text_sha256 = near.text_sha256
/* joins */
where /* filter */ true
order by near.distance;
