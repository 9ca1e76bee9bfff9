"""Messages of the table `session_message`, where OpenCode 2 keeps a message in one row, with its content within.

Those are not seen in the wild yet: the reading follows the schema (packages/schema/src/session-message.ts).
"""

from __future__ import annotations

from msgspec import Raw

from service.importers import rows
from service.importers.opencode import blocks
from service.importers.opencode.blocks import Block
from service.importers.opencode.draft import Draft
from service.model import raw_members
from service.model.message import Part, Role
from service.model.raw_members import Members, encoded, string

_ROLES: dict[str, Role] = {
    "user": "user",
    "assistant": "assistant",
    "shell": "user",
    "synthetic": "system",
    "system": "system",
    "skill": "system",
    "compaction": "system",
}
_SHELL = Raw(b'"shell"')


def draft(kind: str, id: str, data: Members, columns: Members, line: int) -> Draft | None:
    """A message that is complete with its row; None for a type that is not known."""
    role = _ROLES.get(kind)
    if role is None:
        return None
    found = Draft(id, data, columns, [line], role, apart=True)
    if kind == "assistant":
        found.own = [_content(one) for one in rows.objects(data.get("content"))]
    elif kind == "shell":
        found.own = [_shell(data)]
    else:
        found.own = [_text(data.get("summary" if kind == "compaction" else "text")), *_attached(data)]
    if kind == "compaction":
        found.attrs["compaction"] = True
    return found


def _content(members: Members) -> Block:
    kind = rows.said(members, "type") or ""
    return (
        _tool(members)
        if kind == "tool"
        else blocks.block(kind, raw_members.without(members, "native", "state"))
    )


def _tool(members: Members) -> Block:
    id, name = members.get("id"), members.get("name")
    state = raw_members.of(members.get("state")) or {}
    status = string(state.get("status"))
    parts = blocks.call(
        id, name, state.get("input"), status=None if status == "completed" else state.get("status")
    )
    if status in ("completed", "error"):
        parts += _answer(id, name, state, failed=status == "error")
    return Block(tuple(parts), calls=blocks.ids(id))


def _answer(id: Raw | None, name: Raw | None, state: Members, *, failed: bool) -> list[Part]:
    content = next((state[key] for key in ("content", "result", "structured") if key in state), None)
    said, also = (state.get("error"), content) if failed else (content, None)
    found = blocks.result(id, name, said, failed=failed, output=also)
    return found + [blocks.media(one) for one in rows.objects(state.get("attachments"))]


def _shell(members: Members) -> Block:
    """A command that the user ran: its output is a string, or an object that holds it."""
    id = members.get("shellID") or members.get("callID")
    args = Raw(encoded({"command": members.get("command")}))
    output = raw_members.of(members.get("output")) or {}
    said = output.get("output") or members.get("output")
    failed = bytes(members.get("exit") or b"0") != b"0"
    parts = blocks.call(id, _SHELL, args) + blocks.result(
        id, _SHELL, said, failed=failed, exit=members.get("exit")
    )
    return Block(tuple(parts), calls=blocks.ids(id))


def _text(raw: Raw | None) -> Block:
    return blocks.block("text", {"text": raw}) if raw is not None else Block()


def _attached(data: Members) -> list[Block]:
    files = [Block((blocks.media(one),)) for one in rows.objects(data.get("files"))]
    agents = [
        blocks.block("agent", {"type": Raw(b'"agent"'), **one}) for one in rows.objects(data.get("agents"))
    ]
    return files + agents
