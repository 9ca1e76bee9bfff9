"""The command line of eval sets, and the way back: what `export` wrote, `import` reads in another workspace."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner
from http_service import HttpService
from import_machine import CODE_OK, CODE_USAGE, Machine
from test_evals_api import plant

from service.cli import main

PASSING = ("id", "sessionId", "updatedAt", "cost", "costKnown")
"""What belongs to a database, or is worked out."""


@pytest.fixture
def machine(service: HttpService, tmp_path: Path) -> Machine:
    machine = Machine(service, tmp_path / "home")
    plant(machine.api, "one", "two")
    return machine


def whole(machine: Machine, name: str) -> Any:
    """A session as the API shows it, without what belongs to its workspace."""
    shown = machine.api.get("/api/sessions/get", params={"id": name}).json()
    session = {key: value for key, value in shown["session"].items() if key not in (*PASSING, "tags")}
    said = [{key: value for key, value in each.items() if key not in PASSING} for each in shown["messages"]]
    return session, said


def run(machine: Machine, *arguments: str) -> str:
    code, out, err = machine.run(*arguments)
    assert code == CODE_OK, err
    return out


def test_it_labels_previews_and_exports(machine: Machine, tmp_path: Path) -> None:
    """From a search to a file with its manifest beside it; a list counts, a preview warns."""
    out = tmp_path / "set.jsonl"
    assert "Labelled 1 sessions" in run(
        machine, "evals", "label", "one", "--ready", "--status", "golden", "--tag", "a"
    )
    assert "golden 1" in run(machine, "evals", "list", "--tool", "claude-code")
    assert "none" in run(machine, "evals", "list", "--project", "Acme, Inc")
    told = run(machine, "evals", "preview", "--status", "golden")
    assert "2 cases of 1 sessions" in told
    assert "! credentials: 1" in told
    run(machine, "evals", "export", "--format", "openai", "--redact", "--out", str(out))
    assert [json.loads(line)["metadata"]["id"] for line in out.read_text().splitlines()] == ["one:0", "one:1"]
    manifest = json.loads((tmp_path / "set.jsonl.manifest.json").read_text())
    assert manifest["redacted"] == {"github-token": 1}
    split = tmp_path / "split.zip"
    run(
        machine,
        "evals",
        "export",
        "--id",
        "one",
        "--id",
        "two",
        "--format",
        "sharegpt",
        "--split",
        "0.5,0.5",
        "--out",
        str(split),
    )
    assert split.read_bytes()[:2] == b"PK"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("evals", "label", "--ready"), "Say which"),
        (("evals", "label", "one"), "at least one label"),
        (("export", "one", "two", "--format", "csv"), "holds one session"),
    ],
)
def test_it_says_what_is_missing(arguments: tuple[str, ...], sentence: str) -> None:
    """Neither ids nor a search, no label, several sessions in a table: a sentence and code 2, before anything is asked."""
    done = CliRunner().invoke(main, arguments)
    assert done.exit_code == CODE_USAGE
    assert sentence in done.output


def test_it_says_that_nothing_is_marked(machine: Machine) -> None:
    """The service's own sentence, and code 1."""
    code, out, err = machine.run("evals", "export")
    assert (code, out, err) == (1, "", "No eval-ready sessions found\n")


def test_it_reads_its_own_export_back(machine: Machine, service: HttpService, tmp_path: Path) -> None:
    """All sessions as jsonl, imported elsewhere: sessions and messages are the same, ids, times, parts and texts; here
    nothing changes; raw lines are kept; again is nothing new."""
    file = tmp_path / "all.jsonl"
    run(machine, "export", "--out", str(file))
    other = Machine(service, tmp_path / "other")
    told = json.loads(run(other, "import", str(file), "--json"))
    assert told["errors"] == []
    for name in ("one", "two"):
        assert whole(other, name) == whole(machine, name)
    kept = service.rows(
        service.caller(other.api).workspace_id, "select sum(cardinality(offsets)) as n from raw_chunks"
    )
    assert kept[0]["n"] == 14
    before = whole(machine, "one")
    run(machine, "import", str(file))
    assert whole(machine, "one") == before
    assert machine.api.get("/api/stats").json()["sessionCount"] == 2


def test_it_reads_the_chat_form_back(machine: Machine, service: HttpService, tmp_path: Path) -> None:
    """Examples for OpenAI, imported as chats: roles, texts, and calls with arguments and results come back."""
    file = tmp_path / "chats.jsonl"
    run(
        machine,
        "evals",
        "export",
        "--id",
        "one",
        "--format",
        "openai-finetune",
        "--no-anonymize",
        "--out",
        str(file),
    )
    other = Machine(service, tmp_path / "other")
    run(other, "import", str(file))
    (session,) = other.api.get("/api/sessions").json()["sessions"]
    said = whole(other, session["externalId"])[1]
    assert [(each["role"], each.get("textContent", "")) for each in said] == [
        ("user", "Why does one loop?"), ("assistant", ""), ("tool", ""), ("assistant", "The cookie of one is Strict."),
        ("user", "Fix it"), ("assistant", "Done."),
    ]  # fmt: skip
    (called,), (given,) = said[1]["parts"], said[2]["parts"]
    assert json.loads(called["content"]["args"]) == {"path": "/home/ada_l/a.ts"}
    assert given["content"]["toolCallId"] == called["content"]["toolCallId"] == "t1"
