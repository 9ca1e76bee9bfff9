"""Ragas: samples of one turn and of several. https://docs.ragas.io/en/stable/concepts/components/eval_sample/"""

from __future__ import annotations

from service.exports.formats.common import Json
from service.exports.model import Case, Said, calls_of

TYPES = {"user": "human", "assistant": "ai", "tool": "tool"}


def single(case: Case, metadata: bool) -> Json:
    """What tools gave in this turn is what was retrieved. No place for metadata: unknown members are refused."""
    record: Json = {"user_input": case.input} | ({"response": case.output} if case.output else {})
    if found := [result.text for _, result in calls_of(case.answer) if result and result.text]:
        record["retrieved_contexts"] = found
    return record | ({"reference": case.expected} if case.expected else {})


def multi(case: Case, metadata: bool) -> Json:
    """A conversation; what the program said has no type there, and is kept as metadata of the message behind it."""
    messages: list[Json] = []
    notes: list[str] = []
    for each in case.conversation:
        if each.role == "system":
            notes.append(each.text)
        elif each.text or each.calls or each.role == "tool":
            messages.append(message(each) | ({"metadata": {"system": notes}} if notes else {}))
            notes = []
    called = [{"name": call.name, "args": call.args} for call, _ in calls_of(case.answer)]
    record: Json = {"user_input": messages, "reference_tool_calls": called or None}
    record["reference"] = case.expected or None
    return {name: value for name, value in record.items() if value is not None}


def message(said: Said) -> Json:
    found: Json = {"content": said.text, "type": TYPES[said.role]}
    if said.calls:
        found["tool_calls"] = [{"name": call.name, "args": call.args} for call in said.calls]
    return found
