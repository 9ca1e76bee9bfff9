"""DeepEval: goldens for one turn, and conversational goldens. https://deepeval.com/docs/evaluation-datasets

Its loaders read `additional_metadata`; what stands under `metadata` they drop without a word.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from service.exports.formats.common import Json, with_metadata
from service.exports.model import Case, Said, calls_of


def golden(case: Case, metadata: bool) -> Json:
    record: Json = {
        "name": case.id,
        "input": case.input,
        "actual_output": case.output or None,
        "expected_output": case.expected or None,
        "context": [each.text for each in case.context if each.text and each.role != "tool"] or None,
        "retrieval_context": None,
        "tools_called": [
            {"name": call.name, "input_parameters": call.args, "output": result.text if result else None}
            for call, result in calls_of(case.answer)
        ],
    }
    return with_metadata(record, case, metadata, "additional_metadata")


def conversation(case: Case, metadata: bool) -> Json:
    """Only users and assistants speak: what the program said goes to `context`, a result to its call."""
    record: Json = {
        "name": case.id,
        "scenario": case.about.title or first_asked(case),
        "expected_outcome": case.expected or None,
        "context": [each.text for each in case.conversation if each.role == "system" and each.text] or None,
        "turns": list(turns(case)),
    }
    return with_metadata(record, case, metadata, "additional_metadata")


def first_asked(case: Case) -> str:
    return next((each.text for each in case.before if each.role == "user" and each.text), "")


def turns(case: Case) -> Iterator[Json]:
    """Neighbouring messages of one speaker are one turn: an answer is whole, with all its calls."""
    spoken = [each for each in case.conversation if each.role != "system"]
    for is_user, group in groupby(spoken, key=lambda each: each.role == "user"):
        yield turn("user" if is_user else "assistant", tuple(group))


def turn(role: str, said: tuple[Said, ...]) -> Json:
    found: Json = {
        "role": role,
        "content": "\n\n".join(each.text for each in said if each.role != "tool" and each.text),
    }
    called = [
        {"name": call.name, "inputParameters": call.args, "output": result.text if result else None}
        for call, result in calls_of(said)
    ]
    return found | ({"tools_called": called} if called else {})
