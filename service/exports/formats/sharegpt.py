"""ShareGPT, as LLaMA-Factory reads it: sides take turns strictly. https://llamafactory.readthedocs.io/en/latest/getting_started/data_preparation.html

Rule: a turn is a person's words, then each call with what it gave, then all that the assistant said in one piece.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

import msgspec

from service.exports.formats.common import Json, tools
from service.exports.model import Case, Said, calls_of, texts


def conversation(case: Case, metadata: bool) -> Json:
    """What the program said is the system's text. No place for metadata beside the id."""
    record: Json = {"id": case.id, "conversations": list(spoken(case.conversation))}
    if told := texts(case.conversation, "system"):
        record["system"] = told
    if found := tools(case.conversation):
        record["tools"] = msgspec.json.encode([each["function"] for each in found]).decode()
    return record


def spoken(said: tuple[Said, ...]) -> Iterator[Json]:
    """From the first words of a person on."""
    first = next((place for place, each in enumerate(said) if each.role == "user"), 0)
    others = [each for each in said[first:] if each.role != "system"]
    for is_user, group in groupby(others, key=lambda each: each.role == "user"):
        found = tuple(group)
        if is_user:
            yield {"from": "human", "value": texts(found, "user")}
            continue
        for call, result in calls_of(found):
            value = msgspec.json.encode({"name": call.name, "arguments": call.args}).decode()
            yield {"from": "function_call", "value": value}
            yield {"from": "observation", "value": result.text if result else ""}
        yield {"from": "gpt", "value": texts(found, "assistant")}
