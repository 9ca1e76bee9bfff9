"""An upgrade of a running installation: the older processes go on, and say that they are old."""

from __future__ import annotations

import threading
from pathlib import Path

import httpx
import psycopg
from http_service import http_service

from service.postgres import EmbeddedPostgres

NEWER = (
    "alter table messages add column flavour text not null default 'plain'",
    "create table flavours (workspace_id bigint not null, name text not null)",
    "create index on messages (workspace_id, flavour)",
    "insert into migrations (name, sha256) values ('9999_flavours', 'x')",
)
"""What the next version might do: it adds."""
ALL_OK = {httpx.codes.OK}


def test_it_goes_on_while_a_newer_version_migrates(template_18: EmbeddedPostgres, tmp_path: Path) -> None:
    """Writes, reads and searches of an API that runs are answered during and after the migrations; /health/ready turns 503, so that a
    proxy leads requests to new processes."""
    with http_service(template_18, tmp_path) as service, service.client() as api:
        statuses: list[int] = []
        stop, wrote = threading.Event(), threading.Event()

        def write() -> None:
            while not stop.is_set():
                number = len(statuses)
                message = {
                    "sessionExternalId": "s",
                    "externalId": str(number),
                    "role": "user",
                    "textContent": "badger",
                }
                statuses.append(api.post("/sync/message", json=message).status_code)
                wrote.set()

        assert api.get("/health/ready").status_code in (200, 503)
        writing = threading.Thread(target=write)
        writing.start()
        try:
            for statement in NEWER:
                wrote.clear()
                with psycopg.connect(service.resources.url) as conn:
                    conn.execute(statement.encode())
                assert wrote.wait(30)
        finally:
            stop.set()
            writing.join()
        assert set(statuses) == ALL_OK
        token = service.do(service.resources.db.token())
        found = api.get(
            "/api/search", params={"q": "badger", "type": "fulltext", "groupBy": "message", "commit": token}
        )
        assert found.json()["total"] == len(statuses)
        told = api.get("/health/ready")
        assert (told.status_code, told.json()["checks"]["migrations"]["state"]) == (503, "fails")
        assert "9999_flavours" in told.json()["checks"]["migrations"]["detail"]
