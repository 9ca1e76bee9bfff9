"""Usage as tables that fit the terminal: what matters least gives way first, bars take what room is left.

Pure but for the printing: a table is columns, of which each knows how to tell a row and how much it matters.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import msgspec
from rich import box
from rich.cells import cell_len, set_cell_size
from rich.console import Console
from rich.measure import Measurement
from rich.table import Table
from rich.text import Text

from service.cli.output import clean, console

Row = Mapping[str, Any]
NAME_WIDTHS = (44, 32, 24, 18)
"""Columns that a name may take: the widest that leaves room."""
BAR_WIDTHS = (24, 16, 10, 6)
LEAST_NAME_WIDTHS = (12, 8, 4)
"""Where nothing is left to leave out."""
EIGHTHS = " ▏▎▍▌▋▊▉█"
ALWAYS = 99


class Column(msgspec.Struct, frozen=True, kw_only=True):
    title: str
    tell: Callable[[Row], str]
    matters: int = ALWAYS
    """Those that matter least are left out first where the terminal is narrow."""
    name: bool = False
    """A text that may be cut; else a number, or a day."""
    left: bool = False


def day(title: str, shown: int = 10) -> Column:
    """`shown`: so many characters of it, 7 of a month."""
    return Column(title=title, tell=lambda row: str(row["day"])[:shown], left=True)


def number(title: str, field: str, matters: int) -> Column:
    return Column(title=title, tell=lambda row: short(row.get(field, 0)), matters=matters)


def text(title: str, field: str, *, unknown: str = "(unknown)", matters: int = ALWAYS) -> Column:
    return Column(
        title=title, tell=lambda row: clean(str(row.get(field) or unknown)), matters=matters, name=True
    )


TOKENS = (
    number("input", "inputTokens", 3),
    number("output", "outputTokens", 5),
    number("cache write", "cacheWriteTokens", 2),
    number("cache read", "cacheReadTokens", 4),
    number("tokens", "totalTokens", 9),
)
QUANTITY = Column(title="quantity", tell=lambda row: quantity(row.get("quantity")), matters=10)
"""Of a metric, in its own unit; those of several do not add up, so that the total has none."""
COST = Column(title="cost", tell=lambda row: cost(row))
FIGURES = (
    number("sessions", "sessions", 7),
    number("messages", "messages", 8),
    *TOKENS,
    number("tools", "toolCalls", 1),
    COST,
)
SESSION = (
    text("session", "title", unknown="Untitled"),
    text("source", "source", matters=5),
    text("project", "project", unknown="", matters=6),
    Column(title="time", tell=lambda row: duration(row.get("spanMs")), matters=7),
    number("messages", "messages", 8),
    number("tools", "toolCalls", 4),
    number("tokens", "totalTokens", 9),
    COST,
    text("id", "id", matters=3),
)
TOOL = (
    text("tool", "tool"),
    number("calls", "calls", 9),
    number("errors", "errors", 8),
    Column(title="failed", tell=lambda row: percent(row.get("errorShare")), matters=4),
    number("sessions", "sessions", 3),
    Column(title="time", tell=lambda row: duration(row.get("timeMs")), matters=7),
    Column(title="p50", tell=lambda row: duration(row.get("timeMsP50")), matters=5),
    Column(title="p95", tell=lambda row: duration(row.get("timeMsP95")), matters=6),
)


def print_usage(
    columns: Sequence[Column], rows: Sequence[Row], total: Row | None, *, bars: Callable[[Row], float]
) -> None:
    """Rows under their columns, a bar behind each, the total below."""
    out = console()
    out.print(fitted(columns, rows, total, bars=bars, out=out))


def fitted(
    columns: Sequence[Column], rows: Sequence[Row], total: Row | None, *, bars: Callable[[Row], float], out: Console
) -> Table:  # fmt: skip
    """The widest table that fits: first names and bars get narrower, then columns are left out, at last the bars."""
    kept = list(columns)
    while True:
        for name_width, bar_width in zip(NAME_WIDTHS, BAR_WIDTHS, strict=True):
            made = table(kept, rows, total, name_width=name_width, bar_width=bar_width, bars=bars)
            if width_of(made, out) <= out.width:
                return made
        least = min(kept, key=lambda column: column.matters)
        if least.matters == ALWAYS:
            break
        kept.remove(least)
    for name_width in (NAME_WIDTHS[-1], *LEAST_NAME_WIDTHS):
        made = table(kept, rows, total, name_width=name_width, bar_width=0, bars=bars)
        if width_of(made, out) <= out.width:
            break
    return made


def width_of(made: Table, out: Console) -> int:
    """As wide as it would be with all the room that it wants."""
    return Measurement.get(out, out.options.update_width(10_000), made).maximum


def table(
    columns: Sequence[Column], rows: Sequence[Row], total: Row | None, *, name_width: int, bar_width: int,
    bars: Callable[[Row], float],
) -> Table:  # fmt: skip
    most = max((bars(row) for row in rows if "empty" not in row), default=0)
    made = Table(
        box=box.SIMPLE_HEAD,
        padding=(0, 1, 0, 0),
        pad_edge=False,
        header_style="bold",
        footer_style="bold",
        show_footer=total is not None,
    )
    for place, column in enumerate(columns):
        told = "" if total is None else "total" if place == 0 else "" if column.name else column.tell(total)
        made.add_column(
            column.title, told, justify="left" if column.name or column.left else "right", no_wrap=True
        )
    if bar_width:
        made.add_column("", "", no_wrap=True)
    for row in rows:
        if "empty" in row:  # so many days in a row
            made.add_row(Text(f"{row['empty']:,} empty"), style="dim")
            continue
        cells = [
            Text(cut(column.tell(row), name_width) if column.name else column.tell(row)) for column in columns
        ]
        drawn = [Text(bar(bars(row) / most if most else 0, bar_width), style="cyan")] if bar_width else []
        made.add_row(*cells, *drawn, style=None if row.get("messages", 1) or bars(row) else "dim")
    return made


def bar(share: float, width: int) -> str:
    """
    >>> bar(0.5, 5), bar(1, 3), bar(0.001, 4), bar(0, 4)
    ('██▌', '███', '▏', '')
    """
    eighths = round(share * width * 8)
    if share > 0:
        eighths = max(1, eighths)
    return EIGHTHS[8] * (eighths // 8) + EIGHTHS[eighths % 8].strip()


def cut(name: str, width: int) -> str:
    """In columns of the terminal, of which a Chinese character takes two.

    >>> cut("claude-sonnet-4-5-20250929", 18), cut("gpt-5", 18), cut("用量报告", 5)
    ('claude-sonnet-4-5…', 'gpt-5', '用量…')
    """
    return name if cell_len(name) <= width else set_cell_size(name, width - 1).rstrip() + "…"


def short(count: float) -> str:
    """A count in at most six characters.

    >>> [short(count) for count in (0, 999, 1_000, 12_345, 5_381_350, 2_000_000_000)]
    ['0', '999', '1,000', '12.3k', '5.38M', '2.00B']
    """
    for unit, size in (("B", 10**9), ("M", 10**6), ("k", 10**3)):
        if count >= max(size, 10_000):
            shown = count / size
            return f"{shown:.{2 if shown < 10 else 1 if shown < 100 else 0}f}{unit}"
    return f"{count:,}"


def cost(row: Row) -> str:
    """Dollars; with a star where something in it has no known cost.

    >>> [cost({"costUsd": usd, "unpricedMessages": n}) for usd, n in ((1234.5, 0), (0.004, 3), (0.0, 3), (0.0, 0))]
    ['$1,234.50', '$0.004*', 'unknown*', '$0.00']
    """
    usd, unpriced = row.get("costUsd", 0), row.get("unpricedMessages")
    if unpriced and not usd:
        return "unknown*"
    shown = f"${usd:,.2f}" if usd >= 0.01 or not usd else f"${usd:.3f}" if usd >= 0.001 else "<$0.001"
    return shown + ("*" if unpriced else "")


def duration(ms: int | None) -> str:
    """
    >>> [duration(ms) for ms in (None, 850, 61_000, 5_460_000, 200_000_000)]
    ['', '0.8 s', '1 min', '1.5 h', '2.3 d']
    """
    if ms is None:
        return ""
    for unit, size, places in (("d", 86_400_000, 1), ("h", 3_600_000, 1), ("min", 60_000, 0), ("s", 1000, 1)):
        if ms >= size or unit == "s":
            return f"{ms / size:.{places}f} {unit}"
    return ""


def quantity(told: float | None) -> str:
    """
    >>> quantity(12_345.0), quantity(0.25), quantity(1500.5), quantity(0.0), quantity(None)
    ('12.3k', '0.25', '1,500.5', '0', '')
    """
    if told is None:
        return ""
    return short(told) if told >= 10_000 else f"{told:,.3f}".rstrip("0").rstrip(".")


def percent(share: float | None) -> str:
    """
    >>> percent(0.0789), percent(None)
    ('7.9%', '')
    """
    return "" if share is None else f"{share:.1%}"
