"""One event: its envelope, and what is known of its types.

Types and fields as in the session events that the Copilot SDK generates from its schema.
"""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from service.importers import record
from service.importers.clock import from_iso
from service.model import raw_members
from service.model.raw_members import Members

START_OF_CALL = "start of a tool call that its message has"
SAID_AGAIN = "reasoning that its message has"
NO_DATA = "event without data"
OF_THE_PROGRAM = {
    "abort": "end of a turn",
    "assistant.turn_start": "start of a turn",
    "assistant.turn_end": "end of a turn",
    "assistant.intent": "progress of an answer",
    "assistant.streaming_delta": "progress of an answer",
    "assistant.message_start": "progress of an answer",
    "assistant.message_delta": "progress of an answer",
    "assistant.reasoning_delta": "progress of an answer",
    "tool.execution_partial_result": "progress of a tool call",
    "tool.execution_progress": "progress of a tool call",
    "permission.requested": "permission for a tool call",
    "permission.completed": "permission for a tool call",
    "hook.start": "run of a hook",
    "hook.end": "run of a hook",
    "session.binary_asset": "binary asset",
    "session.compaction_start": "start of a compaction",
    "session.idle": "state of the program",
    "session.truncation": "state of the program",
    "session.usage_info": "state of the program",
    "session.usage_checkpoint": "state of the program",
    "session.mode_changed": "state of the program",
    "session.permissions_changed": "state of the program",
    "session.plan_changed": "state of the program",
    "session.snapshot_rewind": "rewind to an earlier message",
    "subagent.deselected": "state of the program",
    "subagent.selected": "state of the program",
}
TEXT_OF = {
    "system.message": "content",
    "system.notification": "content",
    "skill.invoked": "content",
    "session.error": "message",
    "session.warning": "message",
    "session.info": "message",
    "session.compaction_complete": "summaryContent",
    "session.task_complete": "summary",
    "session.handoff": "summary",
}
OF_NOTICE = (
    "errorType",
    "warningType",
    "infoType",
    "role",
    "name",
    "statusCode",
    "trigger",
    "preCompactionTokens",
)
OF_MESSAGE = (
    "interactionId",
    "requestId",
    "turnId",
    "phase",
    "agentMode",
    "source",
    "chunkIndex",
)
OF_START = ("copilotVersion", "producer", "version", "reasoningEffort")
OF_CONTEXT = {"branch": "gitBranch", "repository": "repository", "headCommit": "headCommit"}
OF_CALL = ("intentionSummary", "toolTitle", "mcpServerName", "mcpToolName")
OF_AGENT = ("agentName", "agentDescription", "toolCallId", "totalTokens", "totalToolCalls", "error")


class Event(NamedTuple):
    line: int
    kind: str
    envelope: Members
    data: Members

    def told(self, member: str) -> str | None:
        return raw_members.string(self.data.get(member))

    @property
    def id(self) -> str | None:
        return record.identifier(raw_members.string(self.envelope.get("id")))

    @property
    def agent(self) -> str | None:
        """Whose event it is; None: the session's own."""
        told = raw_members.string(self.envelope.get("agentId")) or self.told("parentToolCallId")
        if self.kind.startswith("subagent."):
            told = told or self.told("toolCallId")
        return record.identifier(told)

    @property
    def at(self) -> datetime | None:
        return from_iso(raw_members.string(self.envelope.get("timestamp")))
