"""Searching at 10,000 and 100,000 messages over HTTP, beside its parts and beside other engines on the same data."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

from benchmarks import corpus, engines, parts, planting
from benchmarks.measure import latencies, percentile, shared_out, timed, together
from benchmarks.report import Figure, Report
from benchmarks.running import BenchmarkError, Client, Options, Service, serving, settle, wait_for_meaning
from indexing.search import LEAST_NEAR

TITLE = "Search"
EXPECTED = """hybrid at 100,000 messages about 20 ms p50 and 50 ms p99: embedding the query 4 to 7, HNSW 10 (words meanwhile), reading the hits and
HTTP 5; 1.5 times the sum of its parts or less. Words alone under 10 ms. A filter that leaves 1 % no slower, since 1,000 vectors are compared exactly in
2 ms. Ten times the messages, at most twice the time. pgvector with tsvector above 100 ms at 100,000; LanceDB about 10 ms in process."""
ROUNDS = 3
CLIENTS = 16
LIMIT = 20
LARGE = 100_000
"""The goals are for this many messages."""
PROJECT = "project-07"
PARTS = ("small", "large", "filter", "recall", "clients", "beside")
"""What can be measured apart (`--part`), on a home that is kept (`--home`)."""


@dataclass
class Bench:
    """What every measurement here needs."""

    service: Service
    client: Client
    report: Report
    per_round: int
    seeds: count[int] = field(default_factory=lambda: count(1))

    def questions(self, times: int = 1) -> list[str]:
        """A round of questions that nobody asked before; or so many times as many."""
        return corpus.questions(times * self.per_round, seed=next(self.seeds))

    def add(self, what: str, values: list[float], **more: Any) -> None:
        self.report.add(Figure(**{"what": what, "values": values, "unit": "ms", **more}))


def run(options: Options, report: Report) -> None:
    if options.url:
        report.note("Left out: searching is measured with a service of its own, since it plants vectors.")
        return
    small, large = (500, 2_000) if options.quick else (10_000, LARGE)
    wanted = options.parts or PARTS
    with serving(options) as service:
        bench = Bench(service, service.client(), report, 30 if options.quick else 200)
        wait_for_meaning(bench.client)
        report.note(f"{corpus.origin()} {planting.NOTE}")
        report.note(
            f"One client, {bench.per_round} questions a round, {ROUNDS} rounds, no question twice; {LIMIT} results, grouped by session where nothing else is said."
        )
        if "small" in wanted and parts.count_messages(service) > small:
            report.note(f"{small:,} messages are left out: the home has more.")
        elif "small" in wanted:
            _grow(bench, small)
            _at(bench, small)
        if "large" in wanted:
            _grow(bench, large)
            _at(bench, large)
            _growth(bench, small, large)
        for part, measure in (
            ("filter", _filtered), ("recall", _recall), ("clients", _many_clients), ("beside", _beside),
        ):  # fmt: skip
            if part in wanted:
                measure(bench, large)


def _grow(bench: Bench, wanted: int) -> None:
    """Send messages until there are `wanted`, and wait until all can be found."""
    there = parts.count_messages(bench.service)
    if there >= wanted:
        return
    for body in corpus.batches(corpus.messages(wanted - there, seed=100 + there)):
        bench.client.send("POST", "/sync/batch", body)
    settle(bench.client, "text index", meaning=False)
    planting.plant(bench.service, bench.client)
    settle(bench.client, "both indexes")


def _growth(bench: Bench, small: int, large: int) -> None:
    """What ten times as many cost."""
    before, after = (bench.report.value(f"{size:,}: hybrid, p50") for size in (small, large))
    if before and after:
        bench.add(f"{large:,}: hybrid, p50, beside a tenth", [after], baselines=[before], baseline=f"at {small:,}", must=2.0, target=1.5, goal_on="ratio")  # fmt: skip


def _at(bench: Bench, size: int) -> None:
    """All kinds of search at one size."""
    alone = parts.measure(bench.service, [bench.questions() for _ in range(ROUNDS)], limit=LEAST_NEAR)
    for name, values in alone.items():
        bench.add(f"{size:,}: {name} alone, p50", values)
    for kind, needs in (
        ("hybrid", ("query embedding", "tantivy", "pgvector")),
        ("fulltext", ("tantivy",)),
        ("semantic", ("query embedding", "pgvector")),
    ):
        rounds = _rounds(bench, kind)
        p50s = _percentiles(rounds, 50)
        sums = [sum(each) for each in zip(*(alone[name] for name in needs), strict=True)]
        with_goals = kind == "hybrid" and size == LARGE
        bench.add(f"{size:,}: {kind}, p50", p50s, **({"must": 25, "target": 12} if with_goals else {}))
        bench.add(f"{size:,}: {kind}, p99", _percentiles(rounds, 99), **({"must": 80, "target": 35} if with_goals else {}))  # fmt: skip
        beside = {"baselines": sums, "baseline": " + ".join(needs)}
        bench.add(f"{size:,}: {kind} against its parts, p50", p50s, **beside, **({"target": 1.5, "goal_on": "ratio"} if kind == "hybrid" else {}))  # fmt: skip


def _rounds(bench: Bench, kind: str, **asked: Any) -> list[list[float]]:
    """Latencies of searches of one kind, by round."""

    def ask(question: str) -> None:
        used = bench.client.search(question, type=kind, limit=LIMIT, **asked)["modeUsed"]
        if used != kind:
            raise BenchmarkError(f"A {kind} search was answered as {used}.")

    return [latencies(ask, bench.questions()) for _ in range(ROUNDS)]


def _filtered(bench: Bench, size: int) -> None:
    """A filter that leaves one project of a hundred."""
    only: dict[str, Any] = {"filter": {"project": PROJECT}, "groupBy": "message"}
    plain = _percentiles(_rounds(bench, "hybrid", groupBy="message"), 50)
    limited = _percentiles(_rounds(bench, "hybrid", **only), 50)
    bench.add(f"{size:,}: hybrid with a filter that leaves 1 %, messages, p50", limited, baselines=plain, baseline="without the filter", must=1.0, goal_on="ratio")  # fmt: skip
    page = min(LIMIT, parts.count_project(bench.service, PROJECT))
    full = [
        len(bench.client.search(question, limit=LIMIT, **only)["results"]) == page
        for question in bench.questions()
    ]
    bench.add(
        "full pages under that filter", [100 * sum(full) / len(full)], unit="%", must=100, better="higher"
    )


def _recall(bench: Bench, size: int) -> None:
    for project, name, must, target in (
        (PROJECT, "under that filter", 0.98, 0.995),
        ("", "without a filter", 0.95, None),
    ):
        recall = parts.recall_of_vectors(bench.service, bench.client, bench.questions()[:50], project=project)
        bench.add(f"{size:,}: recall@10 of the vector list {name}", [recall], unit="of exact", must=must, target=target, better="higher")  # fmt: skip


def _many_clients(bench: Bench, size: int) -> None:
    one: list[float] = []
    many: list[float] = []
    failed = 0
    for _ in range(ROUNDS):
        for rates, clients in ((one, 1), (many, CLIENTS)):
            questions = bench.questions(3)
            took_s, lost = together(lambda share: _ask_all(bench, share), shared_out(questions, clients))
            rates.append(len(questions) / took_s)
            failed += sum(lost)
    bench.add(f"{size:,}: hybrid, {CLIENTS} clients at once", many, unit="searches/s", baselines=one, baseline="one client", must=1.5, goal_on="ratio", better="higher")  # fmt: skip
    bench.add("errors meanwhile", [failed], unit="", must=0)


def _ask_all(bench: Bench, questions: Sequence[str]) -> int:
    """How many failed."""
    client, failed = bench.service.client(), 0
    for question in questions:
        try:
            client.search(question, limit=LIMIT)
        except (BenchmarkError, OSError):
            client, failed = bench.service.client(), failed + 1
    return failed


def _beside(bench: Bench, size: int) -> None:
    """Other engines with the same texts and vectors, each from the question's text to the ids of messages."""
    for name, search in engines.open_all(bench.service, bench.report):
        theirs: list[list[float]] = []
        ours: list[list[float]] = []
        inside: list[list[float]] = []
        for _ in range(ROUNDS):
            theirs.append(latencies(search, bench.questions()))
            took_ms, answers = timed(lambda question: bench.client.search(question, limit=LIMIT, groupBy="message"), bench.questions())  # fmt: skip
            ours.append(took_ms)
            inside.append([answer["tookMs"] for answer in answers])
        _against(bench, f"{size:,}", name, theirs, ours, inside)


def _against(bench: Bench, size: str, name: str, theirs: list[list[float]], ours: list[list[float]], inside: list[list[float]]) -> None:  # fmt: skip
    faster: dict[str, Any] = {"must": 1.0} if name.startswith("pgvector") else {}
    twice: dict[str, Any] = {"target": 0.5} if name.startswith("LanceDB") else {}
    for percent, what, values, goals in (
        (50, "hybrid over HTTP", ours, faster),
        (99, "hybrid over HTTP", ours, faster),
        (50, "hybrid without HTTP (tookMs)", inside, twice),
    ):
        bench.add(f"{size}: {what}, messages, p{percent}, beside {name}", _percentiles(values, percent), baselines=_percentiles(theirs, percent), baseline=f"{name}, in process", goal_on="ratio", **goals)  # fmt: skip


def _percentiles(rounds: Sequence[Sequence[float]], percent: float) -> list[float]:
    return [percentile(each, percent) for each in rounds]
