"""Codex CLI rollouts (`rollout-*.jsonl`), of every age, and the `.json` documents before them.

Read in this order: `lines` (what a line is), `items` and `events` (what it says), `entry` and `window` (what of it is
one message), `parser` (all of it together), `copied` and `usage` (what counts, and what is history of another session).
"""

from __future__ import annotations

from service.importers.codex.parser import open_rollout
from service.importers.model import Format

FORMAT = Format(name="codex", source="codex-cli", open=open_rollout)
