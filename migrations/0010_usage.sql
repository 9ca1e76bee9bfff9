-- What agents used and what it cost: what is told (totals of sessions, records, rates), and what is derived from it
-- and from messages (rows, hourly facts). What is derived can be thrown away: `backscroll rollup --all` makes it again.
--
-- A write that changes what was used in an hour leaves a mark in its own transaction; the rollup takes the marks of a
-- workspace, derives the rows of those hours from what is there now, and the facts of the hours from the rows.
-- NULL is "unknown" for a cost; a count that nobody told is 0 here, where it is added up.

-- Marks carry no uniqueness: writers of one workspace must not wait for each other. No foreign key either: a
-- workspace's deletion marks what it takes along.
create table usage_marks (
    workspace_id bigint not null,
    hour timestamptz not null,
    xid xid8 not null default pg_current_xact_id()
);
create index usage_marks_by_workspace on usage_marks (workspace_id, hour);

-- Totals of a session as its clients told them, and when: a row for each hour in which they changed, the last of it.
-- What its messages do not account for is used at these times.
create table session_totals (
    workspace_id bigint not null,
    session_id bigint not null,
    hour timestamptz not null,
    at timestamptz not null,
    prompt_tokens bigint not null,
    completion_tokens bigint not null,
    cache_read_tokens bigint not null,
    cache_write_tokens bigint not null,
    cost_usd numeric(20, 10),
    primary key (workspace_id, session_id, hour),
    foreign key (workspace_id, session_id) references sessions on delete cascade
);
create index session_totals_by_hour on session_totals (workspace_id, hour);

-- What any service used, told by whoever ran it: a quantity of a metric, once for each idempotency key.
create table usage_records (
    workspace_id bigint not null references workspaces on delete cascade,
    id bigint generated always as identity,
    idempotency_key text not null check (length(idempotency_key) between 1 and 512),
    user_id bigint references users on delete set null,
    service text not null check (length(service) between 1 and 100),
    metric text not null check (length(metric) between 1 and 100),
    quantity numeric(30, 10) not null check (quantity >= 0),
    model text check (length(model) between 1 and 500),
    provider text check (length(provider) between 1 and 500),
    session_external_id text check (length(session_external_id) between 1 and 512),
    message_external_id text check (length(message_external_id) between 1 and 512),
    cost_usd numeric(20, 10) check (cost_usd >= 0), -- as told; NULL: computed from rates
    attrs jsonb not null default '{}',
    occurred_at timestamptz not null,
    primary key (workspace_id, id),
    unique (workspace_id, idempotency_key)
);
create index usage_records_by_time on usage_records (workspace_id, occurred_at);
create index usage_records_by_session on usage_records (workspace_id, session_external_id)
    where session_external_id is not null;

-- What a unit of a metric costs from a moment on; they go before the price table. The empty model is every model.
-- Tokens of messages are service `llm`, metrics input_tokens, cache_read_tokens, cache_write_tokens, output_tokens.
create table usage_rates (
    workspace_id bigint not null references workspaces on delete cascade,
    service text not null check (length(service) between 1 and 100),
    metric text not null check (length(metric) between 1 and 100),
    model text not null default '' check (length(model) <= 500),
    valid_from timestamptz not null,
    usd_per_unit numeric(30, 15) not null check (usd_per_unit >= 0),
    names uuid generated always as (md5(
        length(service)::text || ' ' || length(metric)::text || ' ' || service || metric || model)::uuid) stored,
    primary key (workspace_id, names, valid_from) -- of names as facts have them, below
);

-- Derived. A row for each message, for what a session's totals tell beyond its messages, and for each record.
create table usage_rows (
    workspace_id bigint not null references workspaces on delete cascade,
    occurred_at timestamptz not null,
    kind "char" not null check (kind in ('m', 's', 'r')), -- message, session's total, record
    id bigint not null, -- of the message, the session, the record
    session_id bigint,
    user_id bigint not null default 0, -- 0: nobody known
    source text not null default '',
    provider text not null default '',
    model text not null default '',
    project text not null default '',
    service text not null, -- `llm` for messages and totals
    metric text not null default '', -- of a record
    -- Two messages with the same key are one answer that stands in two sessions: it counts once.
    copy_key bigint,
    copied boolean not null default false, -- it says itself that it is a copy
    counted boolean not null default true,
    input_tokens bigint not null default 0,
    cache_read_tokens bigint not null default 0,
    cache_write_tokens bigint not null default 0,
    output_tokens bigint not null default 0,
    quantity double precision not null default 0,
    cost_nano_usd bigint, -- whole nano-dollars, as analytics counts; NULL: unknown, or nothing to pay for
    cost_source text not null default 'none' check (cost_source in ('reported', 'computed', 'estimated', 'unknown', 'none')),
    price_version text not null default '',
    duration_ms bigint,
    tool_calls integer not null default 0,
    tool_errors integer not null default 0,
    primary key (workspace_id, occurred_at, kind, id),
    check ((cost_nano_usd is null) = (cost_source in ('unknown', 'none')))
);
create index usage_rows_by_session on usage_rows (workspace_id, session_id);
create index usage_rows_of_totals on usage_rows (workspace_id, session_id) where kind = 's';
create index usage_rows_by_copy on usage_rows (workspace_id, copy_key) where copy_key is not null;

-- Derived. What was used in a UTC hour, by all that it can be asked by. Sums add up over hours; sessions and
-- durations stand here one by one, since a distinct count or a percentile of a day is not the sum of its hours'.
create table usage_facts (
    workspace_id bigint not null references workspaces on delete cascade,
    hour timestamptz not null,
    source text not null,
    provider text not null,
    model text not null,
    project text not null,
    user_id bigint not null,
    service text not null,
    metric text not null,
    messages bigint not null,
    input_tokens bigint not null,
    cache_read_tokens bigint not null,
    cache_write_tokens bigint not null,
    output_tokens bigint not null,
    quantity numeric(40, 10) not null, -- wider than one record's
    cost_usd numeric(20, 10) not null, -- of what is priced
    priced_messages bigint not null,
    unpriced_messages bigint not null,
    tool_calls bigint not null,
    tool_errors bigint not null,
    session_ids bigint[] not null,
    durations_ms bigint[] not null,
    -- By what it can be asked, as one short key: an index takes no row of several long names.
    names uuid generated always as (md5(
        user_id::text || ' ' || length(source)::text || ' ' || length(provider)::text || ' ' || length(model)::text || ' '
        || length(project)::text || ' ' || length(service)::text || ' ' || source || provider || model || project
        || service || metric)::uuid) stored,
    primary key (workspace_id, hour, names)
);

-- Derived. Which tools were called in a UTC hour; durations as above.
create table usage_tools (
    workspace_id bigint not null references workspaces on delete cascade,
    hour timestamptz not null,
    source text not null,
    project text not null,
    user_id bigint not null,
    tool text not null,
    calls bigint not null,
    errors bigint not null,
    session_ids bigint[] not null,
    durations_ms bigint[] not null,
    names uuid generated always as (md5(
        user_id::text || ' ' || length(source)::text || ' ' || length(project)::text || ' ' || source || project || tool
        )::uuid) stored,
    primary key (workspace_id, hour, names)
);

-- When a workspace's facts were last computed, and with which prices.
create table usage_state (
    workspace_id bigint primary key references workspaces on delete cascade,
    computed_at timestamptz not null,
    price_version text not null
);

create function usage_hour(at timestamptz) returns timestamptz
    language sql immutable parallel safe
    return date_bin('1 hour', at, '2000-01-01 00:00:00+00');

create function mark_messages() returns trigger language plpgsql as $$
begin
    if tg_op = 'INSERT' then
        insert into usage_marks (workspace_id, hour)
        select distinct workspace_id, usage_hour(created_at) from new_rows;
    elsif tg_op = 'DELETE' then
        insert into usage_marks (workspace_id, hour)
        select distinct workspace_id, usage_hour(created_at) from old_rows;
    else
        insert into usage_marks (workspace_id, hour)
        select distinct n.workspace_id, hour
        from new_rows n
        join old_rows o using (workspace_id, id)
        cross join lateral (values (usage_hour(n.created_at)), (usage_hour(o.created_at))) as both_hours (hour)
        where (n.session_id, n.external_id, n.role, n.model, n.prompt_tokens, n.completion_tokens,
                n.cache_read_tokens, n.cache_write_tokens, n.cost_usd, n.duration_ms, n.attrs, n.parts_sha256,
                n.has_error, n.created_at)
            is distinct from (o.session_id, o.external_id, o.role, o.model, o.prompt_tokens, o.completion_tokens,
                o.cache_read_tokens, o.cache_write_tokens, o.cost_usd, o.duration_ms, o.attrs, o.parts_sha256,
                o.has_error, o.created_at);
    end if;
    return null;
end
$$;

create trigger mark_insert after insert on messages referencing new table as new_rows
    for each statement execute function mark_messages();
create trigger mark_update after update on messages referencing old table as old_rows new table as new_rows
    for each statement execute function mark_messages();
create trigger mark_delete after delete on messages referencing old table as old_rows
    for each statement execute function mark_messages();

-- What a session tells of all its messages (whose, of what, where) moves the facts of every hour that it has.
create function mark_sessions() returns trigger language plpgsql as $$
begin
    if tg_op = 'UPDATE' then
        -- Every batch of messages writes its sessions' times and counts. That alone must cost next to nothing: the
        -- statements below look at all of a session.
        if not exists (
            select from new_rows n
            join old_rows o using (workspace_id, id)
            where (n.source, n.project_name, n.project_path, n.model, n.provider, n.user_id, n.prompt_tokens,
                    n.completion_tokens, n.cache_read_tokens, n.cache_write_tokens, n.cost_usd, n.transcript)
                is distinct from (o.source, o.project_name, o.project_path, o.model, o.provider, o.user_id,
                    o.prompt_tokens, o.completion_tokens, o.cache_read_tokens, o.cache_write_tokens, o.cost_usd,
                    o.transcript)
        ) then
            return null;
        end if;

        insert into usage_marks (workspace_id, hour)
        select distinct m.workspace_id, usage_hour(m.created_at)
        from new_rows n
        join old_rows o using (workspace_id, id)
        join messages m on m.workspace_id = n.workspace_id and m.session_id = n.id
        where (n.source, n.project_name, n.project_path, n.model, n.provider, n.user_id)
            is distinct from (o.source, o.project_name, o.project_path, o.model, o.provider, o.user_id);

        insert into session_totals (
            workspace_id, session_id, hour, at, prompt_tokens, completion_tokens, cache_read_tokens,
            cache_write_tokens, cost_usd
        )
        select n.workspace_id, n.id, usage_hour(n.updated_at), n.updated_at, coalesce(n.prompt_tokens, 0),
            coalesce(n.completion_tokens, 0), coalesce(n.cache_read_tokens, 0), coalesce(n.cache_write_tokens, 0),
            n.cost_usd
        from new_rows n
        join old_rows o using (workspace_id, id)
        where (n.prompt_tokens, n.completion_tokens, n.cache_read_tokens, n.cache_write_tokens, n.cost_usd)
            is distinct from
            (o.prompt_tokens, o.completion_tokens, o.cache_read_tokens, o.cache_write_tokens, o.cost_usd)
        on conflict (workspace_id, session_id, hour) do update set
            at = excluded.at, prompt_tokens = excluded.prompt_tokens,
            completion_tokens = excluded.completion_tokens, cache_read_tokens = excluded.cache_read_tokens,
            cache_write_tokens = excluded.cache_write_tokens, cost_usd = excluded.cost_usd;

        insert into usage_marks (workspace_id, hour)
        select distinct n.workspace_id, t.hour
        from new_rows n
        join old_rows o using (workspace_id, id)
        cross join lateral (
            select hour from session_totals where workspace_id = n.workspace_id and session_id = n.id
            union all
            select usage_hour(occurred_at) from usage_records
            where workspace_id = n.workspace_id and session_external_id = n.external_id
        ) t
        where (n.source, n.project_name, n.project_path, n.model, n.provider, n.user_id, n.prompt_tokens,
                n.completion_tokens, n.cache_read_tokens, n.cache_write_tokens, n.cost_usd, n.transcript)
            is distinct from (o.source, o.project_name, o.project_path, o.model, o.provider, o.user_id,
                o.prompt_tokens, o.completion_tokens, o.cache_read_tokens, o.cache_write_tokens, o.cost_usd,
                o.transcript);
    elsif tg_op = 'INSERT' then
        insert into session_totals (
            workspace_id, session_id, hour, at, prompt_tokens, completion_tokens, cache_read_tokens,
            cache_write_tokens, cost_usd
        )
        select workspace_id, id, usage_hour(updated_at), updated_at, coalesce(prompt_tokens, 0),
            coalesce(completion_tokens, 0), coalesce(cache_read_tokens, 0), coalesce(cache_write_tokens, 0), cost_usd
        from new_rows
        where total_tokens > 0 or cost_usd is not null;

        insert into usage_marks (workspace_id, hour)
        select distinct workspace_id, usage_hour(updated_at) from new_rows
        where total_tokens > 0 or cost_usd is not null;

        insert into usage_marks (workspace_id, hour)
        select distinct r.workspace_id, usage_hour(r.occurred_at)
        from new_rows n
        join usage_records r on r.workspace_id = n.workspace_id and r.session_external_id = n.external_id;
    else
        -- What was told of a session goes with it, unless another source has one of that name.
        delete from usage_records r using old_rows o
        where r.workspace_id = o.workspace_id and r.session_external_id = o.external_id and not exists (
            select from sessions s where s.workspace_id = o.workspace_id and s.external_id = o.external_id
        );
    end if;
    return null;
end
$$;

create trigger mark_insert after insert on sessions referencing new table as new_rows
    for each statement execute function mark_sessions();
create trigger mark_delete after delete on sessions referencing old table as old_rows
    for each statement execute function mark_sessions();
create trigger mark_update after update on sessions referencing old table as old_rows new table as new_rows
    for each statement execute function mark_sessions();

-- Of what comes and goes by itself: totals that go with their session, records.
create function mark_hours() returns trigger language plpgsql as $$
begin
    if tg_op <> 'DELETE' then
        execute format('insert into usage_marks (workspace_id, hour)
            select distinct workspace_id, usage_hour(%I) from new_rows', tg_argv[0]);
    end if;
    if tg_op <> 'INSERT' then
        execute format('insert into usage_marks (workspace_id, hour)
            select distinct workspace_id, usage_hour(%I) from old_rows', tg_argv[0]);
    end if;
    return null;
end
$$;

create trigger mark_delete after delete on session_totals referencing old table as old_rows
    for each statement execute function mark_hours('at');
create trigger mark_insert after insert on usage_records referencing new table as new_rows
    for each statement execute function mark_hours('occurred_at');
create trigger mark_update after update on usage_records referencing old table as old_rows new table as new_rows
    for each statement execute function mark_hours('occurred_at');
create trigger mark_delete after delete on usage_records referencing old table as old_rows
    for each statement execute function mark_hours('occurred_at');

do $$
declare
    tenant_table text;
begin
    foreach tenant_table in array array[
        'usage_marks', 'session_totals', 'usage_records', 'usage_rates', 'usage_rows', 'usage_facts', 'usage_tools', 'usage_state'
    ] loop
        execute format('alter table %I enable row level security', tenant_table);
        execute format('alter table %I force row level security', tenant_table);
        execute format(
            'create policy own_workspace on %I
             using (workspace_id = current_workspace()) with check (workspace_id = current_workspace())', tenant_table);
        execute format('grant select, insert, update, delete on %I to backscroll_app', tenant_table);
    end loop;
end
$$;

-- Which workspaces have something to roll up.
create policy across on usage_marks for select to backscroll_system using (true);
grant select on usage_marks to backscroll_system;
