"""Words that stand nowhere, and the nearest ones that do: the second try of a search that found nothing by its words.

Only what the workspace's own messages say is offered: the dictionary is the whole index's, and each word of it is
looked for in what may be found before it is told to anybody.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice

from tantivy import Occur, Query, Searcher

from indexing.edits import allowed, near
from indexing.fulltext import asking
from indexing.fulltext.analysis import forms, is_sign_word, is_unspaced
from indexing.fulltext.schema import SCHEMA
from indexing.model import Filter, Term

CHECKED = 20
"""Near words of which it is looked whether they may be found: the nearest and most frequent ones."""
WORDS = 8
"""Unknown words of a query for which a near one is looked for, the first ones: each is compared with thousands."""
ENOUGH_S = 1.0
"""After so long no further word is begun."""
_FIELDS = ("said_forms", "done_forms")


def corrections(
    searcher: Searcher, workspace_id: int, terms: tuple[Term, ...], filter: Filter
) -> dict[str, str]:
    """For the first `WORDS` words of the terms that no message of the workspace has: the nearest one that may be found.

    Prefixes, excluded terms, and scripts without spaces are left as they are; and so is what `ENOUGH_S` do not suffice for.
    """
    wanted = [
        form
        for term in terms
        if term.occur != "must_not" and term.kind != "prefix"
        for form in forms(term.text)
    ]
    unknown = (
        word
        for word in dict.fromkeys(wanted)
        if _is_a_word(word) and not _stands(searcher, workspace_id, word, Filter())
    )
    found, ends_s = {}, time.monotonic() + ENOUGH_S
    for word in islice(unknown, WORDS):
        if time.monotonic() > ends_s:
            break
        nearest = _nearest(searcher, workspace_id, word, filter)
        if nearest is not None:
            found[word] = nearest
    return found


def _is_a_word(word: str) -> bool:
    return allowed(word) > 0 and not is_sign_word(word) and not any(map(is_unspaced, word))


def _nearest(searcher: Searcher, workspace_id: int, word: str, filter: Filter) -> str | None:
    """The fewest slips away; of those, the most frequent in what may be found."""
    known: dict[str, int] = {}
    for term, count in _dictionary(searcher, word):
        known[term] = known.get(term, 0) + count
    by_slips = sorted(
        ((slips, -known[other], other) for other, slips in near(word, known, most=allowed(word)) if slips)
    )[:CHECKED]
    counted = [(slips, -_times(searcher, workspace_id, other, filter), other) for slips, _, other in by_slips]
    return min((each for each in counted if each[1] < 0), default=(0, 0, None))[2]


def _dictionary(searcher: Searcher, word: str) -> Iterator[tuple[str, int]]:
    """The index's words that begin like this one, or like it would without a slip in its first letters."""
    for field in _FIELDS:
        for first in dict.fromkeys((word[0], word[1])):
            yield from searcher.terms_with_prefix(field, first)


def _stands(searcher: Searcher, workspace_id: int, word: str, filter: Filter) -> bool:
    return _times(searcher, workspace_id, word, filter) > 0


def _times(searcher: Searcher, workspace_id: int, word: str, filter: Filter) -> int:
    """In how many messages that may be found."""
    said = [(Occur.Should, Query.term_query(SCHEMA, field, word)) for field in _FIELDS]
    clauses = [(Occur.Must, asking.limited(workspace_id, filter)), (Occur.Must, Query.boolean_query(said))]
    counted = searcher.aggregate(Query.boolean_query(clauses), {"n": {"value_count": {"field": "message"}}})
    return int(counted["n"]["value"])
