"""Why a line of a rollout is left out: the whole list, so that summaries can count by reason."""

from __future__ import annotations

import re

NO_PAYLOAD = "record without a payload"
UNKNOWN = "unknown record type"

ENCRYPTED_REASONING = "encrypted reasoning"
ENCRYPTED_COMPACTION = "encrypted compaction"
ENCRYPTED_MESSAGE = "encrypted message between agents"
EMPTY = "message without content"
SNAPSHOT = "snapshot of the working tree"
TOOL_DEFINITIONS = "tool definitions"
STATE_MARK = "state mark without content"
WORLD_STATE = "snapshot of the environment"

TURN_MARK = "start or end of a turn"
COMPACTION_MARK = "mark of a compaction"
PROGRESS = "progress of something that ends in a later record"
COPY = "copy of another record"
APPROVAL = "request for approval"
CLIENT_STATE = "state of the client"

COUNT_WITHOUT_TOKENS = "token count without tokens"
COUNT_REPEATED = "token count that repeats the last one"
COUNT_COPIED = "token count of copied history"
USAGE_RECORD = "usage record beside the token counts"
META_COPIED = "session record of copied history"

_SHOWN = re.compile(r"[a-z0-9_.-]{1,40}")


def unknown(name: object) -> str:
    """
    >>> unknown("mood_ring"), unknown("Some text of a person")
    ('unknown record type: mood_ring', 'unknown record type')
    """
    shown = isinstance(name, str) and _SHOWN.fullmatch(name)
    return f"{UNKNOWN}: {name}" if shown else UNKNOWN
