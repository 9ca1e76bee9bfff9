"""A part of an OpenCode message as parts in their normal form.

Rule: arguments and results are copied as they stand. Of a tool's `metadata`, which repeats the result, only what says
something else is kept: the sub-session, the exit code, what a command printed before it was broken off.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from msgspec import Raw

from service.importers import record, rows
from service.model import raw_members
from service.model.message import Part
from service.model.raw_members import Members, encoded, string

_OWN = ("id", "sessionID", "messageID")
_TRUE = b"true"


class Block(NamedTuple):
    parts: tuple[Part, ...] = ()
    text: str | None = None
    calls: tuple[str, ...] = ()
    """Ids of the tool calls."""
    injected: bool = False
    """OpenCode put this text there, not who wrote the message."""


def block(kind: str, members: Members) -> Block:
    """What a part of this type says; an unknown type is kept as it came."""
    members = raw_members.without(members, *_OWN)
    if kind == "text":
        return _text(members)
    if kind == "tool":
        return _tool(members)
    if kind == "tool-invocation":
        return _invocation(members)
    if kind == "reasoning":
        said = record.text(string(members.get("text")))
        return Block(_parts(raw_members.without(members, "time"))) if said else Block()
    if kind == "file":
        return Block((media(members),))
    return Block(_parts(members))


def media(members: Members) -> Part:
    """A file or image with its name, type and address (a data URL, a path)."""
    mime = string(members.get("mime")) or string(members.get("mediaType")) or ""
    return Part(
        "image" if mime.startswith("image/") else "file",
        encoded(raw_members.without(members, "type", *_OWN)),
    )


def call(id: Raw | None, name: Raw | None, args: Raw | None, **more: Raw | None) -> list[Part]:
    """A tool call in its normal form; what is None is left out."""
    return list(_parts(_known(type=Raw(b'"tool-call"'), toolCallId=id, toolName=name, args=args, **more)))


def result(
    id: Raw | None, name: Raw | None, said: Raw | None, *, failed: bool, **more: Raw | None
) -> list[Part]:
    """A tool's answer in its normal form; nothing said is an empty string."""
    return list(
        _parts(
            _known(
                type=Raw(b'"tool-result"'),
                toolCallId=id,
                toolName=name,
                result=said or Raw(b'""'),
                isError=Raw(b"true" if failed else b"false"),
                **more,
            )
        )
    )


def ids(*raw: Raw | None) -> tuple[str, ...]:
    """Those that can be an id."""
    return tuple(id for value in raw if (id := record.identifier(string(value))))


def _text(members: Members) -> Block:
    said = record.text(string(members.get("text")))
    if said is None:
        return Block()
    injected = _TRUE in (bytes(members.get(name) or b"") for name in ("synthetic", "ignored"))
    return Block((Part("text", encoded(said)),), said, injected=injected)


def _tool(members: Members) -> Block:
    id, name = members.get("callID"), members.get("tool")
    state = raw_members.of(members.get("state")) or {}
    status = string(state.get("status"))
    parts = call(id, name, _arguments(state), status=None if status == "completed" else state.get("status"))
    if status in ("completed", "error"):
        parts += _answer(id, name, state, failed=status == "error")
    return Block(tuple(parts), calls=ids(id))


def _arguments(state: Members) -> Raw | None:
    """The arguments; while they still come in, the text that is there of them."""
    args, raw = state.get("input"), state.get("raw")
    return raw if bytes(args or b"{}") == b"{}" and string(raw) else args


def _answer(id: Raw | None, name: Raw | None, state: Members, *, failed: bool) -> Iterable[Part]:
    about = raw_members.of(state.get("metadata")) or {}
    said = state.get("error") if failed else state.get("output")
    yield from result(
        id,
        name,
        said,
        failed=failed,
        title=state.get("title"),
        output=about.get("output") if failed else None,
        exit=about.get("exit"),
        sessionId=about.get("sessionId"),
    )
    yield from map(media, rows.objects(state.get("attachments")))


def _invocation(members: Members) -> Block:
    """A tool's call and answer as OpenCode 0.1 to 0.3 wrote them."""
    of = raw_members.of(members.get("toolInvocation")) or {}
    id, name, state = of.get("toolCallId"), of.get("toolName"), string(of.get("state"))
    parts = call(id, name, of.get("args"), status=None if state == "result" else of.get("state"))
    if state == "result":
        parts += result(id, name, of.get("result"), failed=False)
    return Block(tuple(parts), calls=ids(id))


def _known(**members: Raw | None) -> Members:
    return raw_members.without_nulls({name: value for name, value in members.items() if value is not None})


def _parts(members: Members) -> tuple[Part, ...]:
    found = record.part(Raw(encoded(members)))
    return () if found is None else (found,)
