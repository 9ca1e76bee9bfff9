"""How much of LoCoMo's evidence an agent is handed within a budget of tokens, beside the top hits as they come."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from itertools import accumulate
from statistics import fmean
from typing import Any
from urllib.parse import urlencode

import msgspec

from benchmarks import corpus, retrieval
from benchmarks.measure import Progress
from benchmarks.report import Figure, Report
from benchmarks.running import Client, Options, serving, settle, wait_for_meaning
from indexing.budget import o200k

TITLE = "Context: evidence within a budget"
EXPECTED = """At 1,000 tokens far more than 10 points above the hits as they come over HTTP, which spend most tokens on ids, places and marks;
5 points more than texts with a line each that says where they come from; bare texts, which nobody could cite, are level or better."""
BUDGETS = (500, 1_000, 2_000, 4_000)
GOAL_TOKENS = 1_000
SESSIONS = 20
HITS = 300
QUESTIONS = 300
NOTE = (
    f"Every n-th question of LoCoMo, {QUESTIONS} of them (quick: of one conversation), inside its conversation, counted by o200k; "
    f"`limit={SESSIONS}`. A piece of evidence is inside when its whole text is. Beside it three ways to hand over the hits of POST /search in their "
    "order as long as they fit: as its JSON says them (and then a hit counts as its whole text, though it shows a snippet); their texts, each with a line of its "
    "session, project, model and date, as context gives them once a session; the bare texts, without a word of where they come from."
)


def run(options: Options, report: Report) -> None:
    if not corpus.DATA.exists():
        report.note("Left out: the labelled sets are not here (a folder shared/data beside the project).")
        return
    report.note(NOTE)
    rows, questions, answers = retrieval._set("locomo_dev", quick=options.quick)
    questions = questions[:: max(1, len(questions) // QUESTIONS)]
    texts = {row["id"]: retrieval._message(row)["textContent"] for row in rows}
    with serving(options) as service:
        client = service.client()
        wait_for_meaning(client)
        for body in retrieval._bodies(rows):
            client.send("POST", "/sync/batch", body)
        settle(client, "embedding locomo_dev")
        _measure(client, report, questions, answers, texts)


def _measure(
    client: Client,
    report: Report,
    questions: Sequence[Any],
    answers: dict[str, set[str]],
    texts: dict[str, str],
) -> None:
    inside: dict[tuple[str, int], list[float]] = {}
    progress = Progress("context", len(questions), "questions")
    for place, question in enumerate(questions, start=1):
        wanted = [texts[row] for row in answers[question["id"]]]
        hits = client.search(
            question["text"], groupBy="message", limit=HITS, filter={"project": question["conv"]}
        )["results"]
        said = [texts[hit["messageExternalId"]] for hit in hits]
        costs = {
            "answer": _costs([msgspec.json.encode(hit).decode() for hit in hits]),
            "cited": _costs([f"{_line(hit, question)} {text}" for hit, text in zip(hits, said, strict=True)]),
            "bare": _costs(said),
        }
        for budget in BUDGETS:
            given = {name: "\n".join(said[: fitting(each, budget)]) for name, each in costs.items()}
            given["context"] = _context(client, question, budget)
            for name, text in given.items():
                share = sum(each in text for each in wanted) / len(wanted)
                inside.setdefault((name, budget), []).append(share)
        progress.at(place)
    _report(report, {key: 100 * fmean(shares) for key, shares in inside.items()})


def _report(report: Report, inside: Mapping[tuple[str, int], float]) -> None:
    """By what was given and budget, in percent."""
    for budget in BUDGETS:
        ours, bare, cited = (inside[name, budget] for name in ("context", "bare", "cited"))
        what = (
            f"LoCoMo evidence inside {budget:,} tokens; bare texts {bare:.1f}, with a line each {cited:.1f}"
        )
        report.add(
            Figure(
                what=what, values=[round(ours, 1)], unit="%", baselines=[round(inside["answer", budget], 1)],
                baseline="the hits as POST /search gives them", better="higher",
            )
        )  # fmt: skip
    for name, what in (
        ("answer", "the hits as POST /search gives them"),
        ("cited", "their texts with a line each"),
    ):
        more = round(inside["context", GOAL_TOKENS] - inside[name, GOAL_TOKENS], 1)
        title = f"LoCoMo evidence inside {GOAL_TOKENS:,} tokens: points more than {what}"
        report.add(Figure(what=title, values=[more], unit="points", target=10, better="higher"))


def _context(client: Client, question: Any, budget: int) -> str:
    """The text that an agent is given."""
    asked = urlencode(
        {"q": question["text"], "budget": budget, "limit": SESSIONS, "project": question["conv"]}
    )
    given: str = client.send("GET", f"/api/context?{asked}")["text"]
    return given


def _costs(pieces: Sequence[str]) -> list[int]:
    count = o200k()
    return [count(f"{piece}\n") for piece in pieces]


def fitting(costs: Sequence[int], budget: int) -> int:
    """How many come in whole, in their order, before one does not fit.

    >>> fitting([3, 4, 5], 7), fitting([3, 4, 5], 2)
    (2, 0)
    """
    return sum(spent <= budget for spent in accumulate(costs))


def _line(hit: Any, question: Any) -> str:
    """As `/api/context` heads a session, and marks a message."""
    day = datetime.fromtimestamp(hit["session"]["createdAt"] / 1000, UTC)
    return (
        f"{hit['session'].get('title', 'Untitled')} ({question['conv']}, {day:%Y-%m-%d})\n[1] {hit['role']}:"
    )
