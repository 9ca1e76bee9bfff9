"""Words first: when the text index commits in a flood, and who waits for its end."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.jobs import backlog
from service.jobs.backlog import COMMIT_GAP_S, FLOOD, LONGEST_GAP_S, Backlog, commit_gap_s


@given(documents=st.integers(0, 10**9))
def test_it_lets_no_document_wait_for_long(documents: int) -> None:
    """What came alone is due at once, and a flood at least once in the longest gap."""
    assert COMMIT_GAP_S <= commit_gap_s(documents) <= LONGEST_GAP_S
    assert commit_gap_s(documents) <= commit_gap_s(documents + 1)


async def test_it_holds_nobody_up_while_little_comes_in() -> None:
    """Passages of single messages are made at once."""
    calm = Backlog()
    calm.took(FLOOD)
    async with asyncio.timeout(5):
        await calm.over(at_most_s=3600)


async def test_it_holds_work_up_until_the_flood_is_over(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits goes on when nothing has come in for a while."""
    monkeypatch.setattr(backlog, "FLOOD_OVER_S", 0.02)
    flooded, clock = Backlog(), asyncio.get_running_loop().time
    flooded.took(FLOOD + 1)
    started_s = clock()
    async with asyncio.timeout(5):
        await flooded.over(at_most_s=3600)
    assert clock() - started_s >= 0.01


async def test_it_holds_nothing_up_for_ever() -> None:
    """Under writing that never pauses, passages are made too, only slowly."""
    flooded = Backlog()
    flooded.took(FLOOD + 1)
    async with asyncio.timeout(5):
        await flooded.over(at_most_s=0.01)
