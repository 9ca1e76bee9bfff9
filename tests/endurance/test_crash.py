"""Crashes: what was acknowledged stays."""

from __future__ import annotations

import random

import crash

ROUNDS, BATCHES = 5, 5


def test_it_keeps_what_it_acknowledged_through_crashes() -> None:
    """API, worker, Postgres, a connection's process or all of them are killed while clients send and transcripts are imported:
    every acknowledged message is there once, found by word and by meaning, and all is as a control in calm has it."""
    seed = random.SystemRandom().randrange(100_000)
    result = crash.run(
        rounds=ROUNDS,
        seed=seed,
        batches=BATCHES,
        environ={"BACKSCROLL_LOG_LEVEL": "warning", "NO_COLOR": "1"},
        report=print,
    )
    assert result.wrong == [], f"seed {seed}"
    assert result.acknowledged > 0
    assert result.imported > 0
