"""What an import brings, stored; and where Postgres refuses a value, all the rest of it (`apart.py`)."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from service.api.gate.routes import Call
from service.api.importing.lines import Lines
from service.model.imported import FilePosition, ImportedMessage, RawChunk
from service.model.session import SessionWrite
from service.storage import apart
from service.storage.attempts import Refused
from service.storage.importing import imports
from service.storage.importing.imports import Brought, Fate

Item = SessionWrite | ImportedMessage | RawChunk | FilePosition
WHY = {
    "deleted": "was deleted here, so it is not stored again.",
    "unknown": "these raw lines are of a session that is not here: send the session first.",
}


class ImportStored(msgspec.Struct, rename="camel"):
    """How many items were accepted (stored, or there already and the same), and how many rows that made or altered."""

    sessions: int = 0
    messages: int = 0
    raw_lines: int = 0
    files: int = 0
    new_sessions: int = 0
    changed_sessions: int = 0
    new_messages: int = 0
    changed_messages: int = 0
    new_raw_lines: int = 0
    errors: list[str] = []
    """Of each line that was not stored one sentence, which begins with its externalId or `line N`."""
    ok: bool = True

    @property
    def made(self) -> dict[str, int]:
        """How many rows are new, by kind."""
        return {
            "sessions": self.new_sessions,
            "messages": self.new_messages,
            "raw_lines": self.new_raw_lines,
        }


async def store(call: Call, lines: Lines, *, restore: bool) -> ImportStored:
    """Store what can be stored, the positions of files last."""

    async def store_all(items: Sequence[Item]) -> imports.Imported:
        return await imports.apply(
            call.resources.db,
            brought(items),
            workspace_id=call.workspace_id,
            user_id=call.caller.user_id,
            now=call.now,
            restore=restore,
        )

    stored = ImportStored(errors=list(lines.errors))
    items: list[Item] = [*lines.sessions, *lines.messages, *lines.chunks, *lines.files]
    for piece, imported in await apart.each(items, store_all):
        if isinstance(imported, Refused):
            stored.errors += [f"{label(item)}: {imported}" for item in piece]
        else:
            add(stored, brought(piece), imported)
    return stored


def brought(items: Sequence[Item]) -> Brought:
    return Brought(
        sessions=[item for item in items if isinstance(item, SessionWrite)],
        messages=[item for item in items if isinstance(item, ImportedMessage)],
        chunks=[item for item in items if isinstance(item, RawChunk)],
        files=[item for item in items if isinstance(item, FilePosition)],
    )


def label(item: Item) -> str:
    return item.write.external_id if isinstance(item, ImportedMessage) else item.external_id


def add(stored: ImportStored, piece: Brought, imported: imports.Imported) -> None:
    """Count what became of a piece, and say what was not stored."""
    stored.sessions += imported.sessions.count("stored")
    stored.messages += imported.messages.count("stored")
    stored.raw_lines += sum(
        len(chunk.offsets)
        for chunk, fate in zip(piece.chunks, imported.chunks, strict=True)
        if fate == "stored"
    )
    stored.files += len(piece.files)
    for name in ("new_sessions", "changed_sessions", "new_messages", "changed_messages", "new_raw_lines"):
        setattr(stored, name, getattr(stored, name) + getattr(imported, name))
    items: list[Item] = [*piece.sessions, *piece.messages, *piece.chunks]
    fates: list[Fate] = [*imported.sessions, *imported.messages, *imported.chunks]
    stored.errors += [
        f"{label(item)}: {WHY[fate]}" for item, fate in zip(items, fates, strict=True) if fate in WHY
    ]
