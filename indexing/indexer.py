"""What an index must take up and what it must let go, found by comparing it with the tables."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np


class Held:
    """The ids that an index holds, ticked off against the tables page by page.

    >>> held = Held([1, 2, 9])
    >>> held.to_put([(1, False), (2, True), (3, False)]), held.surplus()
    ([2, 3], [9])
    """

    def __init__(self, ids: Iterable[int]) -> None:
        self._ids = np.sort(np.fromiter(ids, np.int64))
        self._ticked = np.zeros(len(self._ids), dtype=bool)

    def to_put(self, page: Sequence[tuple[int, bool]]) -> list[int]:
        """Of a page of rows (id, unseen): those that the index lacks, or has not seen as they are now."""
        ids = np.fromiter((id for id, _ in page), np.int64, count=len(page))
        places = np.searchsorted(self._ids, ids)
        present = places < len(self._ids)
        present[present] = self._ids[places[present]] == ids[present]
        self._ticked[places[present]] = True
        return [id for (id, unseen), held in zip(page, present.tolist(), strict=True) if unseen or not held]

    def surplus(self) -> list[int]:
        """What no page had, once all pages are through: the index must let it go."""
        return [int(id) for id in self._ids[~self._ticked]]
