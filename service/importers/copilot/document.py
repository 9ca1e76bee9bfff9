"""The documents of Copilot CLI's first versions (`~/.copilot/history-session-state/session_<id>_<time>.json`).

Rule: `chatMessages` (OpenAI's form) is the conversation; `timeline` only tells when. A message has no id and is called
by its place. Without `chatMessages` the timeline is the conversation.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from service.importers import blocks, record
from service.importers.clock import from_epoch, from_iso
from service.importers.model import Found
from service.importers.running import Running, facts, name, project
from service.model import raw_members
from service.model.message import Part, Role
from service.model.raw_members import Members

_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "copilot": "assistant",
    "tool": "tool",
    "function": "tool",
    "system": "system",
    "developer": "system",
    "info": "system",
    "error": "system",
}


def is_one(members: Members) -> bool:
    return "chatMessages" in members or ("timeline" in members and "sessionId" in members)


def found(running: Running, line: int, members: Members) -> list[Found]:
    """The session and its messages, in their order."""
    said = {
        key: record.value(members.get(key))
        for key in ("sessionId", "startTime", "selectedModel", "model", "cwd")
    }
    session = running.root(record.identifier(said["sessionId"]))
    start = _time(said["startTime"])
    model = name(said["selectedModel"]) or name(said["model"])
    written: list[Found] = [running.says(line, session, at=start, model=model, **project(said["cwd"]))]
    timeline = [raw_members.of(raw) or {"content": raw} for raw in blocks.elements(members.get("timeline"))]
    messages = [
        raw_members.of(raw) or {"content": raw} for raw in blocks.elements(members.get("chatMessages"))
    ]
    times = {_string(event, "callId"): record.value(event.get("timestamp")) for event in timeline}
    for place, message in enumerate(messages or timeline):
        role, parts, call = _read(message)
        time = record.value(message.get("timestamp")) or (times.get(call) if role == "tool" else None)
        told = _string(message, "type") or _string(message, "role")
        written.append(
            running.message(
                session,
                f"{session}-{place}",
                role,
                parts,
                lines=(line,),
                records=[record.identifier(_string(message, "id")), *blocks.call_ids(parts)],
                at=_time(time) or (start if place == 0 else None),
                model=model if role == "assistant" else None,
                attrs=facts({"type": told}, ["type"]) if role in ("system", "unknown") else None,
            )
        )
    return written


def _read(message: Members) -> tuple[Role, list[Part], str | None]:
    """Who speaks, what, and the call that it answers."""
    told = _string(message, "role") or _string(message, "type") or ""
    call = _string(message, "tool_call_id") or _string(message, "callId")
    tool = _string(message, "name") or _string(message, "toolTitle")
    if told == "tool_call_requested":
        return "assistant", [blocks.call(call, tool, message.get("arguments"))], call
    if told == "tool_call_completed":
        answer = blocks.result(call, tool, message.get("result"), arguments=message.get("arguments"))
        return "tool", [answer], call
    role = _ROLES.get(told, "unknown")
    if role == "tool":
        return role, [blocks.result(call, tool, message.get("content"))], call
    said = next((message[key] for key in ("content", "text", "message") if key in message), None)
    asked = (record.part(request) for request in blocks.elements(message.get("tool_calls")))
    return role, [*blocks.parts_of(said), *(part for part in asked if part)], call


def _string(message: Members, member: str) -> str | None:
    return raw_members.string(message.get(member))


def _time(told: Any) -> datetime | None:
    return from_iso(told) or from_epoch(told)
