"""Known items in long messages: real transcripts, and questions whose answer is one message of 1,200 characters or more.

`data/long_messages.jsonl` holds a line a question: `question`, `kind` (words: rare words of the message; paraphrase:
none that stands in fewer than 11 of the 475 long messages), `file` (a transcript's name), `record` (the id of the line
that answers), `split` (dev, or unseen: by the question's hash, a third). The questions were written from stretches of
the messages, three quarters of them at a random depth, before any was searched. A message that says the same in another place counts as
wrong.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict
from math import log2
from pathlib import Path
from statistics import fmean
from typing import Any

import msgspec

from benchmarks import importing, transcripts
from benchmarks.measure import Progress
from benchmarks.report import Figure, Report
from benchmarks.running import Client, Options, Service, serving, settle, tables, wait_for_meaning
from service.model import ids

QUESTIONS = Path(__file__).parent / "data" / "long_messages.jsonl"
TITLE = "Long messages of real transcripts"
KINDS = ("hybrid", "fulltext", "semantic")
CUT = 10


class Question(msgspec.Struct, frozen=True):
    question: str
    kind: str
    file: str
    record: str
    split: str


def questions(*splits: str) -> list[Question]:
    """Those of the splits named."""
    read = (msgspec.json.decode(line, type=Question) for line in QUESTIONS.read_bytes().splitlines())
    return [each for each in read if each.split in splits]


def measure(options: Options, report: Report, *, splits: tuple[str, ...] = ("dev", "unseen")) -> None:
    """Import what the questions are about, ask them, and report recall and nDCG by split and kind."""
    if options.url or not transcripts.REAL.is_dir():
        report.note(
            f"{TITLE} left out: they need a service of their own, and the transcripts beside the project."
        )
        return
    with serving(options) as service:
        fill(service, quick=options.quick)
        answers = messages_of(service, [each.record for each in questions(*splits)])
        for split in splits:
            _report(report, split, {kind: ask(service.client(), kind, split, answers) for kind in KINDS})


def fill(service: Service, *, quick: bool) -> None:
    """Import the transcripts (quick: those that hold an answer) and wait until they are embedded."""
    client = service.client()
    wait_for_meaning(client)
    with tempfile.TemporaryDirectory(prefix="backscroll-bench-", dir="/tmp") as directory:
        environ = transcripts.homes(transcripts.REAL)
        names = {each.file for each in questions("dev", "unseen")}
        chosen = [
            str(path) for path in sorted(transcripts.REAL.rglob("*.jsonl")) if not quick or path.name in names
        ]
        importing.import_files(service, environ | {"HOME": directory}, chosen)
    settle(client, "embedding transcripts")


def messages_of(service: Service, records: list[str]) -> dict[str, set[str]]:
    """The ids of the messages that each record went into."""
    found: dict[str, set[str]] = defaultdict(set)
    with tables(service) as conn:
        for record, message in conn.execute(
            "select record_id, message_id from message_records where workspace_id = current_workspace() and record_id = any(%s)",
            [records],
        ):
            found[record].add(ids.message(message))
    return dict(found)


def ask(client: Client, kind: str, split: str, answers: dict[str, set[str]]) -> dict[str, float]:
    """recall@10 and nDCG@10 of one way to search, over all questions of a split and by kind."""
    asked = [each for each in questions(split) if each.record in answers]
    found: dict[str, list[float]] = defaultdict(list)
    progress = Progress(f"{TITLE}, {split}, {kind}", len(asked), "questions")
    for place, each in enumerate(asked, start=1):
        hits = client.search(each.question, type=kind, groupBy="message", limit=CUT)["results"]
        ranks = [rank for rank, hit in enumerate(hits) if hit["messageId"] in answers[each.record]]
        for name in ("all", each.kind):
            found[f"{name} recall@10"].append(float(bool(ranks)))
            found[f"{name} ndcg@10"].append(_gain(ranks))
        progress.at(place)
    return {name: fmean(values) for name, values in sorted(found.items())}


def _gain(ranks: list[int]) -> float:
    """nDCG where one message is relevant: what its place gives. Ranks from 0.

    >>> _gain([0]), _gain([])
    (1.0, 0.0)
    """
    return 1 / log2(ranks[0] + 2) if ranks else 0.0


def _report(report: Report, split: str, scores: dict[str, dict[str, float]]) -> None:
    for measure, value in scores["hybrid"].items():
        others = " and ".join(f"{kind} {scores[kind][measure]:.3f}" for kind in KINDS[1:])
        goals: dict[str, Any] = {"better": "higher", "unit": ""}
        report.add(Figure(what=f"{TITLE}, {split}: {measure}; {others}", values=[round(value, 4)], **goals))
    better = max(scores[kind]["all ndcg@10"] for kind in KINDS[1:])
    lead = round(scores["hybrid"]["all ndcg@10"] - better, 4)
    what = f"{TITLE}, {split}: hybrid's nDCG@10 less the better list's"
    report.add(Figure(what=what, values=[lead], unit="", must=-0.02, target=0.0, better="higher"))
