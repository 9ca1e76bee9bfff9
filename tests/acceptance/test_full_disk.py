"""A disk with little room: writes are refused in a sentence before Postgres runs into the wall, nothing is harmed, and it
goes on when there is room again."""

from __future__ import annotations

import json
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from serve_process import Serve, new_home, serving

SIZE_BYTES = 320 * 1024 * 1024
LEFT_BYTES = 8 * 1024 * 1024
NOTICED_S = 20.0
TEXT = "badger " * 2_000


@pytest.fixture
def small_disk() -> Iterator[Path]:
    """A home on a file system of its own. Skips where this user may not mount one."""
    with new_home() as home:
        home.mkdir()
        home.chmod(0o755)
        command = ["mount", "-t", "tmpfs", "-o", f"size={SIZE_BYTES},mode=755", "tmpfs", str(home)]
        try:
            subprocess.run(command, check=True, capture_output=True)
        except (OSError, subprocess.CalledProcessError):
            pytest.skip("needs the right to mount a small file system")
        try:
            yield home / "home"
        finally:
            subprocess.run(["umount", "--lazy", str(home)], check=True)


def test_it_outlives_a_full_disk(small_disk: Path) -> None:
    """With a little room left, writes are answered 503 with one sentence, and reading goes on. With none at all Postgres refuses, or
    stops. When there is room again everything goes on, and what was acknowledged is there once, in the tables and by its words."""
    ballast = small_disk.parent / "ballast"
    with serving(small_disk) as served:
        with served.api() as api:
            kept = [number for number in range(5) if sent(api, number).status_code == httpx.codes.OK]
            assert kept == [0, 1, 2, 3, 4]
            fill(ballast, LEFT_BYTES)
            refused = until_refused(api, number=4)
            assert (refused.status_code, refused.headers["Retry-After"]) == (503, "30")
            assert refused.json()["error"].startswith(
                "The disk is nearly full, so nothing more is taken in: make room"
            )
            assert api.get("/api/sessions").json()["sessions"][0]["messageCount"] == 5
            assert b"fail" in served_doctor(served)
            ballast.unlink()
            token = until_taken(api, number=5)
            found = api.get(
                "/api/search",
                params={"q": "badger", "type": "fulltext", "groupBy": "message", "commit": token},
            )
            assert found.json()["total"] == 6
            assert [sent(api, number).status_code for number in range(6)] == [200] * 6
            assert api.get("/api/sessions").json()["sessions"][0]["messageCount"] == 6
        told = json.loads(served.run("doctor", "--json").stdout)["findings"]
        assert [each for each in told if each["state"] == "fail" and each["check"] != "disk"] == []


def fill(ballast: Path, left_bytes: int) -> None:
    free = shutil.disk_usage(ballast.parent).free
    with ballast.open("wb") as file:
        for _ in range(max(free - left_bytes, 0) // 65536):
            file.write(b"\0" * 65536)


def sent(api: httpx.Client, number: int) -> httpx.Response:
    message = {
        "sessionExternalId": "s",
        "externalId": str(number),
        "role": "user",
        "textContent": f"{TEXT}{number}",
    }
    return api.post("/sync/batch", json={"messages": [message]})


def until_refused(api: httpx.Client, *, number: int) -> httpx.Response:
    """The first refusal of what is there already; the service looks at its disk once a second."""
    end_s = time.monotonic() + NOTICED_S
    while time.monotonic() < end_s:
        answer = sent(api, number)
        if answer.status_code != httpx.codes.OK:
            return answer
    raise AssertionError("it was never refused")


def until_taken(api: httpx.Client, *, number: int) -> str:
    end_s = time.monotonic() + NOTICED_S
    while time.monotonic() < end_s:
        answer = sent(api, number)
        if answer.status_code == httpx.codes.OK:
            return answer.headers["X-Commit"]
        assert answer.status_code == httpx.codes.SERVICE_UNAVAILABLE
    raise AssertionError("it was never taken")


def served_doctor(served: Serve) -> bytes:
    return served.run("doctor", "--json").stdout.encode()
