"""OWASP API10:2023, unsafe consumption: transcripts, archives and what agents wrote are strangers' words wherever they go on."""

from __future__ import annotations

import base64
import json
from typing import Any

import httpx
import pytest
from http_service import HttpService
from resting import missing

from service.model import zstd

RESTS_ON = [
    "test_hostile_reads_back.test_it_stores_the_neighbours_of_whatever_stands_in_an_import",
    "test_http_edge.test_it_refuses_what_it_cannot_unpack",
    "test_import_api.test_it_refuses_what_unfolds_to_too_much",
    "test_backup.test_it_refuses_a_torn_file",
    "test_import_api.test_it_reads_any_rubbish",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


SCRIPT = "</pre><script>alert(1)</script><img src=x onerror=alert(1)>"


def test_it_shows_a_shared_session_as_text(service: HttpService, api: httpx.Client) -> None:
    """What an agent read from a page does not run in the browser of who opens the link: escaped, and forbidden by policy."""
    parts = [
        {"type": "tool-result", "content": {"toolName": SCRIPT, "result": SCRIPT}},
        {"type": "text", "content": SCRIPT},
    ]
    api.post(
        "/sync/session", json={"externalId": "s", "title": SCRIPT, "model": SCRIPT, "projectName": SCRIPT}
    )
    api.post(
        "/sync/message",
        json={
            "sessionExternalId": "s",
            "externalId": "m",
            "role": "user",
            "textContent": SCRIPT,
            "parts": parts,
        },
    )
    slug = api.patch("/api/sessions/s", json={"isPublic": True}).json()["session"]["slug"]
    page = api.get(f"/s/{slug}", headers={"Accept": "text/html"})
    assert "alert(1)" in page.text
    assert "<script" not in page.text
    assert "<img" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def raw(**changed: Any) -> dict[str, Any]:
    packed = base64.b64encode(zstd.packed(b"x" * 1000)).decode()
    line = {
        "type": "raw",
        "sessionExternalId": "s",
        "source": "pi",
        "format": "pi",
        "stream": "ab",
        "path": "/x",
        "offsets": [0],
    }
    return {**line, "sizes": [1000], "zstd": packed, **changed}


@pytest.mark.parametrize(
    "line",
    [raw(sizes=[10]), raw(sizes=[10**12]), raw(zstd="AAAA"), raw(zstd="*"), raw(offsets=[0, 0], sizes=[500, 500]), raw(sizes=[-1]),
     raw(offsets=[2**63]), raw(stream="../../etc"), raw(zstd=base64.b64encode(zstd.packed(b"x" * 50_000_000)).decode())],
)  # fmt: skip
def test_it_unpacks_no_more_than_a_line_says(api: httpx.Client, line: dict[str, Any]) -> None:
    """Raw lines that unfold to more, or to less, than their sizes: told in `errors`; the session beside them is stored."""
    body = [{"type": "session", "externalId": "s", "source": "pi", "title": "Kept"}, line]
    answer = api.post("/api/import", content=b"\n".join(json.dumps(each).encode() for each in body))
    assert (answer.status_code, answer.json()["sessions"], answer.json()["rawLines"]) == (200, 1, 0)
    assert len(answer.json()["errors"]) == 1


def test_it_takes_paths_of_other_machines_as_names(api: httpx.Client) -> None:
    """A path that an importer sends is kept and never opened: also one of this machine's secrets."""
    line = {
        "type": "file", "machine": "m", "path": "/etc/shadow", "source": "pi", "format": "pi", "stream": "ab", "inode": 1, "size": 1,
        "mtimeMs": 1, "offset": 1, "tailSha256": "ff", "resumeOffset": 0,
    }  # fmt: skip
    assert api.post("/api/import", content=json.dumps(line)).json()["files"] == 1
    listed = api.get("/api/import/files").text
    assert "/etc/shadow" in listed
    assert "root:" not in listed
