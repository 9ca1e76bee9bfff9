"""Short words to write documents of a text index, and to ask it."""

from __future__ import annotations

from conformance import HERE

from indexing.fulltext import (
    TantivyReader,
)
from indexing.model import Filter, Query, TextDocument
from indexing.query import parse


def message(
    id: int, said: str, *, session: int = 1, done: str = "", workspace: int = HERE, **more: object
) -> TextDocument:
    return TextDocument(
        workspace_id=workspace, unit="message", id=id, session_id=session, said=said, done=done, **more
    )  # type: ignore[arg-type]


def titles(session: int, said: str, **more: object) -> TextDocument:
    return TextDocument(workspace_id=HERE, unit="session", id=session, session_id=session, said=said, **more)  # type: ignore[arg-type]


def asked(q: str, filter: Filter = Filter()) -> Query:  # noqa: B008 - immutable
    return parse(q, now_ms=0, filter=filter)


def found(reader: TantivyReader, q: str, filter: Filter = Filter()) -> list[int]:  # noqa: B008 - immutable
    reader.refresh()
    return [hit.id for hit in reader.search(HERE, asked(q, filter), limit=50) if hit.unit == "message"]
