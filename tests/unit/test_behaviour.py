"""Figures of behaviour, rankings and maps: worked out by hand, or against a simulation."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta

import numpy as np
import polars as pl
import pytest

from analytics import behaviour, maps, relevance
from analytics.reports import exported

START = datetime(2026, 5, 1, tzinfo=UTC)


def calls(*rows: tuple[str, str, bool | None, int | None]) -> pl.DataFrame:
    """Session, tool, failed, milliseconds; in their order."""
    told = [
        {
            "session": session,
            "tool": tool,
            "failed": failed,
            "duration_ms": ms,
            "seq": n,
            "at": START + timedelta(minutes=n),
        }
        for n, (session, tool, failed, ms) in enumerate(rows)
    ]
    return pl.DataFrame(told, schema_overrides={"failed": pl.Boolean, "duration_ms": pl.Int64})


def test_it_holds_the_true_share_in_its_interval() -> None:
    """Of 2,000 samples of 40 with a share of 0.1, Wilson's interval holds 0.1 in about 95 of 100."""
    drawn = np.random.default_rng(1).binomial(40, 0.1, size=2000)
    held = [low <= 0.1 <= high for low, high in (behaviour.wilson(int(part), 40) for part in drawn)]
    assert 0.93 < sum(held) / len(held) < 0.98


def test_it_is_wider_where_calls_of_a_session_are_alike() -> None:
    """Forty calls of four sessions tell less of other sessions than forty of forty: the bootstrap says so."""
    alike = [np.full(10, value) for value in (1_000, 2_000, 30_000, 40_000)]
    apart = [np.array([value]) for session in alike for value in session]
    few, many = behaviour.bootstrap(alike, 0.5), behaviour.bootstrap(apart, 0.5)
    assert few[1] - few[0] >= many[1] - many[0] > 0


def test_it_finds_retries_within_a_session() -> None:
    """A call after a failed one of the same tool and session is a retry; one of another session or tool is not."""
    found = behaviour.with_retries(
        calls(
            ("a", "Bash", True, 5),
            ("a", "Read", False, 5),
            ("a", "Bash", False, 5),
            ("b", "Bash", False, 5),
            ("b", "Edit", None, None),
        )
    )
    assert found.filter("retry").select("session", "seq").rows() == [("a", 2)]
    assert found.filter("edit")["tool"].to_list() == ["Edit"]


def test_it_counts_calls_with_a_known_result() -> None:
    """A call without a result is in no share; groups come with the most calls first, and an interval each."""
    told = calls(
        ("a", "Bash", True, 5), ("a", "Bash", False, 7), ("b", "Read", False, 1), ("b", "Read", None, None)
    )
    rows = behaviour.shares(told, ["tool"]).to_dicts()
    assert [(row["tool"], row["calls"], row["part"], row["share"]) for row in rows] == [
        ("Bash", 2, 1, 0.5),
        ("Read", 1, 0, 0.0),
    ]
    assert all(row["low"] <= row["share"] <= row["high"] for row in rows)
    assert behaviour.apart(behaviour.shares(told, ["tool"])) == []
    sure = pl.DataFrame({"tool": ["x", "y"], "calls": [100, 100], "part": [90, 10]})
    assert [(high["tool"], low["tool"]) for high, low in behaviour.apart(behaviour.with_wilson(sure))] == [
        ("x", "y")
    ]


def test_it_takes_percentiles_of_single_calls() -> None:
    """Over all calls of a group, not over sessions; without any time there are no rows."""
    told = calls(*(("ab"[n % 2], "Bash", False, n * 100) for n in range(1, 12)))
    (row,) = behaviour.latency(told, ["tool"], quantiles=[0.5]).to_dicts()
    assert (row["calls"], row["sessions"], row["ms"]) == (11, 2, 600.0)
    assert row["low"] <= row["ms"] <= row["high"]
    assert behaviour.latency(calls(("a", "Bash", None, None)), ["tool"]).is_empty()


def test_it_lays_neighbours_side_by_side() -> None:
    """Two groups that name only each other lie apart; within a group all are nearer than any of the other."""
    groups = [["a", "b", "c"], ["x", "y", "z"]]
    rows = [
        {"session": one, "other": other, "rank": rank}
        for group in groups
        for one in group
        for rank, other in enumerate([each for each in group if each != one], 1)
    ]
    laid, shown = maps.layout(pl.DataFrame(rows))
    at = {name: np.array([x, y]) for name, x, y in laid.rows()}
    within = max(np.linalg.norm(at[one] - at[other]) for group in groups for one in group for other in group)
    between = min(np.linalg.norm(at[one] - at[other]) for one in groups[0] for other in groups[1])
    assert within < between
    assert 0.4 < shown <= 1
    assert maps.layout(pl.DataFrame(rows))[0].equals(laid)


def test_it_lays_out_few() -> None:
    """One or two sessions, or none, have places too."""
    none = pl.DataFrame(schema={"session": pl.String, "other": pl.String, "rank": pl.Int64})
    assert maps.layout(none)[0].height == 0
    assert maps.layout(pl.DataFrame({"session": ["a"], "other": ["b"], "rank": [1]}))[0].height == 2


def test_it_compares_lists_under_the_same_marks() -> None:
    """What another list found and this one did not counts against this one; only the first k count."""
    good = {"a", "b"}
    assert relevance.ndcg(["a", "b"], good) == pytest.approx(1)
    assert relevance.ndcg(["a"], good) == pytest.approx(1 / (1 + 1 / np.log2(3)))
    assert relevance.ndcg(["x", "y", "a"], good, k=2) == 0


def test_it_sums_exported_days() -> None:
    """Sums add up over days and names; a cut without input has no cache share; a rate of an export is that of its days."""
    days = pl.DataFrame([
        {"day": date(2026, 5, n), "model": model, "costUsd": 0.5 * n, "inputTokens": tokens, "cacheReadTokens": tokens, "cacheWriteTokens": 0,
         "outputTokens": 1, "totalTokens": 2 * tokens + 1, "messages": 1, "unpricedMessages": 0, "toolCalls": 0, "toolErrors": 0}
        for n in (1, 2) for model, tokens in (("m", 10), ("n", 0))
    ])  # fmt: skip
    rows = {row["model"]: row for row in exported.summed(days, ["model"]).iter_rows(named=True)}
    assert (rows["m"]["costUsd"], rows["m"]["cacheHitShare"], rows["n"]["cacheHitShare"]) == (1.5, 0.5, None)
    assert exported.used(days)[date(2026, 5, 2)].cost_nano == 2_000_000_000
    assert exported.first_used(days) == date(2026, 5, 1)
    assert exported.last_days(days, 1)["day"].unique().to_list() == [date(2026, 5, 2)]


@pytest.mark.parametrize("tool", ["Edit", "apply_patch", "edit_file", "search_replace", "create_file"])
def test_it_knows_tools_that_change_files(tool: str) -> None:
    """Claude Code's, Codex's, Cursor's and Copilot's names for it alike; reading is none."""
    found = behaviour.with_retries(calls(("s", tool, False, 1), ("s", "read_file", False, 1)))
    assert found["edit"].to_list() == [True, False]
