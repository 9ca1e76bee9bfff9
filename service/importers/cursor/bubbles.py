"""A bubble, which is a message of a composer: words, thoughts, one tool call with its result, images.

Rule: a tool's arguments are what the model wrote (`rawArgs`), else what Cursor made of them (`params`); both are
strings of JSON and stay those strings, as does the result.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any

from msgspec import Raw

from service.errors import RequestError
from service.importers import record, rows
from service.importers.clock import from_epoch, from_iso
from service.importers.cursor.session import SOURCE, Session, folder, model
from service.importers.record import Unreadable
from service.model import json_items, raw_members
from service.model.message import MessageWrite, Part, Role
from service.model.raw_members import Members, encoded, string

EMPTY = "a bubble without content"
NO_KIND = "a bubble of neither user nor assistant"
_ROLES: dict[bytes, Role] = {b"1": "user", b"2": "assistant"}
_FACTS = ("requestId", "serverBubbleId", "usageUuid", "checkpointId")
_CLOCK_FROM_MS = 10**12
"""What is smaller counts milliseconds since the window was opened."""


def message(
    id: str, data: Members, header: Members, session: Session
) -> tuple[MessageWrite, tuple[str, ...]]:
    """The message, and the ids of its tool call. Errors: Unreadable."""
    role = _ROLES.get(bytes(data.get("type") or header.get("type") or b""))
    if role is None:
        raise Unreadable(NO_KIND)
    text, parts, tokens = _words(data), list(_parts(data)), _tokens(data)
    if not (text or parts or any(tokens)):
        raise Unreadable(EMPTY)
    _learn(session, data)
    told = _time(data, header)
    moment = session.at(told)
    said = [Part("text", encoded(text))] if text and parts else []
    thoughts = [part for part in parts if part.type == "reasoning"]
    rest = parts[len(thoughts) :]
    write = MessageWrite(
        session_external_id=session.id or "",
        external_id=id,
        role=role,
        text=text,
        model=session.model if role == "assistant" else None,
        prompt_tokens=tokens[0],
        completion_tokens=tokens[1],
        duration_ms=_took(data),
        source=SOURCE,
        created_at=moment,
        parts=(*thoughts, *said, *rest) or None,
        attrs=_attrs(data, told, moment) or None,
    )
    session.add(write)
    return write, _calls(data)


def _learn(session: Session, data: Members) -> None:
    """A question names the model that answers; any bubble may name the folder."""
    session.model = (
        model(rows.said(raw_members.of(data.get("modelInfo")) or {}, "modelName")) or session.model
    )
    if session.folder is None:
        uris = record.value(data.get("workspaceUris"))
        first = next((uri for uri in uris if isinstance(uri, str)), None) if isinstance(uris, list) else None
        session.folder = folder(first or string(data.get("workspaceProjectDir")))


def _words(data: Members) -> str | None:
    return record.text(string(data.get("text"))) or _of_rich_text(string(data.get("richText")))


def _of_rich_text(rich: str | None) -> str | None:
    """The words of the editor's tree (Lexical), a paragraph a line."""
    try:
        tree = json_items.decoded(json_items.repaired((rich or "").encode()), type=dict[str, Any])
    except RequestError:
        return None
    return record.text("\n".join(line for line in _lines(tree.get("root")) if line))


def _lines(node: Any) -> Iterator[str]:
    children = node.get("children") if isinstance(node, dict) else None
    for child in children if isinstance(children, list) else ():
        yield "".join(_leaves(child))


def _leaves(node: Any) -> Iterator[str]:
    waiting = [node]
    while waiting:
        found = waiting.pop()
        if not isinstance(found, dict):
            continue
        if isinstance(found.get("text"), str):
            yield found["text"]
        children = found.get("children")
        waiting += reversed(children) if isinstance(children, list) else ()


def _parts(data: Members) -> Iterator[Part]:
    yield from _thoughts(data)
    yield from _tool(raw_members.of(data.get("toolFormerData")) or {})
    for image in rows.elements(data.get("images")):
        if (members := raw_members.of(image)) is not None:
            yield Part("image", encoded(members))


def _thoughts(data: Members) -> Iterator[Part]:
    blocks = (
        [thinking] if (thinking := data.get("thinking")) else rows.elements(data.get("allThinkingBlocks"))
    )
    for block in blocks:
        members = raw_members.of(block) or {"text": block}
        said = string(members.get("text")) or string(members.get("thinking"))
        if record.text(said):
            known = {"type": Raw(b'"reasoning"'), **members}
            if (part := record.part(Raw(encoded(known)))) is not None:
                yield part


def _tool(tool: Members) -> Iterator[Part]:
    name, id = _tool_name(tool), tool.get("toolCallId")
    if name is None:
        return
    status = tool.get("status")
    call = {
        "type": Raw(b'"tool-call"'), "toolCallId": id, "toolName": name,
        "args": tool.get("rawArgs") if string(tool.get("rawArgs")) else tool.get("params"),
        "status": None if bytes(status or b"") == b'"completed"' else status,
        "userDecision": tool.get("userDecision"),
    }  # fmt: skip
    yield from _part(call)
    failed = string(status) in ("error", "cancelled")
    said = tool.get("result") if bytes(tool.get("result") or b"null") != b"null" else tool.get("error")
    if said is not None or failed:
        answer = {"type": Raw(b'"tool-result"'), "toolCallId": id, "toolName": name}
        yield from _part(
            {**answer, "result": said or Raw(b'""'), "isError": Raw(b"true" if failed else b"false")}
        )


def _tool_name(tool: Members) -> Raw | None:
    """A tool without a name is known by its number; without either it is no call."""
    if record.text(string(tool.get("name"))):
        return tool["name"]
    number = record.value(tool.get("tool"))
    if not tool.get("toolCallId") or not isinstance(number, int):
        return None
    return Raw(encoded(f"tool_{number}"))


def _part(members: dict[str, Raw | None]) -> Iterator[Part]:
    known = {name: value for name, value in members.items() if value is not None}
    if (part := record.part(Raw(encoded(known)))) is not None:
        yield part


def _calls(data: Members) -> tuple[str, ...]:
    id = string((raw_members.of(data.get("toolFormerData")) or {}).get("toolCallId")) or ""
    # OpenAI's two ids of one call stand in one string, on two lines.
    found = dict.fromkeys([id, *id.split("\n")])
    return tuple(one for one in found if record.identifier(one))


def _tokens(data: Members) -> tuple[int | None, int | None]:
    counts = raw_members.of(data.get("tokenCount")) or {}
    return tuple(record.count(record.value(counts.get(name))) for name in ("inputTokens", "outputTokens"))  # type: ignore[return-value]


def _time(data: Members, header: Members) -> datetime | None:
    for members in (data, header):
        created = record.value(members.get("createdAt"))
        if (moment := from_iso(created) or from_epoch(created)) is not None:
            return moment
    sent = _timing(data).get("clientRpcSendTime")
    return from_epoch(sent) if isinstance(sent, int | float) and sent > _CLOCK_FROM_MS else None


def _took(data: Members) -> int | None:
    sent, ended = (_timing(data).get(name) for name in ("clientRpcSendTime", "clientEndTime"))
    if not (isinstance(sent, int | float) and isinstance(ended, int | float)):
        return None
    return record.count(ended - sent) if sent > _CLOCK_FROM_MS else None


def _timing(data: Members) -> dict[str, Any]:
    told = record.value(data.get("timingInfo"))
    return told if isinstance(told, dict) else {}


def _attrs(data: Members, told: datetime | None, moment: datetime | None) -> dict[str, Any]:
    attrs: dict[str, Any] = {
        name: fact[:200] for name in _FACTS if (fact := rows.said(data, name)) is not None
    }
    if any(_tokens(data)):
        attrs["usage"] = record.value(data["tokenCount"])
    if (thought := record.count(record.value(data.get("thinkingDurationMs")))) is not None:
        attrs["thinkingDurationMs"] = thought
    if told is not None and told != moment:
        attrs["timestamp"] = told.isoformat()
    return attrs
