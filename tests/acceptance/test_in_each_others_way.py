"""Requests that meet in the same rows: each is answered, none with 500."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest
from http_service import HttpService

SOON_S = 10.0
WAITING = (
    "select count(*) from pg_stat_activity where wait_event_type = 'Lock' and datname = current_database()"
)
ACTS: dict[str, tuple[str, str, Any]] = {
    "labels": ("PATCH", "/api/sessions/a", {"tags": ["x"], "evalReady": True}),
    "many labels": ("POST", "/api/evals/labels", {"ids": ["a"], "set": {"addTags": ["x"], "evalReady": True}}),
    "message": ("POST", "/sync/message", {"sessionExternalId": "a", "externalId": "n", "role": "user", "textContent": "y"}),
    "delete": ("DELETE", "/api/sessions/a", None),
}  # fmt: skip


@pytest.mark.parametrize("act", ACTS)
def test_it_answers_who_comes_while_another_deletes(
    service: HttpService, api: httpx.Client, act: str
) -> None:
    """What is written to a session that is being deleted waits, and is then done, not found, or told to come again."""
    api.post(
        "/sync/message",
        json={"sessionExternalId": "a", "externalId": "m", "role": "user", "textContent": "x"},
    )
    id = int(api.get("/api/sessions/a").json()["session"]["id"][1:])
    method, path, body = ACTS[act]
    with psycopg.connect(service.resources.url) as conn, ThreadPoolExecutor(1) as pool:
        conn.execute("delete from sessions where id = %s", [id])
        asked = pool.submit(api.request, method, path, json=body)
        wait_for_a_lock(service.resources.url)
        conn.commit()
        answer = asked.result(SOON_S)
    assert answer.status_code in (200, 404, 503), answer.text
    assert (answer.status_code == 503) == ("retry-after" in answer.headers)


def wait_for_a_lock(url: str) -> None:
    """Until somebody waits for one."""
    end_s, pause = time.monotonic() + SOON_S, threading.Event()
    with psycopg.connect(url, autocommit=True) as conn:
        while True:
            row = conn.execute(WAITING).fetchone()
            if row and row[0]:
                return
            assert time.monotonic() < end_s, "nobody waits"
            pause.wait(0.01)


def test_it_answers_many_who_change_the_same(service: HttpService) -> None:
    """Batches over the same sessions in other orders, imports, labels and deletions at once: 200, 404, or 503 with Retry-After."""
    names = [f"s{n}" for n in range(5)]

    def requests(n: int) -> list[tuple[str, str, Any]]:
        order = names[n % 5 :] + names[: n % 5]
        said = [
            {"sessionExternalId": name, "externalId": f"m{n % 7}", "role": "user", "textContent": f"x {n}"}
            for name in (order if n % 2 else reversed(order))
        ]
        return [
            ("POST", "/sync/batch", {"sessions": [{"externalId": name} for name in order], "messages": said}),
            ("DELETE", f"/api/sessions/{order[0]}", None),
            ("PATCH", f"/api/sessions/{order[1]}", {"tags": [f"t{n % 3}"], "isPublic": bool(n % 2)}),
            ("POST", "/api/evals/labels", {"ids": order, "set": {"evalReady": True, "addTags": ["q"]}}),
        ]

    with service.client(service.key(service.workspace())) as api, ThreadPoolExecutor(16) as pool:
        answers = list(
            pool.map(lambda each: api.request(each[0], each[1], json=each[2]), [each for n in range(40) for each in requests(n)])
        )  # fmt: skip
    assert {answer.status_code for answer in answers} <= {200, 404, 503}
    assert all("retry-after" in answer.headers for answer in answers if answer.status_code == 503)
    assert sum(answer.status_code == 200 for answer in answers) > len(answers) / 2
