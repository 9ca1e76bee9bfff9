"""Stories of queries, locks, migrations and keys in Postgres."""

from service.sample.story import Story, agent, call, failed, got, user

STORIES = (
    Story(
        key="n-plus-one",
        title="Invoice list makes 401 queries",
        source="codex-cli",
        model="gpt-5-codex",
        project="ledger-api",
        days_ago=37.1,
        turns=(
            user(
                "GET /invoices?limit=200 takes 3.4 s. Find out why and fix it; add something that keeps it fixed."
            ),
            agent(
                "I'll count the queries of one request.",
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "SQLALCHEMY_ECHO=1 python -m scripts.request '/invoices?limit=200' 2>&1 | grep -c '^INFO.*SELECT'",
                    ],
                ),
            ),
            got("401"),
            agent(
                "401 queries for 200 invoices is N+1 twice over: one for the list, then one for each invoice's customer and one for its lines. The relationships load lazily while the response is serialised.",
                call("shell", command=["bash", "-lc", "sed -n 40,64p app/invoices/queries.py"]),
            ),
            got(
                "def list_invoices(session, limit):\n    return session.scalars(select(Invoice).order_by(Invoice.issued_on.desc()).limit(limit)).all()"
            ),
            agent(
                "`customer` is many-to-one: a JOIN is right (`joinedload`). `lines` is one-to-many: a JOIN would multiply the rows and break the LIMIT, so `selectinload`, one more query with `IN`.",
                call(
                    "apply_patch",
                    input="*** Begin Patch\n*** Update File: app/invoices/queries.py\n-    return session.scalars(select(Invoice).order_by(Invoice.issued_on.desc()).limit(limit)).all()\n+    invoices = (\n+        select(Invoice)\n+        .options(joinedload(Invoice.customer), selectinload(Invoice.lines), raiseload('*'))\n+        .order_by(Invoice.issued_on.desc())\n+        .limit(limit)\n+    )\n+    return session.scalars(invoices).all()\n*** End Patch",
                ),
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "pytest tests/invoices -q && python -m scripts.request '/invoices?limit=200' --time",
                    ],
                ),
            ),
            failed(
                "E   sqlalchemy.exc.InvalidRequestError: 'Customer.addresses' is not available due to lazy='raise'\n1 failed, 11 passed"
            ),
            agent(
                "`raiseload('*')` is what keeps it fixed: any relationship that is loaded lazily on this path now raises. It has found a third one, the customer's addresses, which I missed because the fixture customers have none.",
                call(
                    "shell",
                    command=[
                        "bash",
                        "-lc",
                        "sd 'joinedload\\(Invoice.customer\\)' 'joinedload(Invoice.customer).selectinload(Customer.addresses)' app/invoices/queries.py && pytest tests/invoices -q && python -m scripts.request '/invoices?limit=200' --time",
                    ],
                ),
            ),
            got("12 passed in 2.10s\n200 OK 0.087s 3 queries"),
            agent(
                "3.4 s became 87 ms, 401 queries became 3. Whoever adds a lazy relationship to this path gets an error in the tests and not a slow page."
            ),
        ),
    ),
    Story(
        key="deadlock",
        title="Deadlock detected when two transfers cross",
        source="claude-code",
        model="claude-opus-4-5",
        project="ledger-api",
        days_ago=33.7,
        turns=(
            user(
                'We get `psycopg.errors.DeadlockDetected` a few times a day from POST /transfers. Log excerpt:\n\nDETAIL: Process 4121 waits for ShareLock on transaction 88213; blocked by process 4133.\nProcess 4133 waits for ShareLock on transaction 88212; blocked by process 4121.\nCONTEXT: while updating tuple (18,4) in relation "accounts"'
            ),
            agent(
                "Two transactions each hold a row of `accounts` that the other wants. That happens when one moves money from A to B while another moves money from B to A.",
                call("Read", file_path="/home/dev/projects/ledger-api/app/transfers/service.py"),
            ),
            got(
                "def transfer(conn, source, target, amount):\n    conn.execute('update accounts set balance = balance - %s where id = %s', (amount, source))\n    conn.execute('update accounts set balance = balance + %s where id = %s', (amount, target))"
            ),
            agent(
                "Confirmed: rows are locked in the order source, target. The cure is one global lock order. Lock both rows first, sorted by id:\n\n```sql\nselect id from accounts where id = any(%s) order by id for no key update\n```\n\n`for no key update` and not `for update`, because inserts into `entries` take a key-share lock on the account for their foreign key and need not wait.",
                call(
                    "Bash",
                    command="python - <<'PY'\nfrom tests.load import crossing_transfers\nprint(crossing_transfers(workers=16, seconds=20))\nPY",
                    description="Reproduce with 16 workers",
                ),
                thinking="Retry on deadlock is the other option. It is needed for serialization failures anyway, but a deadlock costs deadlock_timeout (1 s) each time before it is even noticed. Ordering removes the cause.",
            ),
            failed(
                "Traceback (most recent call last):\n  File \"<stdin>\", line 1, in <module>\nModuleNotFoundError: No module named 'tests'"
            ),
            agent(
                "",
                call(
                    "Bash",
                    command="PYTHONPATH=. python -m tests.load crossing_transfers --workers 16 --seconds 20",
                ),
            ),
            got("transfers: 8231  deadlocks: 37"),
            agent(
                "37 deadlocks in 20 seconds, good enough to prove a fix.",
                call(
                    "Edit",
                    file_path="/home/dev/projects/ledger-api/app/transfers/service.py",
                    old_string="def transfer(conn, source, target, amount):\n",
                    new_string="def transfer(conn, source, target, amount):\n    # Both rows, always in the order of their ids: crossing transfers wait and do not deadlock.\n    conn.execute('select 1 from accounts where id = any(%s) order by id for no key update', ([source, target],))\n",
                ),
                call(
                    "Bash",
                    command="PYTHONPATH=. python -m tests.load crossing_transfers --workers 16 --seconds 60",
                ),
            ),
            got("The file app/transfers/service.py has been updated.", "transfers: 26904  deadlocks: 0"),
            agent(
                "No deadlock in a minute and 27,000 transfers, and throughput is a little up, since nobody waits for the one-second deadlock timeout any more. I kept the load test as `tests/load/crossing_transfers.py`."
            ),
            user("Should we also retry?"),
            agent(
                "For deadlocks it is no longer needed here. If you move to SERIALIZABLE you need a retry on SQLSTATE 40001 in any case; then let the same wrapper treat 40P01 alike."
            ),
        ),
    ),
    Story(
        key="alembic-heads",
        title="Alembic: multiple head revisions are present",
        source="claude-code",
        model="claude-sonnet-4-5",
        project="ledger-api",
        days_ago=13.4,
        turns=(
            user(
                "deploy is stuck: `FAILED: Multiple head revisions are present for given argument 'head'`. two branches were merged this morning"
            ),
            agent(
                "Both branches added a migration on the same parent. I'll look at the graph.",
                call(
                    "Bash",
                    command="alembic heads --verbose && alembic history -r-4:",
                    description="Show heads",
                ),
            ),
            got(
                "Rev: 7c1e0b (head)  Parent: 51aa90  add entries.reversed_by\nRev: e03d44 (head)  Parent: 51aa90  rename accounts.type to kind\n\n51aa90 -> 7c1e0b (head)\n51aa90 -> e03d44 (head)"
            ),
            agent(
                "Two heads, `7c1e0b` and `e03d44`. They touch different tables, so either order is fine. Which of them is in production already?",
                call(
                    "Bash",
                    command="psql $STAGING_URL -Atc 'select version_num from alembic_version'; psql $PRODUCTION_REPLICA_URL -Atc 'select version_num from alembic_version'",
                    description="Versions on staging and production",
                ),
            ),
            failed(
                'psql: error: connection to server on socket "/var/run/postgresql/.s.PGSQL.5432" failed: No such file or directory'
            ),
            user("those env vars aren't set on my machine. staging has e03d44, production still 51aa90"),
            agent(
                "Then do not rewrite `e03d44`: staging has run it. Two ways: a merge revision (`alembic merge heads`), which leaves a diamond for ever, or re-parent the one that has run nowhere: `7c1e0b` onto `e03d44`. The second keeps history a line.",
                call(
                    "Edit",
                    file_path="/home/dev/projects/ledger-api/migrations/versions/7c1e0b_reversed_by.py",
                    old_string='down_revision = "51aa90"',
                    new_string='down_revision = "e03d44"',
                ),
                call(
                    "Bash",
                    command="alembic heads && alembic upgrade head --sql | tail -4 && pytest tests/migrations -q",
                ),
            ),
            got(
                "The file has been updated.",
                "7c1e0b (head)\nALTER TABLE entries ADD COLUMN reversed_by BIGINT;\nUPDATE alembic_version SET version_num='7c1e0b' WHERE alembic_version.version_num = 'e03d44';\nCOMMIT;\n6 passed",
            ),
            agent(
                "One head again. I also added `tests/migrations/test_one_head.py`, so that a second head fails in the pull request and not in the deploy."
            ),
            user("deployed. thanks!"),
        ),
    ),
    Story(
        key="uuid-or-bigint",
        title="UUIDv7 or bigint for primary keys?",
        source="claude-code",
        model="claude-opus-4-5",
        project="tidepool",
        days_ago=0.3,
        kind="thread",
        turns=(
            user(
                "Quick opinion wanted: primary keys for a new multi-tenant service on Postgres. bigint identity or UUIDv7? Ids will be visible in URLs."
            ),
            agent(
                "Both, for different jobs. `bigint` identity as the primary key and for foreign keys: 8 bytes, in order of insertion, small indexes. A second, public id for URLs, so that nobody can count your customers or guess the next id; random is fine there, since it is only looked up one at a time.\n\n"
                "UUIDv7 as the only key is the better choice when ids are made outside the database (offline clients, several regions). Its first 48 bits are a timestamp, so inserts stay at the right edge of the index, unlike UUIDv4, which dirties pages all over."
            ),
            user("doesn't v7 leak the creation time?"),
            agent(
                "Yes, to the millisecond. For orders that rarely matters; for accounts or medical records it may. With a separate public id you decide that per table."
            ),
            user("and sharding later?"),
            agent(
                "Put the tenant first in every key: `primary key (tenant_id, id)`. Then a tenant can move to another shard whole, ids only have to be unique within it, and row-level security has a leading column that every index can use. That matters more than the type of the id."
            ),
        ),
    ),
)
