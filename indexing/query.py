"""The search language: what a person typed, as a Query. Pure, and it never refuses anything.

    words "a phrase" -without prefix*        source: project: model: role: tool: path: session: tag: kind:
    is:error  after:2026-01-01  before:7d    values with spaces in quotes: project:"my app"

A phrase is required, a word is wanted, `-` excludes, also where nothing else is asked. What is no valid piece of this
language (an unknown role, a date that is none, a quote that does not close, `--flag`, `-1`, `std::map`) is searched as
the words that it is made of.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, tzinfo
from typing import Any, Literal

import msgspec

from indexing.dates import parse_ms
from indexing.fulltext.analysis import can_be_found, forms
from indexing.model import Filter, Query, Term
from indexing.words import STOP_WORDS

QUERY_CHARACTERS = 10_000
TERMS = 64

ROLES = ("user", "assistant", "system", "tool", "unknown")

EVERYTHING = Filter()
NOTHING: Mapping[tuple[str, str], Sequence[str]] = {}
_MEMBERS = {
    "source": "sources", "project": "projects", "model": "models", "role": "roles",
    "tool": "tools", "tag": "tags", "kind": "kinds",
}  # fmt: skip
_PIECE = re.compile(
    r"""(?P<sign>-(?=[^\W\d]|"))?"""
    r"""(?:(?P<name>[a-z]+):(?=\S))?"""
    r"""(?:"(?P<quoted>[^"]*)"(?=\s|$)|(?P<bare>\S+))""",
    re.IGNORECASE,
)
_PREFIX = re.compile(r"[^\W_][\w./:-]*[^\W_]\*")
_WORD = re.compile(r"[^\W_]+")
_EDGES = re.compile(r"^[\W_]+|[\W_]+$")


Spellings = Mapping[tuple[str, str], Sequence[str]]
"""What stands for a name as somebody wrote it, by (member of `Filter`, name)."""
_SPELLED = ("projects", "models", "tools", "tags")


class _Found(msgspec.Struct):
    """What was read so far."""

    source_name: Callable[[str], str]
    spellings: Spellings = {}
    named: list[tuple[str, str]] = []
    terms: list[Term] = []
    said: list[str] = []
    sessions: list[str] = []
    excluded_sessions: list[str] = []
    values: dict[str, list[str]] = {}
    excluded: dict[str, list[str]] = {}
    after_ms: int | None = None
    before_ms: int | None = None
    has_error: bool | None = None


def parse(
    q: str,
    *,
    now_ms: int,
    filter: Filter = EVERYTHING,
    tz: tzinfo = UTC,
    source_name: Callable[[str], str] = str,
    spellings: Spellings = NOTHING,
) -> Query:
    """The query that `q` is, limited by `filter` as well. Dates are days in `tz`; `source_name` knows how people
    spell sources, `spellings` what stands for the names of projects, models, tools and tags (`Query.named` tells which
    were written, so that they can be looked up and the query read again). Errors: none.

    >>> found = parse('why "redirect loop" -draft source:codex-cli handleCall*', now_ms=0)
    >>> [(term.text, term.kind, term.occur) for term in found.terms]
    [('redirect loop', 'phrase', 'must'), ('draft', 'word', 'must_not'), ('handleCall', 'prefix', 'should')]
    >>> found.filter.sources, found.text
    (('codex-cli',), 'why redirect loop handleCall')
    """
    found = _Found(source_name, spellings)
    for piece in _PIECE.finditer(q[:QUERY_CHARACTERS]):
        _read(piece, found, now_ms, tz)
    limited = both(filter, _filter(found))
    terms = list(_without_stop_words(list(dict.fromkeys(found.terms))))
    terms.sort(key=lambda term: term.occur == "should")  # of too many, those that must hold are kept
    return Query(
        text=" ".join(found.said),
        terms=tuple(terms[:TERMS]),
        filter=limited,
        sessions=tuple(dict.fromkeys(found.sessions)),
        named=tuple(dict.fromkeys(found.named)),
        excluded_sessions=tuple(dict.fromkeys(found.excluded_sessions)),
    )


def corrected(query: Query, corrections: Mapping[str, str]) -> Query:
    """The query with its words replaced (lower case, as `corrections` has them), but for prefixes and what is excluded.

    >>> corrected(parse('redirct "the lop" -lop', now_ms=0), {"redirct": "redirect", "lop": "loop"}).text
    'redirect the loop'
    """
    terms = tuple(
        term
        if term.occur == "must_not" or term.kind == "prefix"
        else msgspec.structs.replace(term, text=respelled(term.text, corrections))
        for term in query.terms
    )
    return msgspec.structs.replace(query, terms=terms, text=respelled(query.text, corrections))


def respelled(text: str, corrections: Mapping[str, str]) -> str:
    """A text with its words replaced, in whatever case they stand.

    >>> respelled("Redirct in user_nmae", {"redirct": "redirect", "nmae": "name"})
    'redirect in user_name'
    """

    def corrected(word: re.Match[str]) -> str:
        found = forms(word[0])
        return corrections.get(found[0], word[0]) if len(found) == 1 else word[0]

    return _WORD.sub(corrected, text)


def both(one: Filter, other: Filter) -> Filter:
    """What passes both filters. Values of one kind that exclude each other let nothing pass.

    >>> both(Filter(sources=("pi",), after_ms=5), Filter(sources=("pi", "aider"), after_ms=9))
    Filter(sources=('pi',), projects=(), models=(), roles=(), tools=(), session_ids=None, tags=(), kinds=(), after_ms=9, before_ms=None, has_error=None, excluded=None)
    """
    merged: dict[str, tuple[str, ...]] = {}
    contradictory = (
        one.has_error is not None and other.has_error is not None and one.has_error != other.has_error
    )
    for member in _MEMBERS.values():
        first, second = getattr(one, member), getattr(other, member)
        merged[member] = (
            tuple(value for value in first if value in second) if first and second else first or second
        )
        contradictory |= bool(first and second and not merged[member])
    sessions = [set(each.session_ids) for each in (one, other) if each.session_ids is not None]
    return Filter(
        **merged,
        session_ids=() if contradictory else tuple(sorted(set.intersection(*sessions))) if sessions else None,
        after_ms=max((each.after_ms for each in (one, other) if each.after_ms is not None), default=None),
        before_ms=min((each.before_ms for each in (one, other) if each.before_ms is not None), default=None),
        has_error=one.has_error if other.has_error is None else other.has_error,
        excluded=_either(one.excluded, other.excluded),
    )


def _either(one: Filter | None, other: Filter | None) -> Filter | None:
    """What may not be found by one or by the other."""
    if one is None or other is None:
        return one or other
    sessions = {*(one.session_ids or ()), *(other.session_ids or ())}
    values: dict[str, Any] = {
        member: tuple(dict.fromkeys(getattr(one, member) + getattr(other, member)))
        for member in _MEMBERS.values()
    }
    return Filter(**values, session_ids=tuple(sorted(sessions)) if sessions else None)


def _read(piece: re.Match[str], found: _Found, now_ms: int, tz: tzinfo) -> None:
    name, quoted = (piece["name"] or "").lower(), piece["quoted"]
    value = piece["bare"] if quoted is None else quoted
    excluded: Literal["must_not"] | None = "must_not" if piece["sign"] else None
    if name == "path" and can_be_found(value):
        found.terms.append(Term(value, "phrase", excluded or "must"))
    elif name and excluded:
        if not _exclude(name, value, found):
            found.terms.append(Term(f"{name}:{value}", "phrase", excluded))
    elif name and not _limit(name, value, found, now_ms, tz):
        _take_words(piece.group(), found)
    elif name or not can_be_found(value):
        return
    elif excluded:
        found.terms.append(Term(value, "word" if quoted is None else "phrase", excluded))
    elif quoted is not None:
        found.terms.append(Term(quoted, "phrase", "must"))
        found.said.append(quoted)
    else:
        _take_words(value, found)


def _limit(name: str, value: str, found: _Found, now_ms: int, tz: tzinfo) -> bool:
    """Read `name:value` as a limit. False when it is none."""
    if name in ("after", "before"):
        moment = parse_ms(value, now_ms=now_ms, tz=tz)
        if moment is None:
            return False
        found.after_ms, found.before_ms = (
            (moment, found.before_ms) if name == "after" else (found.after_ms, moment)
        )
    elif name == "is" and value.lower() == "error":
        found.has_error = True
    elif name == "session" and value:
        found.sessions.append(value)
    else:
        return _take_value(name, value, found.values, found)
    return True


def _exclude(name: str, value: str, found: _Found) -> bool:
    """Read `-name:value` as what may not be found. False when it is no limit of values."""
    if name == "is" and value.lower() == "error":
        found.has_error = False
    elif name == "session" and value:
        found.excluded_sessions.append(value)
    else:
        return _take_value(name, value, found.excluded, found)
    return True


def _take_value(name: str, value: str, values: dict[str, list[str]], found: _Found) -> bool:
    if name not in _MEMBERS or not value or (name == "role" and value.lower() not in ROLES):
        return False
    member = _MEMBERS[name]
    if member in _SPELLED:
        found.named.append((member, value))
    read = {"source": found.source_name, "role": str.lower}.get(name, str)
    values.setdefault(member, []).extend(found.spellings.get((member, value), [read(value)]))
    return True


def _take_words(written: str, found: _Found) -> None:
    for word in written.split():
        prefix = _PREFIX.fullmatch(word)
        text = word[:-1] if prefix else word
        if can_be_found(text):
            found.terms.append(Term(text, "prefix" if prefix else "word"))
            found.said.append(text)


def _filter(found: _Found) -> Filter:
    limits = Filter(after_ms=found.after_ms, before_ms=found.before_ms, has_error=found.has_error)
    excluded = msgspec.structs.replace(EVERYTHING, **_distinct(found.excluded)) if found.excluded else None
    return msgspec.structs.replace(limits, **_distinct(found.values), excluded=excluded)


def _distinct(values: Mapping[str, list[str]]) -> dict[str, tuple[str, ...]]:
    return {member: tuple(dict.fromkeys(given)) for member, given in values.items()}


def _without_stop_words(terms: list[Term]) -> Iterator[Term]:
    """Words that say nothing alone are left out, unless nothing else is looked for."""
    telling = [term for term in terms if not _is_stop_word(term)]
    yield from telling if any(term.occur != "must_not" for term in telling) else terms


def _is_stop_word(term: Term) -> bool:
    return (
        term.kind == "word"
        and term.occur == "should"
        and _EDGES.sub("", term.text).lower().replace("’", "'") in STOP_WORDS
    )
