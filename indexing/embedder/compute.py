"""With which precision and how many threads torch runs, decided from rates measured at start.

bf16 gives two to four times the rate where the processor has avx512_bf16 or amx, at a cosine of 0.9999 to fp32;
where other work keeps the processors busy, more threads (and bf16 with them) can be slower. int8 is no candidate: its cosine is 0.95.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Literal

import msgspec

WORTH = 1.15
"""A step up (a thread more, bf16) must gain this much, so that noise does not decide."""
ROUNDS = 3


class Compute(msgspec.Struct, frozen=True):
    """How torch computes: logged at start."""

    precision: Literal["fp32", "bf16"]
    threads: int


def candidates(cores: int, *, bf16: bool) -> list[Compute]:
    """What is worth measuring, most needed first: few threads (on a busy machine many can take for ever), bf16 before fp32.

    >>> [(c.precision, c.threads) for c in candidates(2, bf16=True)]
    [('bf16', 1), ('fp32', 1), ('bf16', 2), ('fp32', 2)]
    """
    precisions: tuple[Literal["fp32", "bf16"], ...] = ("bf16", "fp32") if bf16 else ("fp32",)
    return [Compute(precision, n) for n in sorted({1, max(1, cores // 2), cores}) for precision in precisions]


def fastest(rates: Mapping[Compute, float]) -> Compute:
    """The way to compute, from measured rates (texts a second, any unit): a step up is taken when it is worth it.

    `rates` holds at least one.

    >>> quiet = {Compute("fp32", 1): 50.0, Compute("fp32", 2): 85.0, Compute("bf16", 1): 160.0, Compute("bf16", 2): 250.0}
    >>> fastest(quiet)
    Compute(precision='bf16', threads=2)
    >>> fastest(quiet | {Compute("fp32", 2): 20.0, Compute("bf16", 2): 15.0})
    Compute(precision='bf16', threads=1)
    >>> fastest({Compute("fp32", 1): 50.0, Compute("bf16", 1): 52.0})
    Compute(precision='fp32', threads=1)
    """
    plainest_first = sorted(rates, key=lambda compute: (compute.precision == "bf16", compute.threads))
    chosen = plainest_first[0]
    for compute in plainest_first[1:]:
        if rates[compute] >= WORTH * rates[chosen]:
            chosen = compute
    return chosen


def measure(
    run: Callable[[Compute], object], among: Collection[Compute], *, budget_s: float
) -> dict[Compute, float]:
    """Runs a second of each candidate, the best of up to three rounds.

    No run begins after `budget_s`; a candidate whose turn never came is absent. At least one is present.
    """
    rates: dict[Compute, float] = {}
    end = time.perf_counter() + budget_s
    for _ in range(ROUNDS):
        for compute in among:
            start = time.perf_counter()
            if rates and start >= end:
                return rates
            run(compute)
            rates[compute] = max(rates.get(compute, 0.0), 1 / (time.perf_counter() - start))
    return rates
