"""OpenAI: samples of evals, items of the Evals API, and examples for fine-tuning.

https://platform.openai.com/docs/api-reference/evals  https://platform.openai.com/docs/guides/fine-tuning
"""

from __future__ import annotations

from collections.abc import Sequence

import msgspec

from service.exports.formats.common import Json, openai_message, openai_messages, tools, with_metadata
from service.exports.model import Case, Said


def sample(case: Case, metadata: bool) -> Json:
    """What to ask with all that stands before, and the ideal answer: what a person expects, else what was answered."""
    record: Json = {"input": openai_messages(case.before), "ideal": case.expected or case.final}
    return with_metadata(record, case, metadata)


def item(case: Case, metadata: bool) -> Json:
    """A row of a file for the Evals API."""
    return {"item": sample(case, metadata)}


def example(case: Case, metadata: bool) -> Json:
    """A whole chat that ends with the assistant. Of one turn (`per_turn`) the answers before it are not trained on again.

    No place for metadata: the API refuses members that it does not know.
    """
    said = ended(case.conversation) if case.final else [*case.before, expected(case)]
    context = len(case.context) if case.mode == "per_turn" else 0
    messages: list[Json] = []
    for place, each in enumerate(said):
        if each.text or each.calls or each.role == "tool":
            message = openai_message(each)
            weighted = place < context and each.role == "assistant"
            messages.append(message | ({"weight": 0} if weighted else {}))
    found = tools(said)
    return {"messages": messages} | ({"tools": found, "parallel_tool_calls": True} if found else {})


def expected(case: Case) -> Said:
    """What should have been answered, where nothing was."""
    return Said(role="assistant", text=case.expected)


def ended(said: Sequence[Said]) -> list[Said]:
    """Up to the last words of the assistant: calls that nothing was said about any more are cut off.

    >>> [each.text for each in ended([Said(role="assistant", text="a"), Said(role="tool", text="b")])]
    ['a']
    """
    last = max(
        (place for place, each in enumerate(said) if each.role == "assistant" and each.text), default=-1
    )
    if last < 0:
        return list(said)
    return [*said[:last], msgspec.structs.replace(said[last], calls=())]
