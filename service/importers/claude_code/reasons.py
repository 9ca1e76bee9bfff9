"""Why lines are left out: short phrases from a fixed set, without text of people."""

from __future__ import annotations

SNAPSHOT = "file snapshot of the editor"
SETTING = "setting of the session"
BOOKKEEPING = "bookkeeping of the program"
REPEATED_PROMPT = "prompt that stands elsewhere"
QUEUE = "queue of prompts"
QUEUED = "queued prompt that is said again when it is delivered"
HOOK_PROGRESS = "progress of a hook"
PROGRESS = "progress of a tool"
QUIET_HOOK = "hook that said nothing"
HOOK = "hook that succeeded"
TURN = "duration of a turn"
FOREIGN_SUMMARY = "summary of another session"
EMPTY_TITLE = "title of a session without messages"
WEAKER_TITLE = "title that a better one replaced"
EMPTY = "empty message"
NO_MESSAGE = "record without its message"
LARGE = "large attachment"
TWICE = "record that stands twice"
RUN_RESULT = "result of a run, which is its last message"
NO_TYPE = "record without a type"

BY_TYPE = {
    "file-history-snapshot": SNAPSHOT,
    "file-history-delta": SNAPSHOT,
    "attribution-snapshot": SNAPSHOT,
    "last-prompt": REPEATED_PROMPT,
    "speculation-accept": BOOKKEEPING,
    "result": RUN_RESULT,
} | dict.fromkeys(
    (
        "agent-color", "agent-name", "agent-setting", "bridge-session", "frame-link", "isolation-latch", "mode",
        "permission-mode", "pr-link", "relocated", "tag", "worktree-state",
    ),
    SETTING,
) | dict.fromkeys(
    (
        "atis-latch", "content-replacement", "context-collapse-commit", "context-collapse-snapshot",
        "continued-in", "cost-state", "failed", "fork-context-ref", "history-suppression", "launched",
        "marble-origami-commit", "marble-origami-snapshot", "started", "stream_event",
    ),
    BOOKKEEPING,
)  # fmt: skip
