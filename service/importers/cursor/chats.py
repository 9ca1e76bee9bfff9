"""A message of a chat of Cursor's command line (`store.db`): JSON as the AI SDK has it, in a row named by its hash.

Rule: what a person typed stands in `<user_query>`; the rest of such a message is what Cursor put around it, and a
message that is nothing else has the role `system`. No message tells its time.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import msgspec
from msgspec import Raw

from service.importers import record, rows
from service.importers.cursor.session import SOURCE, Session, folder, model
from service.importers.record import Unreadable
from service.model import raw_members
from service.model.message import MessageWrite, Part, Role
from service.model.raw_members import Members, encoded, string

NO_ROLE = "a message without a role"
EMPTY = "a message without content"
_ROLES: dict[str, Role] = {"user": "user", "assistant": "assistant", "system": "system", "tool": "tool"}
_TYPED = re.compile(r"<user_query>\s*(.*?)\s*</user_query>", re.DOTALL)
_AROUND = re.compile(
    r"\s*<(?:user_info|rules|system_reminder|project_layout|git_status|agent_skills|open_and_recently_viewed_files)>"
)
_WORKSPACE = re.compile(r"^Workspace Path: *(\S.*?) *$", re.MULTILINE)


def message(id: str, data: Members, session: Session) -> tuple[MessageWrite, tuple[str, ...]]:
    """The message, and the ids of its tool calls. Errors: Unreadable."""
    role = _ROLES.get(rows.said(data, "role") or "")
    if role is None:
        raise Unreadable(NO_ROLE)
    parts = list(_parts(data.get("content")))
    words = "\n\n".join(msgspec.json.decode(part.content) for part in parts if part.type == "text")
    if not parts:
        raise Unreadable(EMPTY)
    text, parts_ = words or None, tuple(parts)
    if role == "user":
        role, text = _typed(words)
        _learn_folder(session, words)
    session.model = _model(data) or session.model
    write = MessageWrite(
        session_external_id=session.id or "",
        external_id=_once(id, session),
        role=role,
        text=text,
        model=session.model if role == "assistant" else None,
        source=SOURCE,
        created_at=session.at(None),
        parts=None if len(parts_) == 1 and parts_[0].type == "text" and text == words else parts_,
    )
    session.add(write)
    return write, tuple(_calls(parts))


def _typed(words: str) -> tuple[Role, str | None]:
    """What a person typed; all of it where nothing is marked, and as `system` where it is Cursor's alone.

    >>> _typed("<user_info>OS: Linux</user_info><user_query>Fix it</user_query>")
    ('user', 'Fix it')
    >>> _typed("<user_info>OS: Linux</user_info>")[0]
    'system'
    """
    typed = "\n\n".join(found for found in _TYPED.findall(words) if found)
    if typed:
        return "user", typed
    return ("system" if _AROUND.match(words) else "user"), words or None


def _learn_folder(session: Session, words: str) -> None:
    found = _WORKSPACE.search(words[:20_000]) if session.folder is None else None
    if found:
        session.folder = folder(found[1][:4096])


def _parts(content: Raw | None) -> Iterator[Part]:
    if (said := string(content)) is not None:
        if said.strip():
            yield Part("text", encoded(said))
        return
    for block in rows.elements(content):
        members = raw_members.of(block)
        part = record.part(
            block if members is None else Raw(encoded(raw_members.without(members, "providerOptions")))
        )
        if part is not None and part.content not in (b'""', b"null"):
            yield part


def _model(data: Members) -> str | None:
    """An answer's model stands beside its first block."""
    for block in rows.objects(data.get("content")):
        options: Any = record.value(block.get("providerOptions"))
        cursor = options.get("cursor") if isinstance(options, dict) else None
        name = cursor.get("modelName") if isinstance(cursor, dict) else None
        if isinstance(name, str) and model(name):
            return model(name)
    return None


def _calls(parts: list[Part]) -> Iterator[str]:
    for part in parts:
        if part.type in ("tool-call", "tool-result"):
            id = msgspec.json.decode(part.content).get("toolCallId")
            if record.identifier(id):
                yield id


def _once(id: str, session: Session) -> str:
    """The same words said again have the same hash: the second time is told apart by its number."""
    times = session.times[id] = session.times.get(id, 0) + 1
    return id if times == 1 else f"{id}:{times}"
