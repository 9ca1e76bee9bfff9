"""The terminal's tables of usage fit it, whatever its width, and lose what matters least."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Any

import pytest
from rich.cells import cell_len
from rich.console import Console

from service.cli import usage_tables as tables
from service.cli.usage import worth_showing

BUSY: dict[str, Any] = {
    "day": "2026-05-04", "model": "claude-sonnet-4-5-20250929-with-a-long-name", "sessions": 12, "messages": 1480,
    "inputTokens": 2410, "cacheReadTokens": 51_204_000, "cacheWriteTokens": 2_103_300, "outputTokens": 482_100,
    "totalTokens": 53_791_810, "costUsd": 1305.49, "unpricedMessages": 2, "toolCalls": 611, "toolErrors": 4,
}  # fmt: skip
IDLE = BUSY | {name: 0 for name in BUSY if name not in ("day", "model")}
COLUMNS = [tables.day("day"), tables.text("model", "model"), *tables.FIGURES]


def shown(
    width: int, columns: Sequence[tables.Column] = COLUMNS, rows: Sequence[tables.Row] = (BUSY, IDLE)
) -> list[str]:
    out = Console(width=width, file=io.StringIO(), force_terminal=True, color_system=None)
    out.print(tables.fitted(columns, rows, BUSY, bars=lambda row: row["costUsd"], out=out))
    return out.file.getvalue().splitlines()  # type: ignore[attr-defined]  # a StringIO


@pytest.mark.parametrize("width", [160, 120, 100, 80, 60, 45])
def test_it_fits_the_terminal(width: int) -> None:
    """No line is wider than the terminal, no number is cut, and day, cost and total are always there."""
    lines = shown(width)
    assert max(map(len, lines)) <= width
    assert "2026-05-04" in lines[3]
    assert "$1,305.49*" in lines[3]
    assert any(line.strip().startswith("total") for line in lines)
    assert lines[3].count("…") <= 1  # the model's name may be cut


@pytest.mark.parametrize("width", [160, 80, 60, 45])
def test_it_fits_with_many_and_wide_names(width: int) -> None:
    """Names give way, also those of characters that take two columns; numbers never do."""
    named = BUSY | {"project": "用量报告与成本" * 9}
    columns = [*COLUMNS[:2], tables.text("project", "project"), *tables.FIGURES]
    lines = shown(width, columns, [named])
    assert max(map(cell_len, lines)) <= width
    assert "2026-05-04" in lines[3]
    assert "$1,305.49*" in lines[3]


def test_it_drops_what_matters_least_first() -> None:
    """Eighty columns have tokens, messages and bars; the widest have all."""
    head, narrow = shown(160)[1], shown(80)[1]
    assert [name for name in ("cache write", "input", "tools", "output") if name not in head] == []
    assert [name for name in ("cache write", "input", "tools") if name in narrow] == []
    assert "tokens" in narrow
    assert "█" in shown(80)[3]


def test_it_shows_days_from_the_first_that_has_something() -> None:
    """Empty days before are left out, those between stay, many of them as one line; by model only what was used has one."""
    assert worth_showing([IDLE, BUSY, IDLE], cut=[]) == [BUSY, IDLE]
    assert worth_showing([IDLE, IDLE], cut=[]) == []
    assert worth_showing([BUSY, *[IDLE] * 300, BUSY], cut=[]) == [BUSY, {"empty": 300}, BUSY]
    assert shown(80, rows=[BUSY, {"empty": 300}, BUSY])[4].strip() == "300 empty"
    said = IDLE | {"messages": 3}
    assert worth_showing([IDLE, BUSY, said], cut=["model"]) == [BUSY]
    assert worth_showing([IDLE, BUSY, said], cut=["source"]) == [BUSY, said]
