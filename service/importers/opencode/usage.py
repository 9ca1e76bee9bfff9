"""What a message cost, as OpenCode counts it.

`input` is without what came from or went to the cache. Whether `output` holds the reasoning differs by version: old
ones store what the provider said (as a rule with it), those since 2026 subtract it. `total`, where it stands, decides.
A message's `tokens` are those of its last step; several steps are added up, as OpenCode does with their cost.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

from service.importers import record


class Counts(NamedTuple):
    prompt_tokens: int | None = None
    completion_tokens: int | None = None
    cache_read_tokens: int | None = None
    cache_write_tokens: int | None = None


def counts(tokens: Any, steps: Sequence[Any] = (), *, apart: bool = False) -> Counts:
    """The disjoint counts of a message; of its steps, where there are several. `apart`: output is without reasoning.

    >>> counts({"input": 5, "output": 7, "reasoning": 2, "cache": {"read": 90, "write": 0}})
    Counts(prompt_tokens=5, completion_tokens=7, cache_read_tokens=90, cache_write_tokens=None)
    >>> counts({"total": 14, "input": 5, "output": 7, "reasoning": 2}).completion_tokens
    9
    """
    told = [*steps] if len(steps) > 1 or not isinstance(tokens, dict) else [tokens]
    each = [_of_one(one, apart=apart) for one in told if isinstance(one, dict)]
    return Counts(*(sum(found) or None for found in zip(*each, strict=True))) if each else Counts()


def _of_one(tokens: dict[str, Any], *, apart: bool) -> tuple[int, int, int, int]:
    cache = tokens.get("cache")
    cache = cache if isinstance(cache, dict) else {}
    read, write = record.count(cache.get("read")) or 0, record.count(cache.get("write")) or 0
    prompt, output, reasoning, total = (
        record.count(tokens.get(name)) or 0 for name in ("input", "output", "reasoning", "total")
    )
    # More reasoning than output can only be counted beside it.
    apart = apart or reasoning > output or total == prompt + output + reasoning + read + write
    return prompt, output + (reasoning if apart else 0), read, write
