"""The write side of the text index: one process a directory (tantivy's lock file sees to it)."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from tantivy import FieldType, Index, Occur, Order, Query

from indexing.fulltext import generations
from indexing.fulltext.schema import SCHEMA, document, with_analyzers
from indexing.model import TextDocument, Unit

_HEAP_BYTES = 50_000_000
_ID_FIELD: dict[Unit, str] = {"message": "message", "session": "titled"}
_PUT_AT_ONCE = 500
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
        self._changed = True
        """Whether there may be something to commit: of a new index its first commit."""
        self._highest: dict[Unit, int] = {unit: self._highest_held(unit) for unit in _ID_FIELD}

    def put(self, documents: Iterable[TextDocument]) -> None:
        """Add, or replace the document with the same unit and id. Visible after `commit`."""
        waiting = iter(documents)
        while batch := list(islice(waiting, _PUT_AT_ONCE)):
            last = {(each.unit, each.id): each for each in batch}
            for unit, field in _ID_FIELD.items():
                self._make_room(field, unit, [id for of, id in last if of == unit])
            self._changed = True
            for each in last.values():
                self._writer.add_document(document(each))

    def remove(self, *, messages: Iterable[int] = (), sessions: Iterable[int] = ()) -> None:
        """Take out messages; taking out a session takes its titles and all its messages."""
        self._delete("message", list(messages))
        self._delete("session", list(sessions))

    def remove_workspace(self, workspace_id: int) -> None:
        self._delete("workspace", [workspace_id])

    def commit(self, cursor: str) -> None:
        """Make everything since the last commit visible and durable, and then the cursor."""
        if self._changed:
            self._writer.commit()
            self._index.reload()
            self._changed = False
        generations.set_cursor(self.path, cursor)

    def cursor(self) -> str:
        """The cursor of the last commit; "" for a new index."""
        return generations.cursor(self.path)

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

    def _make_room(self, field: str, unit: Unit, ids: Sequence[int]) -> None:
        """Take out what these replace. Above the highest id so far nothing can be: a deletion that finds nothing would
        still be looked for in every segment."""
        known = self._highest[unit]
        self._delete(field, [id for id in ids if id <= known])
        self._highest[unit] = max(known, *ids) if ids else known

    def _highest_held(self, unit: Unit) -> int:
        """The highest committed id; -1 where there is none."""
        found = self._index.searcher().search(
            Query.term_query(SCHEMA, "unit", unit),
            1,
            count=False,
            order_by_field=_ID_FIELD[unit],
            order=Order.Desc,
        )
        return int(found.hits[0][0]) if found.hits else -1

    def _delete(self, field: str, values: Sequence[int] | Sequence[str]) -> None:
        # By query: `delete_documents_by_term` makes a signed term of a number, which no unsigned field holds.
        if values:
            self._changed = True
            self._writer.delete_documents_by_query(Query.term_set_query(SCHEMA, field, values))

    def close(self) -> None:
        """Let go of the directory, so that another process can write. What was not committed is lost."""
        self._writer.wait_merging_threads()
