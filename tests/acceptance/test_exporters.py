"""Exports of the real transcripts, read by the libraries that they are for: what went in comes out.

Not in `make test`, which needs no network: `make test-exporters` makes the libraries' environments once (and Node's, where
there is Node 20) and runs it. What is expected is worked out here from the sessions as the API shows them, by other code
than the exporter's.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import pytest
from serve_process import COMMAND, new_home, serving

sys.path.insert(0, str(Path(__file__).parents[1] / "exporters"))
import environments

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "transcripts"
READERS = Path(environments.__file__).parent
FORMATS = {
    "deepeval": "json", "deepeval-conversational": "json", "openai": "jsonl", "openai-evals": "jsonl",
    "openai-finetune": "jsonl", "ragas": "jsonl", "ragas-multi": "jsonl", "promptfoo": "jsonl", "inspect": "jsonl",
    "langsmith": "jsonl", "sharegpt": "jsonl", "parquet": "parquet",
}  # fmt: skip
HOSTILE = "{{ 7*7 }} {% raw %}{{ env.HOME }}{% endraw %} {# c #} #} ${{ secrets.X }}\n"

pytestmark = pytest.mark.exporters

Said = tuple[str, str, list[Any]]
"""Role, text, calls as [name, arguments]."""


class Turn:
    def __init__(self) -> None:
        self.before: list[Said] = []
        self.asked: list[Said] = []
        self.answer: list[Said] = []

    @property
    def input(self) -> str:
        return joined(self.asked, "user")

    @property
    def output(self) -> str:
        return joined(self.answer, "assistant")

    @property
    def calls(self) -> list[Any]:
        return [call for _, _, calls in self.answer for call in calls]


class Exported:
    """The files of all formats, and the turns that have an answer, by the ids of their cases."""

    def __init__(self, folder: Path, sessions: dict[str, list[Said]]) -> None:
        self.folder = folder
        self.sessions = {name: turns(said) for name, said in sessions.items()}
        self.cases = {
            f"{name}:{number}": turn
            for name, found in self.sessions.items()
            for number, turn in enumerate(found)
            if turn.output.strip() and turn.input.strip()
        }
        self.whole = {
            f"{name}:0": answered[-1]
            for name, found in self.sessions.items()
            if (answered := [turn for turn in found if turn.output.strip()])
        }

    def read(self, environment: str, script: str, *more: Path) -> str:
        try:
            return environments.read(environment, READERS / script, self.folder, *more)
        except environments.Missing as why:
            pytest.skip(str(why))


def joined(said: list[Said], role: str) -> str:
    return "\n\n".join(text for who, text, _ in said if who == role and text)


def spoken(messages: list[dict[str, Any]]) -> list[Said]:
    """What users, assistants and the program said, without results."""
    found: list[Said] = []
    for message in messages:
        parts = message["parts"]
        calls = [
            [p["content"]["toolName"], arguments(p["content"])] for p in parts if p["type"] == "tool-call"
        ]
        thought = any(p["type"] == "reasoning" and p["content"]["text"] for p in parts)
        role = "assistant" if calls else message["role"]
        text = message.get("textContent", "")
        if role != "tool" and (text or calls or thought):
            found.append((role, text, calls))
    return found


def arguments(call: dict[str, Any]) -> dict[str, Any]:
    """As an object: some tools keep the model's JSON as a text, and some take a plain text."""
    args = call.get("args", {})
    if isinstance(args, dict):
        return args
    with suppress(ValueError):
        if isinstance(args, str) and isinstance(json.loads(args), dict):
            return dict(json.loads(args))
    return {"input": args}


def turns(said: list[Said]) -> list[Turn]:
    first = next((place for place, each in enumerate(said) if each[0] == "user"), None)
    if first is None:
        return []
    found = [Turn()]
    found[0].before = said[:first]
    for each in said[first:]:
        if each[0] == "user" and any(role == "assistant" for role, _, _ in found[-1].answer):
            following = Turn()
            following.before = found[-1].before + found[-1].asked + found[-1].answer
            found.append(following)
        place = found[-1].asked if each[0] != "assistant" and not found[-1].answer else found[-1].answer
        place.append(each)
    return found


@pytest.fixture(scope="module")
def exported(tmp_path_factory: pytest.TempPathFactory) -> Exported:
    """A fresh service with the real transcripts and one session of template marks, all of it exported."""
    if not SHARED.exists():
        pytest.skip("the real transcripts lie beside the project, in ../shared/data/transcripts")
    folder = tmp_path_factory.mktemp("exported")
    with new_home() as home, serving(home) as served, served.api() as api:
        api.timeout = httpx.Timeout(300)
        places = [str(SHARED / "claude-home"), str(SHARED / "codex-home")]
        subprocess.run([*COMMAND, "import", *places], env=served.environ, check=True, capture_output=True)
        plant(api)
        for name, ending in FORMATS.items():
            (folder / f"{name}.{ending}").write_bytes(export(api, name))
        sessions = {}
        for listed in api.get("/api/sessions", params={"limit": 1000}).json()["sessions"]:
            answer = api.get("/api/sessions/get", params={"id": listed["id"]}).json()
            sessions[listed["externalId"]] = spoken(answer["messages"])
    return Exported(folder, sessions)


def plant(api: httpx.Client) -> None:
    texts = [("user", HOSTILE), ("assistant", HOSTILE), ("user", "file:///etc/passwd"), ("assistant", "No.")]
    messages = [
        {"sessionExternalId": "hostile", "externalId": str(n), "role": role, "textContent": text, "createdAt": 10**12 + n}
        for n, (role, text) in enumerate(texts)
    ]  # fmt: skip
    sent = api.post("/sync/batch", json={"sessions": [{"externalId": "hostile"}], "messages": messages})
    assert sent.json()["errors"] == []
    labelled = api.post("/api/evals/labels", json={"filter": {}, "set": {"evalReady": True}})
    assert labelled.status_code == 200, labelled.text


def export(api: httpx.Client, format: str) -> bytes:
    answer = api.get("/api/export/evals", params={"format": format, "anonymize": "false"})
    assert answer.status_code == 200, answer.text
    return answer.content


def of(said: list[Any]) -> list[Said]:
    """What a library read, without results."""
    return [(role, text, calls) for role, text, calls in said if role != "tool"]


def told(said: list[Said], *, system: bool = True) -> list[Said]:
    """What chat formats say of it: no message that only thought."""
    return [each for each in said if (each[1] or each[2]) and (system or each[0] != "system")]


@pytest.fixture(scope="module")
def chats(exported: Exported) -> dict[str, Any]:
    out = exported.folder / "chats.out"
    exported.read("main", "read_chats.py", exported.folder / "hf", out)
    found: dict[str, Any] = json.loads(out.read_text())
    return found


def test_it_is_read_by_deepeval(exported: Exported) -> None:
    """Goldens and test cases have each turn's input, whole answer and calls with arguments; conversations every turn."""
    found = json.loads(exported.read("main", "read_deepeval.py"))
    assert {each["id"] for each in found["goldens"]} == set(exported.cases)
    assert len(found["test_cases"]) == len(exported.cases)
    for each in found["goldens"]:
        turn = exported.cases[each["id"]]
        assert (each["input"], each["output"]) == (turn.input, turn.output)
        assert [call[:2] for call in each["calls"]] == turn.calls
    assert [(c["input"], c["output"], c["calls"]) for c in found["test_cases"]] == [
        (g["input"], g["output"], g["calls"]) for g in found["goldens"]
    ]
    assert {each["id"] for each in found["conversations"]} == set(exported.whole)
    for each in found["conversations"]:
        last = exported.whole[each["id"]]
        everything = told(last.before + last.asked + last.answer, system=False)
        for role in ("user", "assistant"):
            read = "\n\n".join(text for who, text, _ in each["turns"] if who == role and text)
            assert read == joined(everything, role)
        called = [call[:2] for _, _, calls in each["turns"] for call in calls]
        assert called == [call for _, _, calls in everything for call in calls]


@pytest.mark.parametrize("format", ["inspect", "langsmith", "openai"])
def test_it_is_read_as_what_to_ask_and_the_answer(
    exported: Exported, chats: dict[str, Any], format: str
) -> None:
    """Inspect, LangSmith's schemas and OpenAI's types read each turn's context with its calls, and the target."""
    assert {each["id"] for each in chats[format]} == set(exported.cases)
    for each in chats[format]:
        turn = exported.cases[each["id"]]
        assert of(each["said"]) == told(turn.before + turn.asked)
        assert each["target"] == turn.output


@pytest.mark.parametrize("format", ["finetune_types", "finetune_dataset"])
def test_it_is_read_as_examples_for_training(exported: Exported, chats: dict[str, Any], format: str) -> None:
    """OpenAI's types and Hugging Face's datasets read whole chats that end with the assistant's words."""
    assert len(chats[format]) == len(exported.whole)
    by_text = {json.dumps(told_of(turn)): turn for turn in exported.whole.values()}
    for said in chats[format]:
        assert (said[-1][0], bool(said[-1][1])) == ("assistant", True)
        assert json.dumps(of(said)) in by_text


def told_of(turn: Turn) -> list[Said]:
    """A chat up to the last words; calls that nothing was said about any more are not in it."""
    said = told(turn.before + turn.asked + turn.answer)
    last = max(place for place, each in enumerate(said) if each[0] == "assistant" and each[1])
    return [*said[:last], (said[last][0], said[last][1], [])]


def test_it_is_read_as_parquet(exported: Exported, chats: dict[str, Any]) -> None:
    """Hugging Face's datasets reads every message of a session from Parquet."""
    assert {each["id"] for each in chats["parquet"]} == set(exported.whole)
    for each in chats["parquet"]:
        last = exported.whole[each["id"]]
        assert told(of(each["said"])) == told(last.before + last.asked + last.answer)


def test_it_is_read_as_sharegpt(exported: Exported, chats: dict[str, Any]) -> None:
    """Sides take turns strictly; texts and calls of both sides are all there."""
    for each in chats["sharegpt"]:
        last = exported.whole[each["id"]]
        everything = told(last.asked if not last.before else last.before + last.asked, system=False)
        everything += told(last.answer, system=False)
        sides = [who in ("human", "observation") for who, _ in each["said"]]
        assert sides == [place % 2 == 0 for place in range(len(sides))]
        for who, role in (("human", "user"), ("gpt", "assistant")):
            read = "\n\n".join(value for side, value in each["said"] if side == who and value)
            assert read == joined(everything, role)
        called = [json.loads(value) for side, value in each["said"] if side == "function_call"]
        assert [[call["name"], call["arguments"]] for call in called] == [
            call for _, _, calls in everything for call in calls
        ]


def test_it_is_read_by_ragas(exported: Exported) -> None:
    """Samples of one turn have input and whole answer; those of several every message with its calls."""
    found = json.loads(exported.read("ragas", "read_ragas.py"))
    wanted = sorted((turn.input, turn.output) for turn in exported.cases.values())
    assert sorted((each["input"], each["output"]) for each in found["single"]) == wanted
    whole = [told(t.before + t.asked + t.answer, system=False) for t in exported.whole.values()]
    assert sorted(json.dumps(of(said)) for said in found["multi"]) == sorted(map(json.dumps, whole))


def test_it_is_rendered_as_itself_by_promptfoo(exported: Exported, tmp_path: Path) -> None:
    """The provider `echo` gives back each input byte for byte, template marks, addresses and last newlines included."""
    exported.read("promptfoo", "read_promptfoo.mjs", tmp_path / "out")
    found = json.loads((tmp_path / "out").read_text())
    assert {each["id"]: each["said"] for each in found} == {
        id: turn.input for id, turn in exported.cases.items()
    }
    assert HOSTILE in [each["said"] for each in found]
    assert all(each["success"] for each in found)
