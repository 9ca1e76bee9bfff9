"""Results on the terminal: tables that fit it, hits with their matches marked, JSON for programs.

Colours only on a terminal, and not when NO_COLOR is set (rich sees to both). What people and agents wrote is shown
without control characters, so that a transcript cannot move the cursor or write into the clipboard.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from rich import box
from rich.console import Console, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

if TYPE_CHECKING:
    from service.jobs.doctor import Finding

PIPE_WIDTH = 160
"""Columns of a table that goes into a file or another program."""
CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")
MARK = "bold yellow"
STYLES = {"ok": "green", "warn": "yellow", "fail": "bold red"}


def console() -> Console:
    """What prints: as wide as the terminal; into a file or a program, lines are as long as they are."""
    found = Console(highlight=False)
    return found if found.is_terminal else Console(highlight=False, soft_wrap=True, width=PIPE_WIDTH)


def print_json(answer: Any) -> None:
    print(json.dumps(answer, indent=2, ensure_ascii=False))


def print_text(text: str) -> None:
    """Text of several lines, without the control characters that people and tools wrote into it."""
    print("\n".join(map(clean, text.split("\n"))), end="")


def print_table(
    columns: Sequence[str],
    rows: Sequence[Sequence[object]],
    *,
    right: Sequence[str] = (),
    cut: Sequence[str] = (),
) -> None:
    """Rows under their columns. `right`: columns of numbers; `cut`: those that give way where the terminal is narrow."""
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, header_style="bold")
    for column in columns:
        table.add_column(column, justify="right" if column in right else "left", no_wrap=column not in cut)
    for row in rows:
        table.add_row(*(Text(clean(str(cell)), no_wrap=True, overflow="ellipsis") for cell in row))
    console().print(table)


def print_hits(answer: Mapping[str, Any]) -> None:
    """A search's answer: each hit with its title, where it comes from, and its best match."""
    out = console()
    if not answer["results"]:
        out.print("Nothing found.")
    for number, hit in enumerate(answer["results"], start=1):
        session, matches = hit.get("session", hit), hit.get("matches", [hit])
        out.print(Text(f"{number:>2}. ") + Text(clean(session.get("title") or "Untitled"), style="bold"))
        out.print(indented(Text(about(session, score=hit["score"]), style="dim"), 4, out))
        for match in matches[:1]:
            out.print(indented(snippet(match), 4, out))
            if alike := match.get("alike"):
                out.print(
                    indented(Text(f"and {alike['count']} more that say nearly the same", style="dim"), 4, out)
                )
        out.print()
    if remark := mode_remark(answer):
        out.print(Text(remark, style="dim"))


def print_findings(done: Sequence[Finding], findings: Sequence[Finding]) -> None:
    """What the doctor did and found: a line a check, and below it what to do."""
    out = console()
    for finding in done:
        out.print(Text("done  ", style="cyan") + Text(f"{finding.check}: {finding.found}"))
    for finding in findings:
        out.print(
            Text(f"{finding.state:<6}", style=STYLES[finding.state])
            + Text(f"{finding.check}: {finding.found}")
        )
        if finding.advice:
            out.print(indented(Text(finding.advice, style="dim"), 6, out))


def indented(text: Text, columns: int, out: Console) -> RenderableType:
    """Moved to the right; on a terminal the lines that it is broken into too."""
    return Padding(text, (0, 0, 0, columns), expand=False) if out.is_terminal else Text(" " * columns) + text


def plain(findings: Sequence[Finding]) -> list[dict[str, Any]]:
    """As JSON has them."""
    return [msgspec.structs.asdict(finding) for finding in findings]


def print_session(answer: Mapping[str, Any]) -> None:
    """A session with its messages in order; a part that is no text in one line."""
    out = console()
    session = answer["session"]
    out.print(Text(clean(session.get("title") or "Untitled"), style="bold"))
    for message in answer["messages"]:
        out.print(Text(f"\n{message['role']} · {minute(message['createdAt'])}", style="bold cyan"))
        if text := message.get("textContent"):
            out.print(Text("\n".join(map(clean, text.splitlines()))))
        for part in message.get("parts", ()):
            if part["type"] != "text":
                out.print(Text(part_line(part), style="dim"))


def part_line(part: Mapping[str, Any]) -> str:
    """
    >>> part_line({"type": "tool-call", "content": {"toolName": "Bash", "args": {"command": "ls"}}})
    'tool-call Bash: {"command": "ls"}'
    """
    content = part["content"]
    fields = content if isinstance(content, dict) else {"text": content}
    told = next((fields[name] for name in ("args", "result", "text") if name in fields), "")
    shown = told if isinstance(told, str) else json.dumps(told, ensure_ascii=False)
    line = clean(" ".join(filter(None, [part["type"], fields.get("toolName")])) + f": {shown}")
    return line if len(line) <= PIPE_WIDTH else line[: PIPE_WIDTH - 1] + "…"


def about(session: Mapping[str, Any], *, score: float) -> str:
    """
    >>> about({"createdAt": 0, "source": "pi", "projectName": "api", "id": "s1"}, score=1.234)[10:]
    ' · pi · api · score 1.23 · s1'
    """
    known = (session.get("source"), session.get("projectName"))
    return " · ".join(
        [day(session["createdAt"]), *(clean(k) for k in known if k), f"score {score:.2f}", session["id"]]
    )


def snippet(match: Mapping[str, Any]) -> Text:
    """The passage that matched; highlights are offsets in code points, which `clean` keeps."""
    text = Text(clean(match.get("snippet", "")))
    for start, end in match.get("highlights", ()):
        text.stylize(MARK, start, end)
    return text


def mode_remark(answer: Mapping[str, Any]) -> str:
    """How it was searched, when that is not hybrid, and what could not be found yet; "" when there is nothing to say.

    >>> mode_remark({"modeUsed": "fulltext", "fallbackReason": "no vectors yet"})
    'Searched fulltext: no vectors yet.'
    >>> mode_remark({"modeUsed": "hybrid", "index": {"textLag": 0, "vectorLag": 7}})
    '7 passages still wait to be found by meaning.'
    """
    reason = answer.get("fallbackReason")
    remarks = []
    if corrected := answer.get("corrected"):
        remarks.append(f"Nothing has these words; searched for: {clean(corrected)}")
    elif answer["modeUsed"] != "hybrid":
        remarks.append(f"Searched {answer['modeUsed']}" + (f": {reason.rstrip('.')}." if reason else "."))
    lags = answer.get("index", {})
    for lag, waiting in (
        ("textLag", "messages still wait to be found by their words"),
        ("vectorLag", "passages still wait to be found by meaning"),
    ):
        if lags.get(lag):
            remarks.append(f"{lags[lag]} {waiting}.")
    return " ".join(remarks)


def clean(text: str) -> str:
    """Every control character becomes a space: one for one, so that offsets stay.

    >>> clean("a\\x1b[31mb\\nc")
    'a [31mb c'
    """
    return CONTROL.sub(" ", text)


def day(at_ms: int) -> str:
    """The day in this machine's time zone."""
    return datetime.fromtimestamp(at_ms / 1000).strftime("%Y-%m-%d")


def minute(at_ms: int) -> str:
    """Day and minute in this machine's time zone."""
    return datetime.fromtimestamp(at_ms / 1000).strftime("%Y-%m-%d %H:%M")
