"""Stored messages as what was said, in the order that every chat format takes: a call, then its result, then the rest.

Rule: nothing that was said is lost, and nothing is made up. Results stand behind the message that called, wherever they
were stored; a call without a result keeps its place with an empty one, marked so; a result of no call is counted. Ids of
calls are the client's own where it gave one that is free, else `call_1`, `call_2`, by their order.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from service.exports.model import Call, Said, Speaker
from service.model import raw_members
from service.model.message import Part

Row = Mapping[str, Any]
"""A row of `storage.messages`, with its parts."""
ROLES: dict[str, Speaker] = {"user": "user", "assistant": "assistant", "system": "system"}
IMAGE = "[image]"
_ANY = msgspec.json.Decoder()


class Read(msgspec.Struct):
    """What was said in a session, and what could not be placed."""

    said: list[Said] = []
    lost_results: int = 0
    """Results of no call, and second results of one."""
    media: int = 0
    """Images and files, which no format here takes."""


class _Result(msgspec.Struct):
    text: str
    is_error: bool
    tool_name: str


def read(rows: Sequence[Row]) -> Read:
    """`rows` in the session's order."""
    return _Reading().read(rows)


class _Reading:
    def __init__(self) -> None:
        self.found = Read()
        self.drafts: list[Said] = []
        self.results: dict[str, _Result] = {}
        self.known: dict[str, list[str]] = {}
        """The client's id of calls to ours, in their order."""
        self.used: set[str] = set()
        self.open: list[str] = []
        """Calls without a result so far, the latest last."""

    def read(self, rows: Sequence[Row]) -> Read:
        # Calls first: a plugin sends results of calls whose message is stored later.
        drafts = [self._draft(row) for row in rows]
        for row, draft in zip(rows, drafts, strict=True):
            self._take_results(row, draft)
        for row, draft in zip(rows, drafts, strict=True):
            for said in spoken(row["role"], draft):
                if said.text or said.calls or said.reasoning:
                    self.found.said.append(said)
                    self.found.said += [self._result_of(call, said.message_id) for call in said.calls]
        return self.found

    def _draft(self, row: Row) -> Said:
        texts, thoughts, calls = [], [], []
        for part in row["parts"]:
            if part.type == "text":
                texts.append(_ANY.decode(part.content))
            elif part.type == "reasoning":
                thoughts.append(_ANY.decode(part.content)["text"])
            elif part.type == "tool-call":
                calls.append(self._call(part))
            elif part.type in ("image", "file"):
                self.found.media += 1
        role = ROLES.get(row["role"], "assistant" if calls else "system")
        bare_result = row["role"] == "tool" and not calls
        return Said(
            role="assistant" if calls else role,
            text="" if bare_result else whole(row["text"], texts),
            reasoning="\n\n".join(filter(None, thoughts)),
            calls=tuple(calls),
            message_id=row["id"],
        )

    def _call(self, part: Part) -> Call:
        members = raw_members.of(part.content) or {}
        told = raw_members.string(members.get("toolCallId")) or ""
        args, text = arguments(members.get("args"))
        id = self._free(told)
        self.known.setdefault(told or id, []).append(id)
        self.open.append(id)
        return Call(
            id=id, name=raw_members.string(members.get("toolName")) or "tool", args=args, args_json=text
        )

    def _free(self, told: str) -> str:
        id, number = told, len(self.used) + 1
        while not id or id in self.used:
            id, number = f"call_{number}", number + 1
        self.used.add(id)
        return id

    def _take_results(self, row: Row, draft: Said) -> None:
        parts = [part for part in row["parts"] if part.type == "tool-result"]
        own = [call.id for call in draft.calls]
        for part in parts:
            members = raw_members.of(part.content) or {}
            told = raw_members.string(members.get("toolCallId"))
            value = _ANY.decode(members["result"]) if "result" in members else None
            error = bytes(members.get("isError", Raw(b""))) == b"true"
            name = raw_members.string(members.get("toolName")) or ""
            self._place(self._call_of(told, own), _Result(result_text(value), error, name))
        if row["role"] == "tool" and not parts and not own and row["text"]:
            self._place(self._call_of(None, own), _Result(row["text"], False, ""))

    def _call_of(self, told: str | None, own: Sequence[str]) -> str | None:
        """The call that a result answers: of that id, or any; of the same message, else the first that is open."""
        named = self.open if told is None else self.known.get(told, [])
        of_message = [id for id in own if id in named and id in self.open]
        return next(iter(of_message or [id for id in named if id in self.open] or named), None)

    def _place(self, call_id: str | None, result: _Result) -> None:
        if call_id is None or call_id in self.results:
            self.found.lost_results += 1
            return
        self.results[call_id] = result
        self.open.remove(call_id)

    def _result_of(self, call: Call, message_id: int) -> Said:
        result = self.results.get(call.id)
        return Said(
            role="tool",
            text=result.text if result else "",
            call_id=call.id,
            tool_name=call.name,
            is_error=result.is_error if result else False,
            answered=result is not None,
            message_id=message_id,
        )


def spoken(role: str, draft: Said) -> list[Said]:
    """A row of a person that holds calls, as some clients keep them, is their words and then the assistant's calls."""
    if role != "user" or not draft.calls:
        return [draft]
    words = msgspec.structs.replace(draft, role="user", calls=())
    return [words, msgspec.structs.replace(draft, text="", reasoning="")]


def whole(text: str | None, parts: Sequence[str]) -> str:
    """A message's text, with the text parts that it does not contain.

    >>> whole("a b", ["a b"]), whole(None, ["a", "b"]), whole("a", ["b"])
    ('a b', 'a\\n\\nb', 'a\\n\\nb')
    """
    told = text or ""
    return "\n\n".join(filter(None, [told, *(part for part in parts if part.strip() not in told)]))


def arguments(raw: Raw | None) -> tuple[dict[str, Any], str]:
    """A call's arguments as an object, and as JSON text. What is no object stands under `input`.

    >>> arguments(Raw(b'{"n":1.0}')), arguments(Raw(b'"{}"')), arguments(Raw(b'"ls"'))
    (({'n': 1.0}, '{"n":1.0}'), ({}, '{}'), ({'input': 'ls'}, '{"input":"ls"}'))
    """
    if raw is None:
        return {}, "{}"
    text = bytes(raw).decode()
    value = _ANY.decode(raw)
    if isinstance(value, str):
        text, value = value, decoded(value)
    if isinstance(value, dict):
        return value, text
    value = {"input": _ANY.decode(raw)}
    return value, msgspec.json.encode(value).decode()


def decoded(text: str) -> Any:
    """The JSON that a text is; None where it is none."""
    try:
        return _ANY.decode(text) if text.lstrip().startswith("{") else None
    except (ValueError, RecursionError):
        return None


def result_text(value: Any) -> str:
    """A tool's result as text: its text blocks, `[image]` for an image, else its JSON.

    >>> result_text([{"type": "text", "text": "3 passed"}, {"type": "image", "source": {}}]), result_text({"ok": True})
    ('3 passed\\n[image]', '{"ok":true}')
    """
    if value is None:
        return ""
    if isinstance(value, str):
        return value
    blocks = value if isinstance(value, list) else [value]
    if blocks and all(isinstance(block, dict) and "type" in block for block in blocks):
        return "\n".join(block_text(block) for block in blocks)
    return msgspec.json.encode(value).decode()


def block_text(block: Mapping[str, Any]) -> str:
    if block["type"] == "text" and isinstance(block.get("text"), str):
        return str(block["text"])
    return (
        IMAGE
        if block["type"] in ("image", "image_url", "input_image")
        else msgspec.json.encode(block).decode()
    )
