"""The write side of the text index: one process a directory (tantivy's lock file sees to it)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from tantivy import FieldType, Index, Occur, Order, Query

from indexing.fulltext import generations
from indexing.fulltext.schema import SCHEMA, cursor_document, document, with_analyzers
from indexing.model import TextDocument, Unit

_HEAP_BYTES = 50_000_000
_ID_FIELD: dict[Unit, str] = {"message": "message", "session": "titled"}
_IDS_AT_ONCE = 50_000


def open_writer(directory: Path) -> TantivyWriter:
    """The current generation, made when there is none, to write to.

    Errors: `IndexDamaged` (then fill a `new_generation` and `swap` it in); ValueError while another process writes.
    """
    path = generations.current(directory)
    if path is None:
        writer = new_generation(directory)
        writer.commit("")
        generations.swap(directory, writer)
        return writer
    generations.verify(path)
    writer = TantivyWriter(path, generations.opened(path))
    generations.remove_others(directory, keep=path)
    return writer


def new_generation(directory: Path) -> TantivyWriter:
    """An empty index beside the current one, for `reindex`: fill it, commit it, `swap` it in."""
    path = generations.create(directory)
    return TantivyWriter(path, with_analyzers(Index(SCHEMA, path=str(path))))


class TantivyWriter:
    """Fulfils `indexing.ports.TextWriter`. Not for several threads at once."""

    def __init__(self, path: Path, index: Index) -> None:
        self.path = path
        self._index = index
        self._writer = index.writer(_HEAP_BYTES, 1)

    def put(self, documents: Iterable[TextDocument]) -> None:
        """Add, or replace the document with the same unit and id. Visible after `commit`."""
        for each in documents:
            self._writer.delete_documents_by_term(_ID_FIELD[each.unit], each.id)
            self._writer.add_document(document(each))

    def remove(self, *, messages: Iterable[int] = (), sessions: Iterable[int] = ()) -> None:
        """Take out messages; taking out a session takes its titles and all its messages."""
        for message in messages:
            self._writer.delete_documents_by_term("message", message)
        for session in sessions:
            self._writer.delete_documents_by_term("session", session)

    def remove_workspace(self, workspace_id: int) -> None:
        self._writer.delete_documents_by_term("workspace", workspace_id)

    def commit(self, cursor: str) -> None:
        """Make everything since the last commit visible and durable, together with the cursor."""
        self._writer.delete_documents_by_term("unit", "cursor")
        self._writer.add_document(cursor_document(cursor))
        self._writer.commit()
        self._index.reload()

    def cursor(self) -> str:
        """The cursor of the last commit; "" for a new index."""
        return committed_cursor(self._index)

    def ids(self, unit: Unit) -> Iterator[int]:
        """Every committed id, ascending."""
        field, last = _ID_FIELD[unit], -1
        searcher = self._index.searcher()
        of_unit = Query.term_query(SCHEMA, "unit", unit)
        while True:
            beyond = Query.range_query(SCHEMA, field, FieldType.Unsigned, last + 1)
            page = searcher.search(
                Query.boolean_query([(Occur.Must, of_unit), (Occur.Must, beyond)]),
                _IDS_AT_ONCE,
                count=False,
                order_by_field=field,
                order=Order.Asc,
            ).hits
            yield from (int(value) for value, _ in page)
            if len(page) < _IDS_AT_ONCE:
                return
            last = int(page[-1][0])

    def close(self) -> None:
        """Let go of the directory, so that another process can write. What was not committed is lost."""
        self._writer.wait_merging_threads()


def committed_cursor(index: Index) -> str:
    """The cursor that stands in the index as it was last loaded."""
    searcher = index.searcher()
    hits = searcher.search(Query.term_query(SCHEMA, "unit", "cursor"), 1, count=False).hits
    found = searcher.doc(hits[0][1]).get_first("cursor") if hits else b""
    return bytes(found or b"").decode()
