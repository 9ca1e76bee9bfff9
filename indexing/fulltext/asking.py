"""Our query as tantivy's. The rule for what matches stands here, once, for searching and for counting:

    of the workspace, and passing the filter
    and every `must` term, and no `must_not` term
    and, where no term is required, at least one `should` term (or, when counting, one of the ids found by meaning)

A word scores by the best of four fields (stem or form; said, or done at half the weight). A word made of pieces
(`handleCallback`, `foo.bar`, 東京都) scores by each piece and again as a whole, as the phrase of its forms.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence

from tantivy import FieldType, Occur, Query

from indexing.fulltext.analysis import forms, is_unspaced, stems
from indexing.fulltext.schema import SCHEMA
from indexing.model import Filter, Term, Unit
from indexing.model import Query as Asked

DONE_WEIGHT = 0.5
"""What tools printed counts half of what people and agents said."""
PARTS = 64
"""A term of more pieces (a pasted line, a sentence without spaces) is looked up by its first ones."""
TERMS_APART = 12
"""Of a longer query the first terms are asked one by one: a pasted page says by itself where it is from."""
_FIELDS = (("said", "said_forms", 1.0), ("done", "done_forms", DONE_WEIGHT))
_SHORTEST_PREFIX = 2
_NAMES_A_DATE = re.compile(
    r"\b(?:19|20)\d\d\b|\b(?:january|february|march|april|may|june|july|august|september|october|november|december"
    r"|(?:mon|tues|wednes|thurs|fri|satur|sun)day)\b",
    re.IGNORECASE,
)


def matching(
    workspace_id: int,
    asked: Asked,
    *,
    also: Collection[int] = (),
    unit: Unit | None = None,
    only: Collection[int] | None = None,
) -> Query | None:
    """All that matches; None when nothing can (no positive term and no `also`).

    `unit="message"` leaves out session titles. `only` asks of given messages whether they pass, whatever they say.
    """
    required, wanted = _terms(asked, "must"), _terms(asked, "should")
    clauses = [(Occur.Must, each) for each in _limits(workspace_id, asked.filter, unit)]
    clauses += _excluded(asked)
    clauses += [(Occur.Must, each) for each in required]
    if only is not None:
        clauses.append((Occur.Must, _unscored(_one_of("message", list(only)))))
    elif required:
        clauses += [(Occur.Should, each) for each in wanted]
    else:
        any_of = [*wanted, *([_unscored(_one_of("message", list(also)))] if also else [])]
        if not any_of:
            return None
        clauses.append((Occur.Must, Query.boolean_query([(Occur.Should, each) for each in any_of])))
    return Query.boolean_query(clauses)


def ranked(workspace_id: int, asked: Asked) -> Query | None:
    """What `matching` finds, with the messages of a date that the query names lifted."""
    found = matching(workspace_id, asked)
    if found is None or not _NAMES_A_DATE.search(asked.text):
        return found
    dates = [
        (Occur.Should, Query.term_query(SCHEMA, "written", each, "freq"))
        for each in dict.fromkeys(stems(asked.text))
    ]
    return Query.boolean_query([(Occur.Must, found), *dates])


def term_by_term(workspace_id: int, asked: Asked) -> list[Query]:
    """One query for each of the terms looked for, the first `TERMS_APART` of them; none for a term that stands alone."""
    terms = [query for occur in ("must", "should") for query in _terms(asked, occur)][:TERMS_APART]
    if len(terms) < 2:
        return []
    within = [(Occur.Must, each) for each in _limits(workspace_id, asked.filter, "message")]
    without = _excluded(asked)
    return [Query.boolean_query([*within, (Occur.Must, each), *without]) for each in terms]


def passing(workspace_id: int, asked: Asked) -> Query | None:
    """All messages that pass the filter and hold no excluded term, where nothing is looked for; None where something is.

    None also for a query that says nothing at all: nobody asked for everything.
    """
    says_nothing = asked.filter == Filter() and not asked.terms
    if says_nothing or any(term.occur != "must_not" for term in asked.terms):
        return None
    excluded = [(Occur.MustNot, each) for each in _terms(asked, "must_not")]
    return Query.boolean_query([(Occur.Must, limited(workspace_id, asked.filter)), *excluded])


def limited(workspace_id: int, filter: Filter) -> Query:
    """All messages that pass the filter."""
    passing = [(Occur.Must, each) for each in _limits(workspace_id, filter, "message")]
    return Query.boolean_query(passing + [(Occur.MustNot, each) for each in _refused(filter)])


def _excluded(asked: Asked) -> list[tuple[Occur, Query]]:
    return [(Occur.MustNot, each) for each in [*_terms(asked, "must_not"), *_refused(asked.filter)]]


def _refused(filter: Filter) -> list[Query]:
    excluded = filter.excluded
    values = _of_values(excluded) if excluded else []
    if excluded and excluded.session_ids:
        values.append(_one_of("session", excluded.session_ids))
    return values


def _terms(asked: Asked, occur: str) -> list[Query]:
    make = _scored if occur == "should" else _exactly
    return [query for term in asked.terms if term.occur == occur for query in make(term)]


def _scored(term: Term) -> list[Query]:
    """What each part of a wanted term adds to the score."""
    pieces, words = stems(term.text), forms(term.text)
    if term.kind != "word" or (len(pieces) == 1 and len(words) == 1):
        return _exactly(term)
    by_piece = [
        _best((said, piece, weight) for said, _, weight in _FIELDS)
        for piece in list(dict.fromkeys(pieces))[:PARTS]
    ]
    return by_piece + _phrase(words)


def _exactly(term: Term) -> list[Query]:
    """The one query (or none, for a term without letters) that a required or excluded term is."""
    pieces, words = stems(term.text), forms(term.text)
    if term.kind == "prefix" and words:
        return _prefix(words)
    if term.kind == "phrase" or len(words) != 1 or len(pieces) != 1:
        return _phrase(words)
    return [
        _best(
            (field, word, weight)
            for stem, form, weight in _FIELDS
            for field, word in ((stem, pieces[0]), (form, words[0]))
        )
    ]


def _best(alternatives: Iterator[tuple[str, str, float]]) -> Query:
    """The best score among (field, token, weight)."""
    return Query.disjunction_max_query(
        [
            _weighed(
                Query.term_query(SCHEMA, field, token, "freq" if field in ("said", "done") else "position"),
                weight,
            )
            for field, token, weight in alternatives
        ]
    )


def _phrase(words: Sequence[str]) -> list[Query]:
    if not words:
        return []
    words = words[:PARTS]
    if len(words) == 1:
        return [_best((form, words[0], weight) for _, form, weight in _FIELDS)]
    return [
        Query.disjunction_max_query(
            [_weighed(Query.phrase_query(SCHEMA, form, list(words)), weight) for _, form, weight in _FIELDS]
        )
    ]


def _prefix(words: Sequence[str]) -> list[Query]:
    """Forms and pieces that begin so; of several words (`foo.ba*`), the last one may go on."""
    if len(words[-1]) < _SHORTEST_PREFIX or is_unspaced(words[-1]):
        return _phrase(words)
    if len(words) > 1:
        found = [
            _weighed(Query.phrase_prefix_query(SCHEMA, form, list(words)), weight)
            for _, form, weight in _FIELDS
        ]
    else:
        pattern = f"{re.escape(words[0])}.*"
        found = [
            _weighed(Query.regex_query(SCHEMA, field, pattern), weight)
            for stem, form, weight in _FIELDS
            for field in (stem, form)
        ]
    return [Query.disjunction_max_query(found)]


def _weighed(query: Query, weight: float) -> Query:
    return query if weight == 1.0 else Query.boost_query(query, weight)


def _limits(workspace_id: int, filter: Filter, unit: Unit | None) -> list[Query]:
    """What must hold besides the words; none of it scores."""
    found = [Query.term_query(SCHEMA, "workspace", workspace_id)]
    of_messages = any(
        each and (each.models or each.roles or each.tools) for each in (filter, filter.excluded)
    )
    if unit == "message" or of_messages or filter.has_error is not None:
        found.append(Query.term_query(SCHEMA, "unit", "message"))
    found += _of_values(filter)
    if filter.session_ids is not None:
        found.append(_one_of("session", filter.session_ids) if filter.session_ids else Query.empty_query())
    if filter.has_error is not None:
        found.append(Query.term_query(SCHEMA, "has_error", filter.has_error))
    if filter.after_ms is not None or filter.before_ms is not None:
        open_ended = filter.before_ms is None  # tantivy wants an end that is not there to be inclusive
        found.append(
            Query.range_query(
                SCHEMA, "created_at", FieldType.Integer, filter.after_ms, filter.before_ms, True, open_ended
            )
        )
    return [_unscored(each) for each in found]


def _of_values(filter: Filter) -> list[Query]:
    """A query for each limit of values."""
    by_field = {
        "source": filter.sources, "model": filter.models, "role": filter.roles,
        "tool": filter.tools, "tag": filter.tags, "kind": filter.kinds,
    }  # fmt: skip
    found = [_one_of(field, values) for field, values in by_field.items() if values]
    if filter.projects:
        found.append(
            Query.boolean_query(
                [(Occur.Should, _one_of(field, filter.projects)) for field in ("project", "path")]
            )
        )
    return found


def _one_of(field: str, values: Sequence[int] | Sequence[str]) -> Query:
    # A set query walks the field's whole dictionary: 2 ms for 200 ids among 200,000, where single terms take 0.3.
    return Query.boolean_query([(Occur.Should, Query.term_query(SCHEMA, field, value)) for value in values])


def _unscored(query: Query) -> Query:
    return Query.const_score_query(query, 0.0)
