"""What a set holds, what was left out and why, and what to look at before it is used: counted case by case."""

from __future__ import annotations

from collections import Counter

import msgspec

from service.exports.duplicates import Duplicates
from service.exports.model import About, Case
from service.exports.turns import NO_ANSWER, Built

EXAMPLES = 3
ADVICE = {
    "tool calls without a result": "Calls whose result was never recorded; formats show an empty one.",
    "tool results without a call": "Results of calls that are not in their session are left out.",
    "images and files left out": "Formats here hold text only.",
    NO_ANSWER: "Turns that nobody answered in words give no case.",
    "near-duplicates": "Cases that ask nearly what an earlier one asks.",
    "leaks between splits": "Cases that ask nearly the same stand in different parts of the set.",
    "credentials": "Texts hold what looks like credentials: export with redact=true.",
    "long inputs": "Cases whose input is longer than 100,000 characters.",
}
LONG_CHARS = 100_000


class Warned(msgspec.Struct):
    """`what` is wrong `count` times; `examples` are ids of cases or sessions."""

    what: str
    count: int
    message: str
    examples: list[str] = []


class Tally(msgspec.Struct):
    """Of a set, while it is made."""

    sessions: int = 0
    cases: int = 0
    skipped_sessions: int = 0
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    by_source: Counter[str] = msgspec.field(default_factory=Counter)
    by_model: Counter[str] = msgspec.field(default_factory=Counter)
    by_status: Counter[str] = msgspec.field(default_factory=Counter)
    by_split: Counter[str] = msgspec.field(default_factory=Counter)
    warned: Counter[str] = msgspec.field(default_factory=Counter)
    examples: dict[str, list[str]] = {}
    duplicates: Duplicates = msgspec.field(default_factory=Duplicates)

    def add(self, about: About, built: Built) -> None:
        """Count a session with its cases."""
        self.skipped += built.skipped
        for what, count in (built.warned + built.skipped).items():
            self.warn(what, about.name, count)
        if not built.cases:
            self.skipped_sessions += 1
            return
        self.sessions += 1
        self.by_source[about.source] += 1
        self.by_model[about.model or "unknown"] += 1
        self.by_status[about.status or "unset"] += 1
        for case in built.cases:
            self._case(case)

    def _case(self, case: Case) -> None:
        self.cases += 1
        if case.split:
            self.by_split[case.split] += 1
        if len(case.input) > LONG_CHARS:
            self.warn("long inputs", case.id)
        self.duplicates.add(case.id, case.input, case.split)

    def tell_secrets(self, found: Counter[str]) -> None:
        """Credentials in texts that are not to be cut out of them."""
        self.warned["credentials"] += found.total()
        self.examples["credentials"] = sorted(found)[:EXAMPLES]

    def warn(self, what: str, id: str, count: int = 1) -> None:
        self.warned[what] += count
        examples = self.examples.setdefault(what, [])
        if len(examples) < EXAMPLES and id not in examples:
            examples.append(id)

    @property
    def warnings(self) -> list[Warned]:
        """What is worth a look, in a fixed order."""
        counts = Counter(self.warned)
        counts["near-duplicates"], counts["leaks between splits"] = (
            self.duplicates.count,
            self.duplicates.leaks,
        )
        twins = self.duplicates.pairs
        examples = self.examples | {
            "near-duplicates": [each.second for each in twins][:EXAMPLES],
            "leaks between splits": [each.second for each in twins if each.leaks][:EXAMPLES],
        }
        return [
            Warned(what, counts[what], message, examples.get(what, []))
            for what, message in ADVICE.items()
            if counts[what]
        ]
