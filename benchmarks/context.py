"""How much of LoCoMo's evidence an agent is handed within a budget of tokens, beside the top hits as they come."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime
from statistics import fmean
from typing import Any
from urllib.parse import urlencode

from benchmarks import corpus, retrieval
from benchmarks.measure import Progress
from benchmarks.report import Figure, Report
from benchmarks.running import Client, Options, serving, settle, wait_for_meaning
from indexing.budget import o200k

TITLE = "Context: evidence within a budget"
EXPECTED = """At 1,000 tokens 5 points more than the hits with a line each that says where they come from; bare texts, which nobody could
cite, are level or better, since headings and citations take a fifth of the room."""
BUDGETS = (500, 1_000, 2_000, 4_000)
SESSIONS = 20
HITS = 300
QUESTIONS = 300


def run(options: Options, report: Report) -> None:
    if not corpus.DATA.exists():
        report.note("Left out: the labelled sets are not here (a folder shared/data beside the project).")
        return
    report.note(
        f"Every n-th question of LoCoMo, {QUESTIONS} of them (quick: of one conversation), inside its conversation, counted by o200k; "
        f"`limit={SESSIONS}`. A piece of evidence is inside when its whole text is. Baseline: the hits of POST /search in their order as long as they "
        "fit, each with a line of its session, project, model and date, as context gives them once a session; also the bare texts, without a word of where they come from."
    )
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
        for budget in BUDGETS:
            ranked = [(texts[hit["messageExternalId"]], _line(hit, question)) for hit in hits]
            found = {
                "context": _context(client, question, budget),
                "cited hits": _as_they_come([f"{line} {text}" for text, line in ranked], budget),
                "bare hits": _as_they_come([text for text, _ in ranked], budget),
            }
            for name, given in found.items():
                inside.setdefault((name, budget), []).append(
                    sum(text in given for text in wanted) / len(wanted)
                )
        progress.at(place)
    for budget in BUDGETS:
        ours, cited, bare = (
            100 * fmean(inside[name, budget]) for name in ("context", "cited hits", "bare hits")
        )
        report.add(
            Figure(
                what=f"LoCoMo evidence inside {budget:,} tokens; bare texts {bare:.1f}",
                values=[round(ours, 1)], unit="%", baselines=[round(cited, 1)], baseline="top hits as they come, each with its line", better="higher",
            )
        )  # fmt: skip
        if budget == 1_000:
            more = Figure(
                what="LoCoMo evidence inside 1,000 tokens: points more than the top hits as they come",
                values=[round(ours - cited, 1)], unit="points", target=10, better="higher",
            )  # fmt: skip
            report.add(more)


def _context(client: Client, question: Any, budget: int) -> str:
    """The text that an agent is given."""
    asked = urlencode(
        {"q": question["text"], "budget": budget, "limit": SESSIONS, "project": question["conv"]}
    )
    given: str = client.send("GET", f"/api/context?{asked}")["text"]
    return given


def _as_they_come(pieces: Sequence[str], budget: int) -> str:
    """Whole pieces in their order as long as they fit.

    >>> _as_they_come(["one two", "three", "four five six"], 4)
    'one two\\nthree'
    """
    count, left, given = o200k(), budget, list[str]()
    for piece in pieces:
        left -= count(piece + "\n")
        if left < 0:
            break
        given.append(piece)
    return "\n".join(given)


def _line(hit: Any, question: Any) -> str:
    """As `/api/context` heads a session, and marks a message."""
    day = datetime.fromtimestamp(hit["session"]["createdAt"] / 1000, UTC)
    return (
        f"{hit['session'].get('title', 'Untitled')} ({question['conv']}, {day:%Y-%m-%d})\n[1] {hit['role']}:"
    )
