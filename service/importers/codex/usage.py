"""Token counts: what one event adds, and what that is in four counts that do not overlap.

Rule: `last_token_usage` is what the last answer used. An event whose cumulative count did not change repeats the one
before it. Where only cumulative counts are told their difference counts; one that fell began anew.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from service.importers import record
from service.importers.codex.state import Counts, Memory

NOTHING = Counts()


class Tokens(NamedTuple):
    """Disjoint, as a write has them; 0 is unknown."""

    prompt: int | None = None
    completion: int | None = None
    cache_read: int | None = None
    cache_write: int | None = None


def told(info: Any, name: str) -> Counts | None:
    """The counts under `name`; None where there are none.

    >>> told({"last": {"input_tokens": 10, "cached_input_tokens": 4, "output_tokens": 2}}, "last")
    Counts(input=10, cached=4, written=0, output=2, reasoning=0)
    """
    counts = info.get(name) if isinstance(info, dict) else None
    if not isinstance(counts, dict):
        return None
    return Counts(
        input=_first(counts, "input_tokens"),
        cached=_first(counts, "cached_input_tokens", "cache_read_input_tokens"),
        written=_first(
            counts, "cache_write_input_tokens", "cache_creation_input_tokens", "cache_write_tokens"
        ),
        output=_first(counts, "output_tokens"),
        reasoning=_first(counts, "reasoning_output_tokens"),
    )


def advance(memory: Memory, info: Any) -> Counts | None:
    """What the event adds, and the new cumulative count remembered. None: it repeats the last one."""
    total, last = told(info, "total_token_usage"), told(info, "last_token_usage")
    before, memory.total = memory.total, total or memory.total
    if total is not None and total == before:
        return None
    return last if last is not None else _difference(total or NOTHING, before or NOTHING)


def plus(one: Counts | None, other: Counts) -> Counts:
    one = one or NOTHING
    return Counts(
        one.input + other.input,
        one.cached + other.cached,
        one.written + other.written,
        one.output + other.output,
        one.reasoning + other.reasoning,
    )


def tokens(counts: Counts) -> Tokens:
    """
    >>> tokens(Counts(input=10, cached=4, output=2))
    Tokens(prompt=6, completion=2, cache_read=4, cache_write=None)
    """
    cached = min(counts.cached, counts.input)
    written = min(counts.written, counts.input - cached)
    return Tokens(
        prompt=counts.input - cached - written or None,
        completion=counts.output or None,
        cache_read=cached or None,
        cache_write=written or None,
    )


def added(usage: dict[str, Any] | None, more: Any) -> dict[str, Any] | None:
    """The usage objects of one message's events as one: numbers add up, all else is the last's."""
    if not isinstance(more, dict):
        return usage
    sums = dict(usage or {})
    for name, value in more.items():
        number, had = _number(value), _number(sums.get(name))
        sums[name] = number + had if number is not None and had is not None else value
    return sums


def _difference(total: Counts, before: Counts) -> Counts:
    fell = total.input < before.input or total.output < before.output
    if fell:
        return total
    return Counts(
        total.input - before.input,
        max(0, total.cached - before.cached),
        max(0, total.written - before.written),
        total.output - before.output,
        max(0, total.reasoning - before.reasoning),
    )


def _first(counts: dict[str, Any], *names: str) -> int:
    return next((found for name in names if (found := record.count(counts.get(name)))), 0)


def _number(value: Any) -> int | float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
