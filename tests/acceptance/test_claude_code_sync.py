"""The real `claude-code-sync` from npm plays the hooks of a Claude Code session against a running service.

Not in `make test`, which needs Python only: `make test-clients` runs it, with Node 20 and npm.
"""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from serve_process import Serve

VERSION = "0.1.15"
SESSION = "5e6f1b1e-3a52-4d1e-9f44-0b8f6c2d9a77"
ANSWER = "The session cookie is SameSite=Strict, so the browser drops it on the cross-site redirect."

pytestmark = pytest.mark.clients


def transcript(path: Path) -> None:
    """What Claude Code would have written: a prompt and an answer whose usage stands on each block."""
    base = {"sessionId": SESSION, "cwd": "/home/dev/shopfront", "version": "2.0.0"}
    usage = {"input_tokens": 12, "output_tokens": 34, "cache_read_input_tokens": 5}
    lines: list[dict[str, Any]] = [
        {"type": "user", "uuid": "u1", "timestamp": "2026-05-04T12:00:00.000Z", "message": {"role": "user", "content": "Why does login loop?"}},
        {"type": "assistant", "uuid": "a1", "timestamp": "2026-05-04T12:00:09.000Z",
         "message": {"id": "msg_1", "role": "assistant", "model": "claude-sonnet-4-5", "usage": usage, "content": [{"type": "text", "text": ANSWER}]}},
    ]  # fmt: skip
    path.write_text("".join(json.dumps(base | line) + "\n" for line in lines))


def test_it_takes_a_session_from_the_real_plugin(serve: Serve, tmp_path: Path) -> None:
    """SessionStart to SessionEnd: prompt, tool call and answer are read back once, in order, and found."""
    subprocess.run(
        ["npm", "install", "--prefix", str(tmp_path), f"claude-code-sync@{VERSION}"],
        check=True,
        capture_output=True,
    )
    plugin = tmp_path / "node_modules/.bin/claude-code-sync"
    environ = os.environ | {
        "HOME": str(tmp_path),
        "CLAUDE_SYNC_CONVEX_URL": serve.url,
        "CLAUDE_SYNC_API_KEY": (serve.home / "api-key").read_text(),
    }
    transcript(tmp_path / "transcript.jsonl")
    common = {
        "session_id": SESSION,
        "transcript_path": str(tmp_path / "transcript.jsonl"),
        "cwd": "/home/dev/shopfront",
    }
    bash = {"tool_name": "Bash", "tool_use_id": "toolu_1", "tool_input": {"command": "npm test -- auth"}}
    for event, data in [
        ("SessionStart", {"source": "startup"}),
        ("UserPromptSubmit", {"prompt": "Why does login loop?"}),
        ("PostToolUse", bash | {"tool_result": {"output": "12 passed"}}),
        ("Stop", {}),
        ("SessionEnd", {"reason": "prompt_input_exit"}),
    ]:
        hook = subprocess.run(
            [plugin, "hook", event],
            input=json.dumps(common | {"hook_event_name": event} | data),
            env=environ,
            text=True,
            capture_output=True,
        )
        assert hook.returncode == 0, hook.stderr

    api = serve.api()
    read = api.get(f"/api/sessions/{SESSION}").json()
    assert (read["session"]["source"], read["session"]["projectName"]) == ("claude-code", "shopfront")
    said = [message.get("textContent") for message in read["messages"]]
    assert "Why does login loop?" in said
    assert said.count(ANSWER) == 1
    (call,) = [
        part for message in read["messages"] for part in message["parts"] if part["type"] == "tool-call"
    ]
    assert call["content"]["args"] == {"command": "npm test -- auth"}
    commit = api.patch(f"/api/sessions/{SESSION}", json={"notes": "seen"}).headers["X-Commit"]
    found = api.get(
        "/api/search", params={"q": "SameSite redirect", "type": "fulltext", "commit": commit}
    ).json()
    assert found["results"][0]["externalId"] == SESSION
