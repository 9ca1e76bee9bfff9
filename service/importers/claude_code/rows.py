"""A row of type `user` or `assistant` as a draft of the message that it is, or is a piece of.

Rule: a row's own id is the message's, except that an answer of the model has the model's id, which all its rows share.
A row without an id is known by its content, and where that tells no time, by its place too: the same may be said twice.
"""

from __future__ import annotations

from hashlib import sha256
from typing import Any, NamedTuple

from service.importers import clock, record
from service.importers.claude_code import blocks, speakers, tool_facts, usage
from service.importers.claude_code.blocks import Content
from service.importers.claude_code.drafts import Answer, Draft

_OTHER = {
    "isMeta": "isMeta",
    "isCompactSummary": "isCompactSummary",
    "isVisibleInTranscriptOnly": "isVisibleInTranscriptOnly",
    "sourceToolUseID": "sourceToolUseId",
    "permissionMode": "permissionMode",
    "promptSource": "promptSource",
    "sessionKind": "sessionKind",
    "origin": "origin",
    "forkedFrom": "forkedFrom",
}
"""Fields that few rows have, and their names in `attrs`."""
_USES = ("tool_use", "server_tool_use", "mcp_tool_use")
_SYNTHETIC = "<synthetic>"


class Row(NamedTuple):
    """`values` are the fields beside the message; of a sub-agent's row in a progress record, those of the row."""

    values: dict[str, Any]
    content: Content
    offset: int
    size: int
    name: str
    """Its uuid, or one made of the line."""

    @property
    def message(self) -> dict[str, Any]:
        message = self.values.get("message")
        return message if isinstance(message, dict) else {}


def name_of(values: dict[str, Any], line: bytes, offset: int) -> str:
    if name := record.identifier(values.get("uuid")):
        return name
    place = b"" if clock.from_iso(values.get("timestamp")) is not None else b"@%d" % offset
    return f"line-{sha256(line + place).hexdigest()[:32]}"


def user(row: Row, session: str, attrs: dict[str, Any]) -> Draft:
    draft = _draft(row, session, attrs)
    draft.role = speakers.role(row.values, row.content)
    if facts := tool_facts.attrs(row.values.get("toolUseResult")):
        draft.attrs["toolResult"] = facts
    return draft


def assistant(row: Row, session: str, attrs: dict[str, Any], *, turn: int) -> Draft:
    draft, message = _draft(row, session, attrs), row.message
    draft.role = "assistant"
    model = record.text(message.get("model"), most=record.MAX_NAME_CHARS)
    draft.model = None if model == _SYNTHETIC else model
    request = record.identifier(row.values.get("requestId"))
    if id := record.identifier(message.get("id")):
        draft.external_id = id
        draft.answer = Answer(id, request, turn)
    draft.usage = usage.counts(message.get("usage"))
    draft.cost_usd = usage.cost_usd(row.values.get("costUSD"))
    draft.duration_ms = record.count(row.values.get("durationMs"))
    draft.attrs |= _said(
        requestId=request,
        stopReason=record.text(message.get("stop_reason"), most=100),
        usage=usage.kept(message.get("usage")),
        apiError=_api_error(row.values, synthetic=model == _SYNTHETIC),
    )
    return draft


def attrs(
    values: dict[str, Any], *, session: str | None, cwd: str | None, branch: str | None
) -> dict[str, Any]:
    """Small facts of any row; of where it ran and whose it is only what differs from its session."""
    found: dict[str, Any] = {}
    if parent := values.get("parentUuid") or values.get("logicalParentUuid"):
        found |= _said(parentUuid=record.identifier(parent))
    if (told := values.get("sessionId")) != session:
        found |= _said(sessionId=record.identifier(told))
    if (here := values.get("cwd")) != cwd:
        found |= _said(cwd=record.text(here, most=4_000))
    if (its_branch := values.get("gitBranch")) != branch:
        found |= _said(gitBranch=record.text(its_branch, most=record.MAX_NAME_CHARS))
    for name in _OTHER.keys() & values.keys():
        found |= _said(**{_OTHER[name]: _small(values[name])})
    return found


def _small(value: Any) -> Any:
    """A flag that is set, a short text, the kind or the session that an object names; None for anything else."""
    if isinstance(value, dict):
        value = value.get("kind") or value.get("sessionId")
    return True if value is True else record.text(value, most=200)


def calls(content: Content) -> list[str]:
    """The ids of the tool calls that a row makes."""
    uses = (block.value for block in content if not isinstance(block, str) and block.type in _USES)
    return [call for use in uses if (call := record.identifier(use.get("id"))) is not None]


def _draft(row: Row, session: str, attrs: dict[str, Any]) -> Draft:
    told = row.values.get("timestamp")
    time = clock.from_iso(told)
    return Draft(
        session=session,
        external_id=row.name,
        role="unknown",
        content=row.content,
        lines=[row.offset],
        size=row.size,
        records={row.name: None},
        time=time,
        told=told if time is not None else None,
        attrs=dict(attrs),
    )


def is_empty(content: Content) -> bool:
    return blocks.only_text(content) and blocks.joined(blocks.texts(content)) is None


def _api_error(values: dict[str, Any], *, synthetic: bool) -> Any:
    if values.get("isApiErrorMessage") is not True:
        return None
    return record.text(values.get("error"), most=200) or True


def _said(**facts: Any) -> dict[str, Any]:
    return {name: value for name, value in facts.items() if value is not None}
