"""Why a line of a rollout is left out: the whole list, so that summaries can count by reason."""

from __future__ import annotations

NO_PAYLOAD = "record without a payload"

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
