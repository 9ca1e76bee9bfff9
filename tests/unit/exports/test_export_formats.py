"""Each format says what its readers' rules demand, of a conversation with calls, template marks and a thought."""

from __future__ import annotations

import json
from typing import Any, get_args

import msgspec
import pytest
from stored import ABOUT, call, result, row

from service.exports.duplicates import Duplicates
from service.exports.formats import FORMATS, FormatName
from service.exports.formats.promptfoo import plain
from service.exports.manifest import HEADER_BYTES, File, header, manifest
from service.exports.model import Case
from service.exports.tallying import Tally
from service.exports.turns import Wanted, build
from service.privacy.cleaning import Cleaner

ROWS = [
    row("system", "Be brief."),
    row("user", "Fix {{ it }}\n"),
    row("assistant", "Looking.", call("Bash", {"command": "ls", "n": 1}, "t1"), call("web.search", {"q": "é"}, "t2")),
    row("tool", None, result("a.ts", "t1")),
    row("assistant", "Fixed."),
    row("user", "And now?"),
    row("assistant", "Green.", call("Bash", {"command": "git push"}, "t3")),
]  # fmt: skip


def case(mode: Any = "full") -> Case:
    return build(ABOUT, ROWS, Wanted(mode=mode), ready=True, split="train").cases[-1]


def record(format: FormatName, mode: Any = "full") -> Any:
    return msgspec.json.decode(msgspec.json.encode(FORMATS[format].record(case(mode), True)))


def test_it_knows_every_format() -> None:
    """The table has each name that the API takes, and the command line shows the same."""
    from service.cli.evals import FORMATS as SHOWN

    assert tuple(FORMATS) == get_args(FormatName) == SHOWN


@pytest.mark.parametrize("format", FORMATS)
def test_it_writes_no_number_that_is_none(format: FormatName) -> None:
    """A record is plain JSON (RFC 8259): no NaN and no infinity, the same bytes each time."""
    first, again = (msgspec.json.encode(FORMATS[format].record(case(), True)) for _ in range(2))
    assert first == again
    json.loads(first, parse_constant=lambda name: pytest.fail(name))


def test_it_tells_deepeval_what_its_loader_reads() -> None:
    """Metadata under `additional_metadata`; calls with arguments and outputs."""
    golden = record("deepeval", "per_turn")
    assert (golden["input"], golden["actual_output"]) == ("And now?", "Green.")
    assert golden["context"] == ["Be brief.", "Fix {{ it }}\n", "Looking.", "Fixed."]
    assert golden["tools_called"] == [
        {"name": "Bash", "input_parameters": {"command": "git push"}, "output": ""}
    ]
    assert golden["additional_metadata"]["split"] == "train"
    turns = record("deepeval-conversational")["turns"]
    assert [(turn["role"], turn["content"]) for turn in turns] == [
        ("user", "Fix {{ it }}\n"),
        ("assistant", "Looking.\n\nFixed."),
        ("user", "And now?"),
        ("assistant", "Green."),
    ]
    assert [called["name"] for called in turns[1]["tools_called"]] == ["Bash", "web.search"]


def test_it_answers_every_call_of_an_example_for_training() -> None:
    """Each call has its message, the last one is the assistant's, names fit OpenAI's form, arguments are JSON text."""
    example = record("openai-finetune")
    messages = example["messages"]
    called = [call for message in messages for call in message.get("tool_calls", ())]
    answered = [message["tool_call_id"] for message in messages if message["role"] == "tool"]
    assert [call["id"] for call in called] == answered == ["t1", "t2"]
    assert [call["function"]["name"] for call in called] == ["Bash", "web_search"]
    assert json.loads(called[1]["function"]["arguments"]) == {"q": "é"}
    assert (messages[-1]["role"], messages[-1]["content"]) == ("assistant", "Green.")
    assert [tool["function"]["name"] for tool in example["tools"]] == ["Bash", "web_search"]
    weights = [
        m.get("weight") for m in record("openai-finetune", "per_turn")["messages"] if m["role"] == "assistant"
    ]
    assert weights == [0, 0, None]


def test_it_wraps_a_sample_for_the_evals_api() -> None:
    """A row of the Evals API is the sample as its item."""
    assert record("openai-evals") == {"item": record("openai")}
    assert record("openai")["ideal"] == "Green."


def test_it_lets_sides_take_turns_for_sharegpt() -> None:
    """Human and observation at even places, the model at odd ones, whatever a turn holds."""
    spoken = record("sharegpt")
    sides = [each["from"] for each in spoken["conversations"]]
    assert sides == [
        "human",
        *["function_call", "observation"] * 2,
        "gpt",
        "human",
        "function_call",
        "observation",
        "gpt",
    ]
    assert spoken["system"] == "Be brief."


def test_it_puts_tools_behind_the_model_for_ragas() -> None:
    """Only people, the model and tools speak; what the program said stays as metadata."""
    said = record("ragas-multi")["user_input"]
    assert [each["type"] for each in said] == ["human", "ai", "tool", "tool", "ai", "human", "ai", "tool"]
    assert said[0]["metadata"] == {"system": ["Be brief."]}
    assert record("ragas", "per_turn").keys() == {"user_input", "response"}


def test_it_gives_langsmith_the_same_id_each_time() -> None:
    """The id is made of the case's, so that the same case is updated there."""
    assert record("langsmith")["id"] == record("langsmith")["id"] != record("langsmith", "per_turn")["id"]
    assert record("langsmith")["split"] == "train"


@pytest.mark.parametrize("text", ["{{ a }}", "{% x %}", "{# c #}", "file://x.js", "end\n", "{{{a}}}", "#}"])
def test_it_leaves_promptfoo_no_template(text: str) -> None:
    """No variable, block or comment of the text's own is left, and no address at the beginning."""
    left = plain(text).replace("{{ '{' }}", "").replace("{{ '}' }}", "").replace("{{ '' }}", "")
    assert not any(mark in left for mark in ("{{", "{%", "{#", "#}"))
    assert not plain(text).startswith("file:")


def test_it_finds_questions_that_are_nearly_the_same() -> None:
    """A changed word in a long question is near, another question is not; in two splits it is a leak."""
    seen = Duplicates()
    question = " ".join(f"word{number} says {number * 7} things" for number in range(100))
    seen.add("a", question, "train")
    seen.add("b", question + " today", "test")
    seen.add("c", "Write the release notes of the version that we shipped yesterday, for people.", "train")
    assert (seen.count, seen.leaks) == (1, 1)
    assert (seen.pairs[0].first, seen.pairs[0].second) == ("a", "b")


def test_it_tells_a_manifest_that_fits_a_header() -> None:
    """However many files a set has, the header stays small, keeps the counts, and says what it leaves out."""
    files = [File(f"cases/s{number}.txt", 1000, "0" * 64, 1) for number in range(5000)]
    tally = Tally(sessions=5000, cases=5000)
    told, small = (
        json.loads(header(manifest("filesystem", tally, Cleaner(), some, filters={}, options={}, now_ms=0)))
        for some in (files, files[:1])
    )
    assert len(json.dumps(told)) <= HEADER_BYTES
    assert told["counts"]["testCases"] == 5000
    assert "files" in told["leftOut"]
    assert "leftOut" not in small
    assert small["files"][0]["bytes"] == 1000
