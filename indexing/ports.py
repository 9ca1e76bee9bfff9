"""What indexing needs of the outside, as small Protocols. mypy proves that an adapter fits.

`fulltext.py` fulfils TextReader and TextWriter, `embedder.py` Embedder, `service/storage/vectors.py`
VectorIndex and `service/storage/neighbours.py` Neighbours. Text index calls block and are short (1 to 10 ms):
`search.py` runs them in a thread.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from indexing.model import Counts, Facet, Filter, Hit, Query, Standing, TextDocument, Unit

Vectors = NDArray[np.float32]


class Embedder(Protocol):
    """Texts to vectors of length 1, one row a text, in the order given."""

    @property
    def name(self) -> str: ...
    @property
    def dimension(self) -> int: ...
    def embed(self, texts: Sequence[str]) -> Vectors: ...


class TextReader(Protocol):
    """The read side of a text index. One workspace at a time, always."""

    def search(self, workspace_id: int, query: Query, *, limit: int) -> list[Hit]:
        """BM25, best first: messages, and sessions whose titles match.

        No positive term: with a filter the newest messages that pass it (scored by their time), without one nothing.
        """
        ...

    def coverage(self, workspace_id: int, query: Query, *, limit: int) -> dict[int, float]:
        """By session: the best BM25 score of each term in it, among the term's `limit` best messages, added up.

        Empty for a query of one term. Sessions that hold none of the terms are absent.
        """
        ...

    def count(
        self,
        workspace_id: int,
        query: Query,
        *,
        also: Collection[int] = (),
        unit: Unit = "message",
        facets: Sequence[Facet] = (),
    ) -> Counts:
        """All that matches, joined with the message ids `also` (that pass the filter), counted exactly in `unit`s."""
        ...

    def sessions(self, workspace_id: int, query: Query) -> frozenset[int]:
        """The sessions with a match: a message, or their titles."""
        ...

    def admits(self, workspace_id: int, query: Query, messages: Collection[int]) -> set[int]:
        """Those of the messages that pass the query's filter, hold every required term and no excluded one."""
        ...

    def any_passes(self, workspace_id: int, filter: Filter) -> bool:
        """Whether there is a message that passes the filter."""
        ...

    def values(self, workspace_id: int, facet: Facet) -> Collection[str]:
        """All values that messages of the workspace have."""
        ...

    def corrections(self, workspace_id: int, query: Query) -> dict[str, str]:
        """For each word of the query (as it is indexed) that stands nowhere in the workspace, the nearest that may be found."""
        ...

    def cursor(self) -> str:
        """The change-log cursor up to which this index is complete; "" for a new index."""
        ...

    def refresh(self) -> None:
        """See what the writer has committed since (and the new directory after a swap). Cheap when nothing has."""
        ...


class TextWriter(Protocol):
    """The write side: one a directory. Nothing is visible before `commit`, which also stores the cursor."""

    def put(self, documents: Iterable[TextDocument]) -> None:
        """Add, or replace the document with the same unit and id."""
        ...

    def remove(self, *, messages: Iterable[int] = (), sessions: Iterable[int] = ()) -> None:
        """Take out messages; taking out a session takes its titles and all its messages."""
        ...

    def remove_workspace(self, workspace_id: int) -> None: ...
    def commit(self, cursor: str) -> None: ...
    def cursor(self) -> str: ...
    def ids(self, unit: Unit) -> Iterator[int]:
        """Every id held (committed), ascending, to compare with the tables."""
        ...

    def close(self) -> None:
        """Let go of the directory, so that another process can write."""
        ...


class VectorIndex(Protocol):
    """Messages by meaning: best passage first, one hit a message, filtered exactly."""

    async def search(
        self, workspace_id: int, vector: Vectors, filter: Filter, *, limit: int
    ) -> list[Hit]: ...


class Neighbours(Protocol):
    """Where each message stands; one that is gone or foreign is absent."""

    async def of(self, workspace_id: int, message_ids: Sequence[int]) -> Mapping[int, Standing]: ...
