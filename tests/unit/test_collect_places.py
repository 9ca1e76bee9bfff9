"""Where tools keep transcripts, and which files there are some."""

from __future__ import annotations

from pathlib import PurePosixPath

import pytest

from service.collect.places import spots

HOME = PurePosixPath("/home/ada")


def found(path: str, platform: str = "linux", **environ: str) -> list[str | None]:
    """The formats as which a file of this path is read."""
    return [
        spot.format
        for spot in spots(environ, HOME, platform)
        if path.startswith(f"{spot.root}/") and spot.matches(path.removeprefix(f"{spot.root}/"))
    ]


@pytest.mark.parametrize(
    ("path", "format"),
    [
        (".claude/projects/-src-shop/0b0e7a52.jsonl", "claude-code"),
        (".claude/projects/-src-shop/0b0e7a52/subagents/agent-1.jsonl", "claude-code"),
        (".config/claude/projects/-src-shop/0b0e7a52.jsonl", "claude-code"),
        (".config/Claude/local-agent-mode-sessions/a/b/local_c/.claude/projects/-s/d.jsonl", "claude-code"),
        (".codex/sessions/2026/05/01/rollout-2026-05-01T10-00-00-1.jsonl", "codex"),
        (".codex/sessions/rollout-2025-05-01-1.json", "codex"),
        (".codex/archived_sessions/rollout-2026-05-01T10-00-00-1.jsonl", "codex"),
        (".gemini/tmp/abc/chats/session-2026-05-01T10-00-1.json", "gemini"),
        (".gemini/tmp/abc/chats/session-2026-05-01T10-00-1.jsonl", "gemini"),
        (".pi/agent/sessions/--src-shop--/2026_1.jsonl", "pi"),
        (".factory/sessions/-src-shop/1.jsonl", "droid"),
        (".copilot/session-state/1/events.jsonl", "copilot"),
        (".copilot/session-state/1/workspace.yaml", "copilot"),
        (".copilot/session-state/1.jsonl", "copilot"),
        (".copilot/history-session-state/session_1.json", "copilot"),
        (".config/Cursor/User/globalStorage/state.vscdb", "cursor"),
        (".cursor/chats/0a1b/2c3d/store.db", "cursor"),
    ],
)
def test_it_knows_where_each_tool_keeps_them(path: str, format: str) -> None:
    """A transcript in its tool's usual place on Linux is read as that tool's, once."""
    assert found(f"{HOME}/{path}") == [format]


@pytest.mark.parametrize(
    "path",
    [
        ".claude/history.jsonl",
        ".claude/projects/-src-shop/0b0e7a52/tool-results/1.txt",
        ".config/Claude/local-agent-mode-sessions/a/b/local_c/audit.jsonl",
        ".codex/history.jsonl",
        ".gemini/tmp/abc/logs.json",
        ".copilot/session-state/1/plan.md",
        "src/.aider.chat.history.md",
    ],
)
def test_it_leaves_other_files_alone(path: str) -> None:
    """What lies beside transcripts, and transcripts of which only a PATH tells, are not looked at."""
    assert found(f"{HOME}/{path}") == []


def test_it_goes_where_the_environment_says() -> None:
    """Each tool's own variables move its place, and the usual one is then not its place."""
    moved = {
        "CLAUDE_CONFIG_DIR": "/a, /b",
        "CODEX_HOME": "/c",
        "OPENCODE_DATA_DIR": "/o",
        "GEMINI_CLI_HOME": "/g",
        "PI_CODING_AGENT_DIR": "/p",
        "COPILOT_HOME": "/h",
    }
    for path in (
        "/a/projects/x/1.jsonl",
        "/b/projects/x/1.jsonl",
        "/c/sessions/rollout-1.jsonl",
        "/o/opencode.db",
        "/g/.gemini/tmp/x/chats/1.json",
        "/p/sessions/x/1.jsonl",
        "/h/session-state/1/events.jsonl",
    ):
        assert len(found(path, **moved)) == 1, path
    assert found(f"{HOME}/.claude/projects/x/1.jsonl", **moved) == []


@pytest.mark.parametrize(
    ("platform", "root"),
    [("darwin", "Library/Application Support"), ("win32", "AppData/Roaming"), ("linux", ".config")],
)
def test_it_knows_where_programs_with_windows_keep_data(platform: str, root: str) -> None:
    """Cursor's database is in the platform's place for such data."""
    assert found(f"{HOME}/{root}/Cursor/User/globalStorage/state.vscdb", platform) == ["cursor"]
