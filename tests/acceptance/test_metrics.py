"""Seeing a running service: /metrics, /health/ready part by part, slow requests, the audit log of requests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import psycopg
import pytest
from http_service import HttpService, http_service
from prometheus_client.parser import text_string_to_metric_families
from serve_process import environ, run
from structlog.testing import capture_logs

from service.jobs.heartbeat import Heartbeat
from service.postgres import EmbeddedPostgres
from service.storage import audit, workers

LOST = "a secret word"


@pytest.fixture(scope="module")
def alone(template_18: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpService]:
    """A service that these tests may disturb; every request is slow to it."""
    with http_service(template_18, tmp_path_factory.mktemp("home"), slow_request_ms=1) as running:
        yield running


def metrics(service: HttpService) -> dict[tuple[str, ...], float]:
    """Each sample by its name and the values of its labels."""
    text = httpx.get(f"{service.url}/metrics", trust_env=False).text
    return {
        (sample.name.removeprefix("backscroll_"), *sample.labels.values()): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def execute(service: HttpService, statement: str) -> None:
    """As the owner of the database."""
    with psycopg.connect(service.resources.url) as conn:
        conn.execute(statement)  # type: ignore[call-overload]


def test_it_counts_and_times_requests(service: HttpService, api: httpx.Client) -> None:
    """A request is counted under its route and status, and timed."""
    name = ("requests_total", "GET", "/api/sessions/{id}", "404")
    before = metrics(service).get(name, 0)
    api.get("/api/sessions/none")
    found = metrics(service)
    assert found[name] == before + 1
    assert found["request_seconds_count", "GET", "/api/sessions/{id}"] >= 1


def test_it_times_the_steps_of_a_search(service: HttpService, api: httpx.Client) -> None:
    """An answer says in its head what its steps took, and the metrics add them up."""
    before = metrics(service).get(("search_step_seconds_count", "words"), 0)
    told = api.post("/search", json={"q": "steps", "type": "fulltext"}).headers["server-timing"]
    steps = dict(each.split(";dur=") for each in told.split(", "))
    assert {"words", "count", "rows", "snippets", "total"} <= steps.keys()
    assert all(float(ms) >= 0 for ms in steps.values())
    assert metrics(service)["search_step_seconds_count", "words"] == before + 1


def test_it_tells_of_the_database_and_the_pool(service: HttpService) -> None:
    """Postgres is up; connections are in use or idle, and nobody waits for one; no stream is open."""
    found = metrics(service)
    assert found["database_up",] == 1
    assert found["pool_connections", "in_use"] + found["pool_connections", "idle"] >= 1
    assert found["pool_connections_most",] == service.settings.pool_size
    assert found["pool_waiting",] == found["streams",] == 0
    assert found["process_resident_memory_bytes",] > 0


def test_it_tells_what_waits(alone: HttpService) -> None:
    """Texts without a vector are counted, those that a worker has taken apart from the rest; and the text index's lag."""
    workspace_id, _ = alone.workspace()
    execute(
        alone,
        f"""begin; set local backscroll.workspace = '{workspace_id}';
        insert into embedding_models (name, dimension, status) values ('m', 2, 'active');
        insert into embedding_queue (workspace_id, model_id, text_sha256, priority, message_id, claimed_until)
        select {workspace_id}, m.id, sha256(n::text::bytea), 0, 1, case when n = 1 then now() + interval '1 hour' end
        from embedding_models m, generate_series(1, 3) n; commit""",
    )
    found = metrics(alone)
    assert (found["embedding_queue", "waiting"], found["embedding_queue", "taken"]) == (2, 1)
    assert found["index_lag", "vectors"] == 3
    assert ("index_lag", "text") in found


def test_it_counts_what_imports_stored(service: HttpService, api: httpx.Client) -> None:
    """What is new is counted by kind; the same again adds nothing."""
    line = b'{"type": "session", "source": "pi", "externalId": "counted"}\n'
    before = metrics(service).get(("imported_total", "sessions"), 0)
    for _ in range(2):
        assert api.post("/api/import", content=line).json()["sessions"] == 1
    assert metrics(service)["imported_total", "sessions"] == before + 1


def test_it_hears_the_workers(alone: HttpService) -> None:
    """A worker that beats is counted with its failures, one that fell silent is not; readiness and metrics tell both."""
    ready = f"{alone.url}/health/ready"
    assert httpx.get(ready, trust_env=False).json()["checks"]["worker"]["state"] == "late"

    async def beat() -> None:
        heartbeat = Heartbeat(alone.resources.db)
        heartbeat.failed()
        task = alone.loop.create_task(heartbeat.run())
        heard: list[workers.Worker] = []
        while not heard:
            async with alone.resources.db.system() as conn:
                heard = await workers.seen(conn)
        found.append(heard[0])
        told.append(await get(ready))
        told.append(await get(f"{alone.url}/metrics"))
        task.cancel()

    async def get(url: str) -> str:
        async with httpx.AsyncClient(trust_env=False) as client:
            return (await client.get(url)).text

    found: list[workers.Worker] = []
    told: list[str] = []
    alone.do(beat())
    assert (found[0].failures, found[0].works) == (1, True)
    assert '"worker":{"state":"ok","silentSeconds":0}' in told[0]
    assert "backscroll_workers 1.0" in told[1]
    assert "backscroll_worker_failures 1.0" in told[1]
    execute(
        alone,
        "insert into workers (name, started_at, seen_at) values ('gone', now(), now() - interval '75 seconds')",
    )
    check = httpx.get(ready, trust_env=False).json()["checks"]["worker"]
    assert (check["state"], check["detail"]) == ("late", "no worker has worked for 75 s")
    assert metrics(alone)["workers",] == 0
    assert metrics(alone)["worker_silent_seconds",] >= 75
    execute(alone, "delete from workers")


def test_it_tells_readiness_part_by_part(service: HttpService) -> None:
    """Each part has a state; a model that is not wanted and a silent worker do not make it unready."""
    answer = httpx.get(f"{service.url}/health/ready", trust_env=False)
    checks = answer.json()["checks"]
    assert answer.status_code == 200
    assert {name: check["state"] for name, check in checks.items() if name != "worker"} == {
        "postgres": "ok",
        "migrations": "ok",
        "textIndex": "ok",
        "embedder": "off",
    }


def test_it_is_unready_on_a_newer_database(alone: HttpService) -> None:
    """When a newer program migrates, the older one answers on, and says that it should be replaced; it cannot be started."""
    execute(alone, "insert into migrations (name, sha256) values ('9999_future', 'x')")
    answer = httpx.get(f"{alone.url}/health/ready", trust_env=False)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert answer.json()["missing"] == ["the schema that this program knows"]
    assert "9999_future" in answer.json()["checks"]["migrations"]["detail"]
    with alone.client() as api:
        assert api.post("/sync/session", json={"externalId": "x"}).status_code == 200
        assert api.get("/api/sessions/x").status_code == 200
    for verb in ("api", "worker", "migrate"):
        ended = refused(alone, verb)
        assert (ended[0], "newer than this program" in ended[1]) == (4, True), verb
    execute(alone, "delete from migrations where name = '9999_future'")
    assert httpx.get(f"{alone.url}/health/ready", trust_env=False).status_code == 200


def test_it_refuses_an_older_database(alone: HttpService) -> None:
    """A new program on a database that was not migrated: `api` and `worker` do not start, and say what to run."""
    with psycopg.connect(alone.resources.url) as conn:
        row = conn.execute(
            "delete from migrations where name = (select max(name) from migrations) returning name, sha256"
        ).fetchone()
    assert row is not None
    for verb in ("api", "worker"):
        code, said = refused(alone, verb)
        assert (code, "backscroll migrate" in said, row[0] in said) == (4, True, True), verb
    with psycopg.connect(alone.resources.url) as conn:
        conn.execute("insert into migrations (name, sha256) values (%s, %s)", row)


def refused(service: HttpService, verb: str) -> tuple[int, str]:
    """The exit code of our command on the service's database, and what it said."""
    url = service.settings.database_url
    more = {"BACKSCROLL_DATABASE_URL": url, "BACKSCROLL_PORT": "0"}
    ended = run(verb, environ=environ(service.settings.home) | more)
    return ended.returncode, ended.stderr


def test_it_logs_slow_requests_by_statement(alone: HttpService) -> None:
    """A request over the threshold leaves a warning: route, milliseconds, names of statements; no text, no parameter."""
    name = ("slow_requests_total", "/api/search")
    before = metrics(alone).get(name, 0)
    with alone.client() as api, capture_logs() as logs:
        api.post("/sync/message", json=message(LOST))
        api.get("/api/search", params={"q": LOST, "type": "fulltext"})
        alone.until(
            lambda: "/api/search" in {line["route"] for line in logs if line["event"] == "slow_request"}
        )
    slow = {line["route"]: line for line in logs if line["event"] == "slow_request"}
    assert slow["/api/search"]["log_level"] == "warning"
    assert slow["/api/search"]["ms"] >= 1
    assert any("." in statement for statement in slow["/sync/message"]["statements"])
    assert LOST not in str(logs)
    assert metrics(alone)[name] == before + 1


def test_it_logs_no_slowness_below_the_threshold(service: HttpService, api: httpx.Client) -> None:
    """By default an answer that begins within a second is not told as slow."""
    assert service.settings.slow_request_ms == 1000
    with capture_logs() as logs:
        api.get("/api/sessions")
        service.until(lambda: bool(logs))
    assert [line["event"] for line in logs] == ["request"]


def test_it_writes_deletions_and_shares_into_the_audit_log(service: HttpService, api: httpx.Client) -> None:
    """Deleting a session or a message, sharing and unsharing: a line each with the user and the key; labels leave none."""
    for external_id in ("s", "t"):
        api.post("/sync/message", json=message("hello") | {"sessionExternalId": external_id})
    session = api.get("/api/sessions/s").json()
    for patch in ({"isPublic": True}, {"isPublic": True}, {"notes": "n"}, {"isPublic": False}):
        assert api.patch("/api/sessions/s", json=patch).status_code == 200
    api.delete(f"/api/messages/{session['messages'][0]['id']}")
    api.delete("/api/sessions/s")
    assert api.delete("/api/sessions/s").status_code == 404
    who = service.caller(api)
    lines = [line for line in service.do(acts(service, who.workspace_id)) if line.user_id]
    assert {(line.user_id, line.key_id) for line in lines} == {(who.user_id, who.key_id)}
    assert [line.action for line in reversed(lines)] == [
        "session.share",
        "session.unshare",
        "message.delete",
        "session.delete",
    ]
    assert f"s{lines[0].subject_id}" == session["session"]["id"]


async def acts(service: HttpService, workspace_id: int) -> list[audit.Line]:
    async with service.resources.db.system() as conn:
        return await audit.last(conn, limit=100, workspace_id=workspace_id)


def message(text: str) -> dict[str, Any]:
    return {"sessionExternalId": "s", "externalId": "m", "role": "user", "textContent": text}


def test_it_shows_the_audit_log(alone: HttpService) -> None:
    """`backscroll audit` prints it as a table and as JSON, of all workspaces or of one."""
    with alone.client() as api:
        api.post("/sync/session", json={"externalId": "x"})
        api.delete("/api/sessions/x")
        user = alone.caller(api)
    settings = environ(alone.settings.home) | {"BACKSCROLL_DATABASE_URL": alone.settings.database_url}
    table = run("audit", "--limit", "1", environ=settings)
    assert "session.delete" in table.stdout, table.stderr
    listed = run("audit", "--json", "--workspace", f"w{10**9}", environ=settings)
    assert (listed.returncode, listed.stdout) == (1, "")
    told = run("audit", "--json", "--limit", "1", environ=settings).stdout
    assert f'"userId": {user.user_id}' in told
