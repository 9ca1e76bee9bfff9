"""Sources: the names under which tools send sessions, and the other ways in which people spell them."""

from __future__ import annotations

import re

DEFAULT = "opencode"
"""Assumed, provisionally, where a client names no source."""

_SPELLINGS = {
    "claude": "claude-code",
    "claudecode": "claude-code",
    "codex": "codex-cli",
    "openai-codex": "codex-cli",
    "open-code": "opencode",
    "droid": "factory-droid",
    "factory": "factory-droid",
    "pi-agent": "pi",
    "pi-coding-agent": "pi",
    "cursor": "cursor-sync",
    "cursor-agent": "cursor-sync",
    "gemini": "gemini-cli",
    "copilot": "copilot-cli",
    "github-copilot": "copilot-cli",
    "github-copilot-cli": "copilot-cli",
}
KNOWN = frozenset(_SPELLINGS.values()) | {"aider"}


def canonical(source: str) -> str:
    """The wire's name of a source; one that is not known stays as it came, without white space around it.

    >>> [canonical(name) for name in ("cursor", "Codex", "claude_code", "aider", " My Tool ")]
    ['cursor-sync', 'codex-cli', 'claude-code', 'aider', 'My Tool']
    """
    spelling = re.sub(r"[\s_]+", "-", source.strip()).lower()
    if spelling in KNOWN:
        return spelling
    return _SPELLINGS.get(spelling, source.strip())
