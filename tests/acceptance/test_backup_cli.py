"""backup and restore as a person does it: beside a running service, and into an empty home that then answers a search."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import httpx
from serve_process import Serve, environ, new_home, run, serving

from service.cli import main

SESSION = {"externalId": "s1", "title": "Backups", "source": "opencode"}
MESSAGE = {
    "sessionExternalId": "s1",
    "externalId": "m1",
    "role": "user",
    "textContent": "a porcupine in the larder",
}


def test_it_moves_a_service_to_another_home(tmp_path: Path) -> None:
    """A backup of a running service, restored elsewhere: search answers, the old key opens, an old token does not, and a sync doubles nothing."""
    file = tmp_path / "backscroll.backup"
    with new_home() as first, new_home() as second:
        with serving(first) as served:
            with served.api() as api:
                token = sent(api)
                key = api.headers["authorization"]
            made = done(served.environ, "backup", str(file), "--json")
            assert (made["rows"]["sessions"], made["rows"]["messages"]) == (1, 1)
            assert file.stat().st_mode & 0o777 == 0o600
            in_use = run("restore", str(file), "--force", environ=served.environ)
            assert (in_use.returncode, len(in_use.stderr.splitlines())) == (3, 1)
        back = done(environ(second), "restore", str(file), "--json")
        assert back["rows"] == made["rows"]
        with serving(second) as served, httpx.Client(
            base_url=served.url, headers={"authorization": key}, timeout=10, trust_env=False
        ) as api:  # fmt: skip
            assert found(api) == ["m1"]
            assert api.get("/api/sessions", params={"commit": token}).status_code == 400
            sent(api)
            assert found(api) == ["m1"]
            full = run("restore", str(file), environ=served.environ)
            assert full.returncode == 3
        refused = run("restore", str(file), environ=environ(second))
        assert (refused.returncode, refused.stdout) == (1, "")
        assert "--force" in refused.stderr
        assert len(refused.stderr.splitlines()) == 1


def sent(api: httpx.Client) -> str:
    """Send the session; the token of the write."""
    answer = api.post("/sync/batch", json={"sessions": [SESSION], "messages": [MESSAGE]})
    assert answer.json() == {"ok": True, "sessions": 1, "messages": 1, "errors": []}
    return answer.headers["x-commit"]


def found(api: httpx.Client) -> list[str]:
    token = api.post("/sync/batch", json={"sessions": [SESSION]}).headers["x-commit"]
    answer = api.get("/api/search", params={"q": "porcupine", "groupBy": "message", "commit": token})
    return [hit["messageExternalId"] for hit in answer.json()["results"]]


def done(environ: dict[str, str], *arguments: str) -> Any:
    ended = run(*arguments, environ=environ)
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


def test_it_says_how_long_sessions_are_kept(serve: Serve) -> None:
    """`workspace retention` shows, sets and lifts it; what is no number of days is a sentence."""
    retention = ("workspace", "retention", "local")
    assert "for good" in serve.run(*retention).stdout
    assert "365 days" in serve.run(*retention, "--days", "365").stdout
    assert done(serve.environ, *retention, "--json") == {"workspace": "local", "days": 365}
    assert "for good" in serve.run(*retention, "--days", "off").stdout
    wrong = serve.run(*retention, "--days", "soon")
    assert (wrong.returncode, len(wrong.stderr.splitlines())) == (2, 1)


def test_it_refuses_what_is_no_backup(tmp_path: Path) -> None:
    """A file of something else: one sentence, and no home is made."""
    file = tmp_path / "notes.txt"
    file.write_text("hello")
    ended = run("restore", str(file), environ=environ(tmp_path / "home"))
    assert (ended.returncode, ended.stderr) == (1, f"{file} is no backup of Backscroll.\n")
    assert not (tmp_path / "home").exists()
    assert {"backup", "restore"} <= set(main.commands)
