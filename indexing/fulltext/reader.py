"""The read side of the text index: searches and counts, in any number of threads and processes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any

from tantivy import FieldType, Index, Occur, Query, Searcher

from indexing.fulltext import asking, generations, spelling
from indexing.fulltext.generations import IndexDamaged
from indexing.fulltext.schema import SCHEMA, with_analyzers
from indexing.model import Counts, Facet, Filter, Hit, Unit
from indexing.model import Query as Asked

_ALL_BUCKETS = 1_000_000
_BEYOND_LAST_SESSION = 1 << 63


def open_reader(directory: Path) -> TantivyReader:
    """The current generation, to read; an empty index as long as there is none. Errors: `IndexDamaged`."""
    return TantivyReader(directory)


class TantivyReader:
    """Fulfils `indexing.ports.TextReader`."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        self._path: Path | None = None
        self._seen: tuple[int, ...] = ()
        self._cursor = ""
        self._index = with_analyzers(Index(SCHEMA))
        self.refresh()

    def search(self, workspace_id: int, query: Asked, *, limit: int) -> list[Hit]:
        """BM25, best first: messages, and sessions whose titles match.

        No positive term: the newest messages that pass the filter and the exclusions (scored by their time); without
        either, nothing.
        """
        if limit <= 0:
            return []
        searcher = self._index.searcher()
        asked = asking.ranked(workspace_id, query)
        if asked is not None:
            return _hits(searcher, searcher.search(asked, limit, count=False).hits)
        newest = asking.passing(workspace_id, query)
        if newest is None:
            return []
        return _hits(searcher, searcher.search(newest, limit, count=False, order_by_field="created_at").hits)

    def coverage(self, workspace_id: int, query: Asked, *, limit: int) -> dict[int, float]:
        """How well each session's messages together say what is asked, by its id; sessions that hold none of it are absent.

        The sum over the query's terms of BM25's best score in the session, among the `limit` best messages of each term.
        Empty for a query of one term, of which the session's best message says all.
        """
        searcher = self._index.searcher()
        found: dict[int, float] = {}
        for asked in asking.term_by_term(workspace_id, query):
            hits = searcher.search(asked, limit, count=False).hits
            sessions = searcher.fast_field_values("session", [address for _, address in hits])
            best: dict[int, float] = {}
            for (score, _), session in zip(hits, sessions, strict=True):  # the best first
                best.setdefault(int(session or 0), float(score))
            for session_id, score in best.items():
                found[session_id] = found.get(session_id, 0.0) + score
        return found

    def count(
        self,
        workspace_id: int,
        query: Asked,
        *,
        also: Collection[int] = (),
        unit: Unit = "message",
        facets: Sequence[Facet] = (),
    ) -> Counts:
        """All that matches, joined with the message ids `also` (that pass the filter), counted exactly in `unit`s."""
        asked = asking.matching(workspace_id, query, also=also, unit="message" if unit == "message" else None)
        asked = asked or asking.passing(workspace_id, query)
        if asked is None:
            return Counts(total=0, facets={facet: {} for facet in facets})
        searcher = self._index.searcher()
        if unit == "session":
            return Counts(
                total=len(_sessions(searcher, asked)),
                facets={facet: dict(_sessions_by(searcher, asked, facet)) for facet in facets},
            )
        by_words = asking.matching(workspace_id, query, unit="message")
        if facets or not also or by_words is None:
            total = _messages(searcher, asked)
            return Counts(
                total=total, facets={facet: _messages_by(searcher, asked, facet) for facet in facets}
            )
        # Apart, since to look for the union of words and hundreds of ids takes three times as long.
        given = asking.matching(workspace_id, query, unit="message", only=also)
        assert given is not None, "with `only` there is always something to ask"
        both = Query.boolean_query([(Occur.Must, given), (Occur.Must, by_words)])
        return Counts(
            total=_messages(searcher, by_words) + _messages(searcher, given) - _messages(searcher, both),
            facets={},
        )

    def sessions(self, workspace_id: int, query: Asked) -> frozenset[int]:
        """The sessions with a match: a message, or their titles."""
        asked = asking.matching(workspace_id, query) or asking.passing(workspace_id, query)
        return frozenset() if asked is None else _sessions(self._index.searcher(), asked)

    def admits(self, workspace_id: int, query: Asked, messages: Collection[int]) -> set[int]:
        """Those of the messages that pass the query's filter, hold every required term and no excluded one."""
        if not messages:
            return set()
        searcher = self._index.searcher()
        asked = asking.matching(workspace_id, query, unit="message", only=messages)
        assert asked is not None, "with `only` there is always something to ask"
        return {hit.id for hit in _hits(searcher, searcher.search(asked, len(messages), count=False).hits)}

    def any_passes(self, workspace_id: int, filter: Filter) -> bool:
        """Whether there is a message that passes the filter."""
        searcher = self._index.searcher()
        return bool(searcher.search(asking.limited(workspace_id, filter), 1, count=False).hits)

    def values(self, workspace_id: int, facet: Facet) -> Collection[str]:
        """All values that messages of the workspace have."""
        return _messages_by(self._index.searcher(), asking.limited(workspace_id, Filter()), facet).keys()

    def corrections(self, workspace_id: int, query: Asked) -> dict[str, str]:
        """For each word of the query that stands nowhere in the workspace, the nearest that may be found."""
        return spelling.corrections(self._index.searcher(), workspace_id, query.terms, query.filter)

    def cursor(self) -> str:
        """The change-log cursor up to which this index is complete; "" for a new index."""
        return self._cursor

    def refresh(self) -> None:
        """See what the writer has committed since, and the new generation after a swap. Microseconds when nothing has.

        Errors: `IndexDamaged`; what was open before stays open.
        """
        for last_try in (False, True):
            path = generations.current(self._directory)
            if path is None:
                return
            try:
                self._follow(path)
                return
            except (IndexDamaged, OSError) as error:
                # A swap can take a generation away between the two reads: then CURRENT names another by now.
                if last_try or generations.current(self._directory) == path:
                    raise IndexDamaged(IndexDamaged.__doc__) from error

    def _follow(self, path: Path) -> None:
        cursor = generations.cursor(path)  # before the index: what is committed meanwhile is in it, and more
        status = (path / "meta.json").stat()
        seen = (status.st_ino, status.st_mtime_ns, status.st_size)
        if path != self._path:
            self._index = generations.opened(path)
        elif seen != self._seen:
            try:
                self._index.reload()
            except ValueError as error:
                raise IndexDamaged(IndexDamaged.__doc__) from error
        self._path, self._seen, self._cursor = path, seen, cursor


def _hits(searcher: Searcher, found: Sequence[tuple[Any, Any]]) -> list[Hit]:
    addresses = [address for _, address in found]
    columns = (searcher.fast_field_values(field, addresses) for field in ("message", "titled", "session"))
    return [
        Hit(id=int(message), session_id=int(session), score=float(score))
        if message is not None
        else Hit(id=int(titled or 0), session_id=int(session or 0), score=float(score), unit="session")
        for (score, _), message, titled, session in zip(found, *columns, strict=True)
    ]


def _messages(searcher: Searcher, asked: Query) -> int:
    return int(searcher.aggregate(asked, {"n": {"value_count": {"field": "message"}}})["n"]["value"])


def _messages_by(searcher: Searcher, asked: Query, facet: Facet) -> dict[str, int]:
    buckets = searcher.aggregate(asked, {facet: _terms(facet)})[facet]["buckets"]
    return {bucket["key"]: bucket["doc_count"] for bucket in buckets}


def _sessions(searcher: Searcher, asked: Query) -> frozenset[int]:
    return frozenset(
        int(bucket["key"])
        for found in _in_ranges(searcher, asked, {"session": _terms("session")})
        for bucket in found["session"]["buckets"]
    )


def _sessions_by(searcher: Searcher, asked: Query, facet: Facet) -> Counter[str]:
    """How many distinct sessions have a match with each value."""
    counted: Counter[str] = Counter()
    for found in _in_ranges(
        searcher, asked, {facet: {**_terms(facet), "aggs": {"session": _terms("session")}}}
    ):
        for bucket in found[facet]["buckets"]:
            counted[bucket["key"]] += len(bucket["session"]["buckets"])
    return counted


def _in_ranges(
    searcher: Searcher, asked: Query, wanted: dict[str, Any], low: int = 0, high: int = _BEYOND_LAST_SESSION
) -> list[dict[str, Any]]:
    """The aggregation over all sessions, or over ranges of sessions when tantivy's limit of 65,000 buckets is met.

    Ranges of session ids share no session, so what is counted in each can be added up.
    """
    try:
        return [searcher.aggregate(asked, wanted)]
    except ValueError as error:
        if "bucket limit" not in str(error):
            raise
    bounds = searcher.aggregate(
        _between(asked, low, high), {edge: {edge: {"field": "session"}} for edge in ("min", "max")}
    )
    low, high = int(bounds["min"]["value"]), int(bounds["max"]["value"]) + 1
    middle = (low + high) // 2
    halves = ((low, middle), (middle, high))
    return [found for half in halves for found in _in_ranges(searcher, _between(asked, *half), wanted, *half)]


def _between(asked: Query, low: int, high: int) -> Query:
    sessions = Query.range_query(SCHEMA, "session", FieldType.Unsigned, low, high, True, False)
    return Query.boolean_query([(Occur.Must, asked), (Occur.Must, sessions)])


def _terms(field: str) -> dict[str, Any]:
    return {"terms": {"field": field, "size": _ALL_BUCKETS}}
