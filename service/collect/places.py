"""Where each known tool keeps its transcripts.

Rule: pure. What is said here follows from the environment, the home folder and the platform; whether a place exists
is seen by whoever looks there (`find.py`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePath

import msgspec

from service.collect.model import Kind

JSONL, JSON_OR_JSONL = r".+\.jsonl", r".+\.jsonl?"
ANYTHING = r".+"
ITSELF = r"\."
ROLLOUT = r"(?:.+/)?rollout-[^/]+\.(?:jsonl?|jsonl\.zst)"
AIDER = r"(?:.+/)?\.aider\.chat\.history\.md"
SPECSTORY = r"(?:.+/)?\.specstory/history/[^/]+\.md"
OPENCODE_DB = r"opencode[^/]*\.db"
CURSOR_DB = r"state\.vscdb"
CURSOR_CHAT = r"(?:.+/)?store\.db"


class Spot(msgspec.Struct, frozen=True):
    """A folder, and which files below it are transcripts."""

    format: str | None
    """A name in `service.importers.formats`; None: what a file is, its name and first bytes say."""
    root: str
    """Or the file itself."""
    pattern: str
    """Of the whole path below the root, with slashes; of a file `ITSELF`."""

    def matches(self, below: str) -> bool:
        """
        >>> Spot("codex", "/r", ROLLOUT).matches("2026/01/02/rollout-1.jsonl")
        True
        """
        return re.fullmatch(self.pattern, below, re.DOTALL) is not None


def spots(environ: Mapping[str, str], home: PurePath, platform: str) -> list[Spot]:
    """Every place of every tool that has one, in the order of the tools; of two copies of one transcript the first counts.

    `platform` is what `sys.platform` says. aider, SpecStory and chat files lie in projects, and are read by PATH only.
    """
    return [
        Spot(format, str(root), pattern)
        for format, root, pattern in (
            *_claude_code(environ, home, platform),
            *_codex(environ, home),
            ("opencode", _opencode(environ, home), OPENCODE_DB),
            ("gemini", PurePath(environ.get("GEMINI_CLI_HOME") or home, ".gemini", "tmp"), r"[^/]+/chats/" + JSON_OR_JSONL),
            ("pi", _folder(environ, "PI_CODING_AGENT_DIR", home, ".pi", "agent") / "sessions", JSONL),
            ("droid", home / ".factory" / "sessions", JSONL),
            *_copilot(environ, home),
            ("cursor", _app_data(environ, home, platform) / "Cursor" / "User" / "globalStorage", CURSOR_DB),
            ("cursor", home / ".cursor" / "chats", CURSOR_CHAT),
        )
    ]  # fmt: skip


def kind_of(format: str, name: str) -> Kind:
    """Whether a file of this name grows at its end or is written anew.

    >>> kind_of("gemini", "session-1.json"), kind_of("gemini", "session-1.jsonl"), kind_of("aider", "h.md")
    ('document', 'log', 'log')
    """
    written_anew = format in {"specstory", "opencode", "cursor"} or name.endswith((".json", ".yaml"))
    return "document" if written_anew else "log"


Told = tuple[str, PurePath, str]


def _claude_code(environ: Mapping[str, str], home: PurePath, platform: str) -> Iterator[Told]:
    named = [folder.strip() for folder in environ.get("CLAUDE_CONFIG_DIR", "").split(",") if folder.strip()]
    usual = [home / ".claude", home / ".config" / "claude"]
    for root in [PurePath(folder) for folder in named] or usual:
        yield "claude-code", root / "projects", JSONL
    desktop = _app_data(environ, home, platform) / "Claude" / "local-agent-mode-sessions"
    # What else lies there (uploads, audit logs, skills) is no transcript.
    yield "claude-code", desktop, r".+/\.claude/projects/" + JSONL


def _codex(environ: Mapping[str, str], home: PurePath) -> Iterator[Told]:
    root = _folder(environ, "CODEX_HOME", home, ".codex")
    yield "codex", root / "sessions", ROLLOUT
    yield "codex", root / "archived_sessions", ROLLOUT


def _opencode(environ: Mapping[str, str], home: PurePath) -> PurePath:
    data = _folder(environ, "XDG_DATA_HOME", home, ".local", "share") / "opencode"
    return _folder(environ, "OPENCODE_DATA_DIR", data)


def _copilot(environ: Mapping[str, str], home: PurePath) -> Iterator[Told]:
    xdg = environ.get("XDG_STATE_HOME")
    roots = [_folder(environ, "COPILOT_HOME", home, ".copilot")]
    roots += [PurePath(xdg) / ".copilot"] if xdg and not environ.get("COPILOT_HOME") else []
    for root in roots:
        yield "copilot", root / "session-state", r"[^/]+/(?:events\.jsonl|workspace\.yaml)|[^/]+\.jsonl"
        yield "copilot", root / "history-session-state", r"[^/]+\.json"


def _folder(environ: Mapping[str, str], variable: str, *otherwise: str | PurePath) -> PurePath:
    return PurePath(environ.get(variable) or PurePath(*otherwise))


def _app_data(environ: Mapping[str, str], home: PurePath, platform: str) -> PurePath:
    """Where programs with windows keep their data.

    >>> str(_app_data({}, PurePath("/home/u"), "linux"))
    '/home/u/.config'
    """
    if platform == "darwin":
        return home / "Library" / "Application Support"
    if platform == "win32":
        return _folder(environ, "APPDATA", home, "AppData", "Roaming")
    return _folder(environ, "XDG_CONFIG_HOME", home, ".config")
