"""Eval sets at their edges: trees of sub-agents, names with commas, exports whose process was killed."""

from __future__ import annotations

import fcntl
import os
import shutil

import httpx
import pytest
from http_service import HttpService
from test_evals_api import label, lines, ok, plant, said


@pytest.fixture
def planted(api: httpx.Client) -> httpx.Client:
    plant(api, "one", "two")
    return api


def test_it_keeps_a_tree_of_sub_agents_in_one_part(api: httpx.Client) -> None:
    """A sub-agent's sub-agent goes where the session at the top goes, whatever its own hash says."""
    roots = [f"top-{number}" for number in range(8)]
    sessions = [
        {"externalId": f"{root}{below}", "source": "codex-cli", **({"parentExternalId": f"{root}{above}"} if below else {})}
        for root in roots
        for below, above in (("", ""), ("-a", ""), ("-a-b", "-a"), ("-a-b-c", "-a-b"))
    ]  # fmt: skip
    messages = [
        each
        for session in sessions
        for each in (
            said(session["externalId"], 0, "user", f"Why {session['externalId']}?"),
            said(session["externalId"], 1, "assistant", "So."),
        )
    ]
    assert ok(api.post("/sync/batch", json={"sessions": sessions, "messages": messages}))["errors"] == []
    label(api, {"filter": {}, "set": {"evalReady": True}})
    parts: dict[str, set[str]] = {}
    for row in lines(api.get("/api/export/evals", params={"format": "openai", "split": "0.5,0.5"})):
        parts.setdefault(row["metadata"]["session_id"][:5], set()).add(row["metadata"]["split"])
    assert len(parts) == len(roots)
    assert {len(each) for each in parts.values()} == {1}
    assert {name for each in parts.values() for name in each} == {"train", "test"}


def test_it_takes_names_with_a_comma(api: httpx.Client) -> None:
    """A project may have one in its name: the body says it as the parameter does."""
    plant(api, "one")
    ok(
        api.post(
            "/sync/session", json={"externalId": "one", "source": "claude-code", "projectName": "Acme, Inc"}
        )
    )
    label(api, {"filter": {"project": ["Acme, Inc"]}, "set": {"evalReady": True}})
    for given in (["Acme, Inc"], "Acme, Inc"):
        assert len(ok(api.post("/api/export/evals", json={"project": given}))) == 2
    assert len(ok(api.get("/api/export/evals", params={"project": "Acme, Inc"}))) == 2


def test_it_removes_what_a_killed_export_left(service: HttpService, planted: httpx.Client) -> None:
    """A folder that nobody holds goes with the next export; one in use, or just made, stays."""
    home = service.settings.home
    left, used, young = (home / f"export-{name}" for name in ("left", "used", "young"))
    for folder in (left, used, young):
        folder.mkdir()
        (folder / "lock").touch()
        (folder / "set.json").write_text("what was said")
    for folder in (left, used):
        os.utime(folder, (0, 0))
    label(planted, {"ids": ["one"], "set": {"evalReady": True}})
    with (used / "lock").open("rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        ok(planted.get("/api/export/evals"))
        there = {each for each in (left, used, young) if each.exists()}
    for folder in there:
        shutil.rmtree(folder)
    assert there == {used, young}
    assert list(home.glob("export-*")) == []
