"""Search quality through POST /search, on the sets that lie beside the project, with their published figures."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from math import log2
from statistics import fmean
from typing import Any

import msgspec

from benchmarks import ablation, corpus, long_messages
from benchmarks.measure import Progress
from benchmarks.report import Figure, Report
from benchmarks.running import Client, Options, Service, serving, settle, tables, wait_for_meaning

TITLE = "Retrieval: quality on labelled sets"
EXPECTED = """LoCoMo turns in their conversation recall@10 0.72 to 0.76 and nDCG@10 0.54, turns in one index 4 points less, sessions recall@10 0.93,
SciFact nDCG@10 0.72 to 0.74, CoSQA 0.50 to 0.57 (words alone pull it down); hybrid is not below the better of its lists but on CoSQA."""
KINDS = ("hybrid", "fulltext", "semantic")
CUTS = (5, 10, 25)
DATE = "%I:%M %p on %d %B, %Y"

Scores = dict[str, float]


class Task(msgspec.Struct, frozen=True, kw_only=True):
    """One way to ask a set, with goals and published figures by measure (recall@k, ndcg@10)."""

    title: str
    set: str
    group_by: str = "message"
    inside: bool = False
    """Search each question's own conversation only (filter project=conv)."""
    goals: dict[str, tuple[float, float]] = {}
    published: dict[str, tuple[float, str]] = {}


TASKS = (
    Task(
        title="LoCoMo turns in their conversation",
        set="locomo_dev",
        inside=True,
        goals={
            "recall@5": (0.62, 0.68),
            "recall@10": (0.72, 0.77),
            "recall@25": (0.81, 0.86),
            "ndcg@10": (0.0, 0.57),
            "multi-hop recall@10": (0.0, 0.47),
        },
        published={
            "recall@5": (0.567, "DRAGON"),
            "recall@10": (0.662, "DRAGON"),
            "recall@25": (0.767, "DRAGON"),
        },
    ),
    Task(
        title="LoCoMo turns, all in one index",
        set="locomo_dev",
        goals={"recall@5": (0.55, 0.62), "recall@10": (0.65, 0.72), "recall@25": (0.75, 0.82)},
    ),
    Task(
        title="LoCoMo sessions in their conversation",
        set="locomo_dev",
        group_by="session",
        inside=True,
        goals={"recall@10": (0.92, 0.95)},
        published={"recall@10": (0.889, "MiniLM (bge-large 0.924)")},
    ),
    Task(
        title="SciFact",
        set="beir_scifact",
        goals={"ndcg@10": (0.72, 0.74)},
        published={"ndcg@10": (0.679, "BM25 (MiniLM 0.645, LanceDB hybrid 0.716)")},
    ),
    Task(
        title="CoSQA",
        set="cosqa_dev",
        goals={"ndcg@10": (0.55, 0.60)},
        published={"ndcg@10": (0.59, "MiniLM alone (BM25 0.40)")},
    ),
)


def run(options: Options, report: Report) -> None:
    if not corpus.DATA.exists():
        report.note("Left out: the labelled sets are not here (a folder shared/data beside the project).")
        return
    report.note(
        "One configuration for all sets; each set in a service of its own, sent by /sync/batch and embedded by the service. Recall is the share of a question's labelled rows among the first k, averaged over questions; all categories of LoCoMo count."
    )
    if options.quick:
        report.note(
            "Quick: one conversation of LoCoMo, and of the other sets 1,000 rows with 100 questions: scores are higher than on the whole, and published ones no measure."
        )
    for name in corpus.SETS:
        rows, questions, answers = _set(name, quick=options.quick)
        with serving(options) as service:
            client = service.client()
            wait_for_meaning(client)
            for body in _bodies(rows):
                client.send("POST", "/sync/batch", body)
            settle(client, f"embedding {name}")
            for task in TASKS:
                if task.set == name:
                    _measure(client, report, task, rows, questions, answers)
                    if options.ablate and task.group_by == "message":
                        _ablate(service, report, task, questions, answers)
    long_messages.measure(options, report)


def _set(name: str, *, quick: bool) -> tuple[list[Any], list[Any], dict[str, set[str]]]:
    """Rows, those questions that have an answer, and the answers."""
    rows, answers = corpus.read(name, "corpus.jsonl"), corpus.judgements(name)
    questions = [question for question in corpus.read(name, "queries.jsonl") if question["id"] in answers]
    if not quick:
        return rows, questions, answers
    if name == "locomo_dev":
        first = rows[0]["conv"]
        return (
            [row for row in rows if row["conv"] == first],
            [q for q in questions if q["conv"] == first],
            answers,
        )
    questions = questions[:100]
    wanted = set().union(*(answers[question["id"]] for question in questions))
    kept = [row for row in rows if row["id"] in wanted] + [row for row in rows if row["id"] not in wanted][
        :900
    ]
    return kept, questions, answers


def _bodies(rows: Sequence[Any]) -> Iterator[bytes]:
    """The sets' mapping: conv -> project, conv and session -> a session, a row -> a message."""
    for start in range(0, len(rows), corpus.BATCH):
        chunk = rows[start : start + corpus.BATCH]
        sessions = {
            _session(row): {"externalId": _session(row), "projectName": row["conv"], "source": "claude-code"}
            for row in chunk
        }
        yield msgspec.json.encode(
            {"sessions": list(sessions.values()), "messages": [_message(row) for row in chunk]}
        )


def _message(row: Any) -> dict[str, Any]:
    caption = f" [{row['caption']}]" if row.get("caption") else ""
    text = f"{row['role']}: {row['text']}" if row["role"] else row["text"]
    message = {
        "sessionExternalId": _session(row),
        "externalId": row["id"],
        "role": "user",
        "textContent": text + caption,
        "source": "claude-code",
    }
    if row["date"]:
        message["createdAt"] = int(
            datetime.strptime(row["date"].upper(), DATE).replace(tzinfo=UTC).timestamp() * 1000
        )
    return message


def _session(row: Any) -> str:
    return f"{row['conv']}/{row['session']}"


def _measure(
    client: Client,
    report: Report,
    task: Task,
    rows: Sequence[Any],
    questions: Sequence[Any],
    answers: dict[str, set[str]],
) -> None:
    session_of = {row["id"]: _session(row) for row in rows}
    scores = {kind: _ask(client, task, kind, questions, answers, session_of) for kind in KINDS}
    for measure in scores["hybrid"]:
        must, target = task.goals.get(measure, (None, None))
        published, name = task.published.get(measure, (None, ""))
        others = " and ".join(f"{kind} {scores[kind][measure]:.3f}" for kind in KINDS[1:])
        report.add(
            Figure(
                what=f"{task.title}: {measure}; {others}",
                values=[round(scores["hybrid"][measure], 4)],
                unit="",
                baselines=[published] if published else [],
                baseline=f"published: {name}" if published else "",
                must=must or None,
                target=target,
                better="higher",
            )
        )
    better = max(scores[kind]["ndcg@10"] for kind in KINDS[1:])
    report.add(
        Figure(
            what=f"{task.title}: hybrid's nDCG@10 less the better list's",
            values=[round(scores["hybrid"]["ndcg@10"] - better, 4)],
            unit="",
            must=-0.02,
            target=0.0,
            better="higher",
        )
    )


def _ablate(
    service: Service, report: Report, task: Task, questions: Sequence[Any], answers: dict[str, set[str]]
) -> None:
    with tables(service) as conn:
        named = dict(
            conn.execute("select id, external_id from messages where workspace_id = current_workspace()")
        )
    asked = [ablation.Asked(each["text"], each["conv"] if task.inside else "") for each in questions]

    def gain(place: int, ranked: list[int]) -> float:
        return ndcg([named[id] for id in ranked[:10]], answers[questions[place]["id"]], 10)

    ablation.compare(report, task.title, ablation.gather(service, asked), gain)


def _ask(
    client: Client,
    task: Task,
    kind: str,
    questions: Sequence[Any],
    answers: dict[str, set[str]],
    session_of: dict[str, str],
) -> Scores:
    """Averages over all questions; recall@10 also by category, where a set has several."""
    found: dict[str, list[float]] = defaultdict(list)
    progress = Progress(f"{task.title}, {kind}", len(questions), "questions")
    categories = {question["cat"] for question in questions}
    for place, question in enumerate(questions, start=1):
        wanted = answers[question["id"]]
        wanted = {session_of[row] for row in wanted} if task.group_by == "session" else wanted
        limited: dict[str, Any] = {"filter": {"project": question["conv"]}} if task.inside else {}
        hits = client.search(question["text"], type=kind, groupBy=task.group_by, limit=max(CUTS), **limited)[
            "results"
        ]
        ranked = [
            hit["externalId"] if task.group_by == "session" else hit["messageExternalId"] for hit in hits
        ]
        for cut in CUTS:
            found[f"recall@{cut}"].append(recall(ranked, wanted, cut))
        found["ndcg@10"].append(ndcg(ranked, wanted, 10))
        if len(categories) > 1:
            found[f"{question['cat']} recall@10"].append(recall(ranked, wanted, 10))
        progress.at(place)
    return {measure: fmean(values) for measure, values in found.items()}


def recall(ranked: Sequence[str], wanted: set[str], cut: int) -> float:
    """
    >>> recall(["a", "b", "c"], {"c", "a"}, 2)
    0.5
    """
    return len(wanted.intersection(ranked[:cut])) / len(wanted)


def ndcg(ranked: Sequence[str], wanted: set[str], cut: int) -> float:
    """Each row is relevant or not; 1 is the best order there could be.

    >>> ndcg(["a", "b"], {"a"}, 10), round(ndcg(["b", "a"], {"a"}, 10), 3)
    (1.0, 0.631)
    """
    gained = sum(1 / log2(place + 2) for place, each in enumerate(ranked[:cut]) if each in wanted)
    return gained / sum(1 / log2(place + 2) for place in range(min(cut, len(wanted))))
