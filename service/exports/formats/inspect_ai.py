"""Inspect: samples of `json_dataset`. https://inspect.aisi.org.uk/datasets.html"""

from __future__ import annotations

from service.exports.formats.common import Json, with_metadata
from service.exports.model import Case, Said


def sample(case: Case, metadata: bool) -> Json:
    """What to ask with all that stands before, calls and results as Inspect parses them, and the target."""
    record: Json = {
        "id": case.id,
        "input": [message(each) for each in case.before if each.text or each.calls or each.role == "tool"],
        "target": case.expected or case.final,
    }
    return with_metadata(record, case, metadata)


def message(said: Said) -> Json:
    found: Json = {"role": said.role, "content": said.text}
    if said.role == "tool":
        return found | {"tool_call_id": said.call_id, "function": said.tool_name}
    if said.calls:
        found["tool_calls"] = [
            {"id": call.id, "function": call.name, "arguments": call.args, "type": "function"}
            for call in said.calls
        ]
    return found
