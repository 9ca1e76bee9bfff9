"""LangSmith: rows of a dataset of chats. https://docs.smith.langchain.com/reference/data_formats/dataset_json_types"""

from __future__ import annotations

import uuid

from service.exports.formats.common import Json, openai_messages, tools
from service.exports.formats.common import metadata as facts
from service.exports.model import Case

SPACE = uuid.uuid5(uuid.NAMESPACE_URL, "backscroll:langsmith")


def example(case: Case, metadata: bool) -> Json:
    """The same case has the same id each time, so that it is updated there and not doubled."""
    inputs: Json = {"messages": openai_messages(case.before)}
    if found := tools(case.before):
        inputs["tools"] = found
    answer = case.expected or case.final
    record: Json = {
        "id": str(uuid.uuid5(SPACE, case.id)),
        "inputs": inputs,
        "outputs": {"message": {"role": "assistant", "content": answer}},
    }
    if metadata:
        record["metadata"] = facts(case) | ({"actual_output": case.final} if case.expected else {})
    return record | ({"split": case.split} if case.split else {})
