"""What was said, as cases: one a turn, one a session, or a session's last turn.

Rule: a turn begins where a person speaks after somebody else has answered, and holds everything until the next one: all
rows into which a client split an answer are one answer. Ordinals count turns of the session as it is stored, so that the
id of a case stays the same whatever is left out, skipped or labelled.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec

from service.exports.model import About, Case, Said, Turn, TurnMode, texts
from service.exports.reading import Row, read
from service.exports.scrubbing import Scrub
from service.privacy.cleaning import Cleaner

OFF = Cleaner()
NO_TURN = "nobody asks anything"
NO_INPUT = "a turn asks without a word"
NO_ANSWER = "no answer text"
NOT_MARKED = "only single turns are marked"


class Wanted(msgspec.Struct, frozen=True, kw_only=True):
    """What of a session goes into a set."""

    mode: TurnMode = "per_turn"
    tools: bool = True
    system: bool = True
    statuses: frozenset[str] = frozenset()
    """Only cases with one of these statuses; empty: any."""
    tags: frozenset[str] = frozenset()
    models: frozenset[str] = frozenset()
    messages: frozenset[int] | None = None
    """Only turns with one of these messages; None: those of the session that its labels allow."""


class Built(msgspec.Struct):
    """The cases of a session, what was left out of them and why, and what is worth a warning."""

    cases: list[Case] = []
    skipped: Counter[str] = msgspec.field(default_factory=Counter)
    warned: Counter[str] = msgspec.field(default_factory=Counter)


def build(
    about: About, rows: Sequence[Row], wanted: Wanted, *, ready: bool, split: str = "", cleaner: Cleaner = OFF
) -> Built:
    """The cases of one session. `rows`: its messages in order; `ready`: the session itself is marked (or asked for)."""
    found = read(rows)
    labels: dict[int, Row] = {row["id"]: row for row in rows}
    if cleaner:
        scrub = Scrub(cleaner, about, found.said)
        found.said, about = [scrub.said(each) for each in found.said], scrub.about(about)
        clean = {id: scrub.text(row["expected_output"] or "") for id, row in labels.items()}
        labels = {id: {**row, "expected_output": clean[id]} for id, row in labels.items()}
    turns = list(turns_of(found.said))
    built = Built(warned=warnings(found.lost_results, found.media))
    chosen = [turn for turn in turns if is_wanted(turn, labels, wanted, ready=ready)]
    if not turns:
        built.skipped[NO_TURN] += 1
    if wanted.mode != "per_turn":
        if chosen and wanted.messages is None and not ready:
            built.skipped[NOT_MARKED] += 1
            return built
        chosen = last_answered(chosen)
    before = 0
    for turn in chosen:
        last = turn is turns[-1] or wanted.mode != "per_turn"
        # What is expected of a session is expected of its end.
        expected = label(turn, labels, "expected_output") or (about.expected if last else "")
        if (reason := flaw(turn, expected)) is not None:
            built.skipped[reason] += 1
            continue
        context = told_before(turns, found.said, turn)
        case = case_of(about, turn, context, labels, wanted, expected=expected, split=split)
        if not fits(case, wanted):
            continue
        built.cases.append(case)
        before = warn_of_calls(built, case, seen=before)
    return built


def warnings(lost_results: int, media: int) -> Counter[str]:
    found = {"tool results without a call": lost_results, "images and files left out": media}
    return Counter({what: count for what, count in found.items() if count})


def turns_of(said: Sequence[Said]) -> Iterator[Turn]:
    """
    >>> [t.ordinal for t in turns_of([Said(role="user", text="a"), Said(role="assistant"), Said(role="user", text="b")])]
    [0, 1]
    """
    first = next((place for place, each in enumerate(said) if each.role == "user"), len(said))
    asked: list[Said] = []
    answer: list[Said] = []
    ordinal = 0
    for each in said[first:]:
        if each.role == "user" and answer:
            yield turn_of(ordinal, asked, answer)
            ordinal, asked, answer = ordinal + 1, [], []
        (answer if answer or each.role in ("assistant", "tool") else asked).append(each)
    if asked:
        yield turn_of(ordinal, asked, answer)


def turn_of(ordinal: int, asked: list[Said], answer: list[Said]) -> Turn:
    ids = dict.fromkeys(each.message_id for each in (*asked, *answer))
    return Turn(ordinal=ordinal, asked=tuple(asked), answer=tuple(answer), message_ids=tuple(ids))


def is_wanted(turn: Turn, labels: Mapping[int, Row], wanted: Wanted, *, ready: bool) -> bool:
    """By the messages that were asked for; else by labels, a message's own before its session's."""
    if wanted.messages is not None:
        return not wanted.messages.isdisjoint(turn.message_ids)
    marks = {labels[id].get("eval_ready") for id in turn.message_ids if id in labels}
    return True in marks or (ready and False not in marks)


def last_answered(turns: Sequence[Turn]) -> list[Turn]:
    """The last turn that has an answer, else the last; what comes behind it is no part of a set."""
    answered = [turn for turn in turns if texts(turn.answer, "assistant").strip()]
    return (answered or list(turns))[-1:]


def flaw(turn: Turn, expected: str) -> str | None:
    """Why a turn gives no case. One without an answer does where somebody wrote what is expected."""
    if not texts(turn.asked, "user").strip():
        return NO_INPUT
    if not texts(turn.answer, "assistant").strip() and not expected:
        return NO_ANSWER
    return None


def fits(case: Case, wanted: Wanted) -> bool:
    """A label of a single turn counts for that turn, not for its neighbours."""
    return (
        (not wanted.statuses or (case.status or "unset") in wanted.statuses)
        and (not wanted.tags or not wanted.tags.isdisjoint(case.tags))
        and (not wanted.models or case.model in wanted.models or case.about.model in wanted.models)
    )


def told_before(turns: Sequence[Turn], said: Sequence[Said], turn: Turn) -> tuple[Said, ...]:
    """What stands before a turn, with what was said before anybody asked."""
    counted = sum(len(each.asked) + len(each.answer) for each in turns)
    opening = said[: len(said) - counted]
    earlier = (each for before in turns[: turn.ordinal] for each in before.asked + before.answer)
    return (*opening, *earlier)


def label(turn: Turn, labels: Mapping[int, Row], name: str) -> Any:
    """What a label of the turn's messages says, the latest first."""
    return next((labels[id][name] for id in reversed(turn.message_ids) if labels[id].get(name)), None)


def case_of(
    about: About, turn: Turn, context: tuple[Said, ...], labels: Mapping[int, Row], wanted: Wanted, *,
    expected: str, split: str,
) -> Case:  # fmt: skip
    rows = [labels[id] for id in turn.message_ids if id in labels]
    answers = [row for row in rows if row["role"] == "assistant"]
    costs = [row["cost_usd"] for row in answers if row["cost_usd"] is not None]
    ordinal = 0 if wanted.mode == "full" else turn.ordinal
    return Case(
        id=f"{about.name}:{ordinal}",
        about=about,
        mode=wanted.mode,
        ordinal=ordinal,
        context=kept(context, wanted),
        asked=kept(turn.asked, wanted),
        answer=kept(turn.answer, wanted),
        expected=expected,
        status=label(turn, labels, "eval_status") or about.status,
        tags=tuple(sorted({*about.tags, *(tag for row in rows for tag in row.get("tags") or ())})),
        model=next((row["model"] for row in reversed(answers) if row["model"]), "") or about.model,
        created_at_ms=round(rows[0]["created_at"].timestamp() * 1000) if rows else about.created_at_ms,
        prompt_tokens=sum(row["prompt_tokens"] or 0 for row in rows),
        completion_tokens=sum(row["completion_tokens"] or 0 for row in rows),
        cost_usd=round(float(sum(costs)), 6) if costs else None,
        duration_ms=sum(row["duration_ms"] or 0 for row in answers) or None,
        split=split,
    )


def kept(said: tuple[Said, ...], wanted: Wanted) -> tuple[Said, ...]:
    """Without what is not wanted; an assistant's message that only called goes with its calls."""
    found = (each for each in said if wanted.system or each.role != "system")
    if wanted.tools:
        return tuple(found)
    bare = (msgspec.structs.replace(each, calls=()) for each in found if each.role != "tool")
    return tuple(each for each in bare if each.text or each.role != "assistant")


def warn_of_calls(built: Built, case: Case, *, seen: int) -> int:
    """Count calls without a result, each once; how many were seen by now."""
    unanswered = sum(not each.answered for each in case.conversation)
    if unanswered > seen:
        built.warned["tool calls without a result"] += unanswered - seen
    return max(seen, unanswered)
