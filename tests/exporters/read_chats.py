"""What Inspect, Hugging Face's datasets, LangSmith's schemas and OpenAI's types read of our forms, printed as JSON."""

import json
import sys
from pathlib import Path

import jsonschema
from datasets import load_dataset
from inspect_ai.dataset import json_dataset
from langsmith.schemas import ExampleCreate
from openai.types.chat import ChatCompletionMessageParam, ChatCompletionToolParam
from openai.types.eval_create_params import DataSourceConfigCustom
from openai.types.evals.create_eval_jsonl_run_data_source_param import SourceFileContentContent
from pydantic import ConfigDict, TypeAdapter, with_config

folder = Path(sys.argv[1])
cache = Path(sys.argv[2])
ITEM = {
    "type": "object",
    "properties": {"input": {"type": "array"}, "ideal": {"type": "string"}, "metadata": {"type": "object"}},
    "required": ["input", "ideal"],
    "additionalProperties": False,
}


def lines(name):
    with (folder / f"{name}.jsonl").open(encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def openai_said(messages):
    return [
        [
            each["role"],
            each.get("content") or "",
            [
                [c["function"]["name"], json.loads(c["function"]["arguments"])]
                for c in each.get("tool_calls") or ()
            ],
        ]
        for each in messages
    ]


def inspect_said(message):
    called = [[call.function, call.arguments] for call in getattr(message, "tool_calls", None) or ()]
    return [message.role, message.text, called]


def inspect():
    found = json_dataset(str(folder / "inspect.jsonl"))
    for sample in found:
        assert all(
            call.parse_error is None for m in sample.input for call in getattr(m, "tool_calls", None) or ()
        )
    return [
        {"id": sample.id, "said": [inspect_said(m) for m in sample.input], "target": sample.target}
        for sample in found
    ]


def langsmith():
    rows = lines("langsmith")
    made = [ExampleCreate(**row) for row in rows]
    return [
        {
            "id": each.metadata["id"],
            "said": openai_said(each.inputs["messages"]),
            "target": each.outputs["message"]["content"],
        }
        for each in made
    ]


def openai_types():
    messages, tools = (
        TypeAdapter(list[ChatCompletionMessageParam]),
        TypeAdapter(list[ChatCompletionToolParam]),
    )
    config = {"type": "custom", "item_schema": ITEM, "include_sample_schema": False}
    TypeAdapter(DataSourceConfigCustom).validate_python(config, strict=True)
    content = TypeAdapter(with_config(ConfigDict(extra="forbid"))(SourceFileContentContent))
    found = []
    for row, wrapped in zip(lines("openai"), lines("openai-evals"), strict=True):
        content.validate_python(wrapped)
        jsonschema.validate(wrapped["item"], ITEM)
        assert wrapped == {"item": row}
        messages.validate_python(row["input"])
        found.append({"id": row["metadata"]["id"], "said": openai_said(row["input"]), "target": row["ideal"]})
    tuned = []
    for row in lines("openai-finetune"):
        messages.validate_python([{k: v for k, v in m.items() if k != "weight"} for m in row["messages"]])
        tools.validate_python(row.get("tools", []))
        tuned.append(openai_said(row["messages"]))
    return found, tuned


def sharegpt():
    found = load_dataset(
        "json", data_files=str(folder / "sharegpt.jsonl"), cache_dir=str(cache), split="train"
    )
    return [
        {"id": row["id"], "said": [[each["from"], each["value"]] for each in row["conversations"]]}
        for row in found
    ]


def tuned_dataset():
    found = load_dataset(
        "json", data_files=str(folder / "openai-finetune.jsonl"), cache_dir=str(cache), split="train"
    )
    return [
        openai_said([m if isinstance(m, dict) else json.loads(m) for m in row["messages"]]) for row in found
    ]


def parquet():
    found = load_dataset(
        "parquet", data_files=str(folder / "parquet.parquet"), cache_dir=str(cache), split="train"
    )
    return [
        {
            "id": row["id"],
            "said": openai_said(
                [{**m, "tool_calls": json.loads(m["tool_calls"] or "[]")} for m in row["messages"]]
            ),
        }
        for row in found
    ]


samples, tuned = openai_types()
told = {
    "inspect": inspect(),
    "langsmith": langsmith(),
    "openai": samples,
    "finetune_types": tuned,
    "finetune_dataset": tuned_dataset(),
    "sharegpt": sharegpt(),
    "parquet": parquet(),
}
Path(sys.argv[3]).write_text(json.dumps(told))
