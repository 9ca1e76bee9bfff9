"""`backscroll import` and `sources`: real files, a real service, our command in a process of its own."""

from __future__ import annotations

import json
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from gateway import Gateway, gateway
from http_service import HttpService
from import_machine import CODE_OK, CODE_UNREACHABLE, CODE_USAGE, END_S, SESSION, Machine, prompts, said
from serve_process import Serve

SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "transcripts"


@pytest.fixture
def machine(service: HttpService, tmp_path: Path) -> Iterator[Machine]:
    made = Machine(service, tmp_path)
    yield made
    made.api.close()


def test_it_imports_once(machine: Machine) -> None:
    """Everything in the usual places arrives; a second run brings zeros."""
    machine.say(*range(30))
    first = machine.read()
    assert (first["newFiles"], first["newSessions"], first["newMessages"]) == (1, 1, 30)
    assert machine.texts() == prompts(30)
    second = machine.read()
    assert (second["unchangedFiles"], second["messages"], second["newMessages"]) == (1, 0, 0)


def test_it_brings_what_was_added(machine: Machine) -> None:
    """A file that grew is read on, also from the middle of a line."""
    machine.say(0, 1)
    machine.read()
    line = said(3)
    machine.say(2)
    with machine.transcript.open("ab") as file:
        file.write(line[:50])
    assert machine.read()["newMessages"] == 1
    with machine.transcript.open("ab") as file:
        file.write(line[50:])
    assert machine.read()["newMessages"] == 1
    assert machine.texts() == prompts(4)


def test_it_meets_a_copy_on_another_machine(machine: Machine, tmp_path: Path) -> None:
    """The same session from another place, and from a file that was rewritten, is not stored twice."""
    machine.say(*range(5))
    machine.read()
    copy = tmp_path / "from-the-laptop.jsonl"
    copy.write_bytes(machine.transcript.read_bytes())
    assert machine.read(str(copy))["newMessages"] == 0
    machine.transcript.write_bytes(b"".join(map(said, range(3))))
    assert machine.read()["newMessages"] == 0
    assert machine.texts() == prompts(5)


def test_it_shows_a_table(machine: Machine) -> None:
    """A person reads counts by source, and why lines were left out."""
    machine.say(0)
    with machine.transcript.open("ab") as file:
        file.write(b"half a record\n")
    code, out, err = machine.run("import")
    assert (code, err) == (CODE_OK, "")
    assert "claude-code" in out
    assert "1 new" in out
    assert "1 line left out: not valid JSON" in out


def test_it_sends_nothing_in_a_dry_run(machine: Machine) -> None:
    """A dry run counts what would be read, with a service and without."""
    machine.say(*range(3))
    assert machine.read("--dry-run")["messages"] == 3
    assert machine.texts() == []
    alone = machine.read("--dry-run", BACKSCROLL_URL="http://127.0.0.1:1")
    assert (alone["messages"], alone["newFiles"]) == (3, 1)
    machine.read()
    assert machine.read("--dry-run")["unchangedFiles"] == 1


def test_it_takes_one_tool_by_any_of_its_names(machine: Machine) -> None:
    """--source narrows to a tool; one that is not known is told, with those that are."""
    machine.say(0)
    assert machine.read("--source", "claude", "--dry-run")["messages"] == 1
    assert machine.read("--source", "codex-cli", "--dry-run") == {}
    code, _, err = machine.run("import", "--source", "abacus")
    assert code == CODE_USAGE
    assert "claude-code" in err
    assert err.count("\n") == 1


def test_it_refuses_a_path_that_leads_nowhere(machine: Machine) -> None:
    """A misspelt path is told, and nothing is read."""
    code, _, err = machine.run("import", str(machine.root / "gone"))
    assert (code, err) == (CODE_USAGE, f"{machine.root / 'gone'}: there is no such file or folder.\n")


def test_it_ends_with_a_fault_where_a_named_file_brings_nothing(machine: Machine, tmp_path: Path) -> None:
    """A script can tell that what it named was not read; the sentence says why, and looks nowhere else."""
    plain = tmp_path / "plain.txt"
    plain.write_text("no transcript\n")
    code, out, _ = machine.run("import", str(plain))
    assert code not in (CODE_OK, CODE_USAGE)
    assert out.splitlines()[0] == "No transcripts were found there."
    assert "--source names it" in out
    code, _, err = machine.run("import", "")
    assert (code, err) == (CODE_USAGE, "'': there is no such file or folder.\n")


def test_it_says_that_a_key_or_an_address_is_none(machine: Machine) -> None:
    """What came out of a file with its line's end is taken; what no key or address can be is named, and not taken for
    a service that is away."""
    machine.say(0)
    for key, value in (
        ("BACKSCROLL_API_KEY", "osk_\u00e9"),
        ("BACKSCROLL_API_KEY", "two words"),
        ("BACKSCROLL_URL", "ftp://x"),
    ):
        code, _, err = machine.run("import", **{key: value})
        assert (code, err.count("\n")) == (CODE_USAGE, 1)
        assert key in err
        assert value not in err
    key = machine.api.headers["authorization"].removeprefix("Bearer ")
    assert machine.run("import", BACKSCROLL_API_KEY=f"{key}\r\n")[0] == CODE_OK


def test_it_makes_sure_of_the_workspace(machine: Machine) -> None:
    """A key of another workspace than --workspace names is refused before anything is sent."""
    machine.say(0)
    name = machine.api.get("/api/import/files").json()["workspace"]
    assert machine.read("--workspace", name)["newMessages"] == 1
    code, _, err = machine.run("import", "--workspace", "other")
    assert code == CODE_USAGE
    assert name in err
    assert "BACKSCROLL_API_KEY" in err


def test_it_brings_back_what_was_deleted_only_when_asked(machine: Machine) -> None:
    """A session that was deleted stays away, also when its file grows, until --restore."""
    machine.say(0, 1)
    machine.read()
    id = machine.api.get("/api/sessions/get", params={"id": SESSION}).json()["session"]["id"]
    machine.api.delete(f"/api/sessions/{id}")
    machine.say(2)
    assert machine.read()["newMessages"] == 0
    assert machine.texts() == []
    assert machine.read("--restore")["newMessages"] == 3
    assert machine.texts() == prompts(3)


def test_it_says_what_to_do_without_a_service(machine: Machine) -> None:
    """No service is one sentence and exit code 4."""
    machine.say(0)
    code, out, err = machine.run("import", BACKSCROLL_URL="http://127.0.0.1:1")
    assert (code, out) == (CODE_UNREACHABLE, "")
    assert "backscroll serve" in err


@pytest.fixture
def between(machine: Machine) -> Iterator[Gateway]:
    """What stands between the machine's command and the service."""
    with gateway(machine.service.url) as (passing, url):
        machine.environ["BACKSCROLL_URL"] = url
        yield passing


MANY = 2500
"""Messages for several requests."""


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGKILL])
def test_it_goes_on_after_a_cut(machine: Machine, between: Gateway, end: signal.Signals) -> None:
    """Stopped or killed in the midst of a file, the next run sends the rest alone, and all is there once."""
    machine.say(*range(MANY))
    between.hold(3)
    process = machine.start("import")
    assert between.arrived.wait(END_S)
    process.send_signal(end)
    between.go_on.set()
    _, err = process.communicate(timeout=END_S)
    assert process.returncode != CODE_OK
    assert (end == signal.SIGKILL) or "goes on from there" in err
    kept = len(machine.texts())
    assert 0 < kept < MANY
    between.before = lambda number: True
    rest = machine.read()
    assert rest["messages"] <= MANY - kept + 100
    assert rest["newMessages"] == MANY - kept
    assert machine.texts() == prompts(MANY)
    assert machine.read()["messages"] == 0


def test_it_waits_for_a_service_that_is_away(machine: Machine, between: Gateway) -> None:
    """A connection that is cut, and 503 with Retry-After, are tried again, and all arrives once."""
    machine.say(*range(MANY))
    away: dict[int, Any] = {2: None, 3: (503, {"Retry-After": "1"}), 4: (429, {"Retry-After": "0"})}
    between.before = lambda number: away.pop(number) if number in away else True
    assert machine.read()["newMessages"] == MANY
    assert away == {}
    assert machine.texts() == prompts(MANY)


def test_it_sends_smaller_requests_where_a_service_asks_for_them(machine: Machine, between: Gateway) -> None:
    """A batch that is too large as a whole is sent in halves."""
    machine.say(*range(100))
    between.before = lambda number: (413, {}) if number <= 2 else True
    assert machine.read()["newMessages"] == 100
    assert machine.texts() == prompts(100)


def test_it_lists_what_lies_here(machine: Machine) -> None:
    """Each tool with its places, what was found, what waits, and when it was last read."""
    machine.say(*range(4))
    size = machine.transcript.stat().st_size
    before = _sources(machine)["claude-code"]
    assert (before["files"], before["bytes"], before["waiting"], before["waitingBytes"]) == (1, size, 1, size)
    assert str(machine.project.parent) in before["looked"]
    assert "lastReadAt" not in before
    machine.read()
    after = _sources(machine)["claude-code"]
    assert (after["sessions"], after["waiting"], after["waitingBytes"]) == (1, 0, 0)
    assert after["lastReadAt"] > 1_700_000_000_000
    code, out, _ = machine.run("sources", BACKSCROLL_URL="http://127.0.0.1:1")
    assert (code, "claude-code" in out, "is not known" in out) == (CODE_OK, True, True)


def _sources(machine: Machine) -> dict[str, Any]:
    code, out, err = machine.run("sources", "--json")
    assert code == CODE_OK, err
    return {tool["source"]: tool for tool in json.loads(out)["sources"]}


@pytest.mark.skipif(
    not SHARED.is_dir(), reason="real transcripts lie beside the project, in ../shared, and are not here"
)
def test_it_brings_real_transcripts_once(machine: Machine) -> None:
    """All files of real tools arrive without an error, and a second run sends none of them."""
    homes = {"CLAUDE_CONFIG_DIR": str(SHARED / "claude-home"), "CODEX_HOME": str(SHARED / "codex-home")}
    code, out, err = machine.run("import", "--json", **homes)
    first = json.loads(out)
    assert (code, first["errors"], first["unreadable"]) == (CODE_OK, [], {}), err
    found = {source: of["messages"] for source, of in first["sources"].items()}
    assert found["claude-code"] > 1000
    assert found["codex-cli"] > 1000
    again = json.loads(machine.run("import", "--json", **homes)[1])["sources"]
    assert {source: (of["messages"], of["newMessages"]) for source, of in again.items()} == {
        "claude-code": (0, 0),
        "codex-cli": (0, 0),
    }
    stats = machine.api.get("/api/stats").json()
    assert stats["messageCount"] == sum(of["newMessages"] for of in first["sources"].values())


def test_it_reads_stored_lines_again(serve: Serve, tmp_path: Path) -> None:
    """`reparse` reads what was imported again, and where the parser is the same nothing changes."""
    folder = tmp_path / ".claude" / "projects" / "-src-shop"
    folder.mkdir(parents=True)
    (folder / f"{SESSION}.jsonl").write_bytes(b"".join(map(said, range(20))))
    assert (
        json.loads(serve.run("import", "--json", str(folder)).stdout)["sources"]["claude-code"]["newMessages"]
        == 20
    )
    told = json.loads(serve.run("reparse", "--json", "--source", "claude").stdout)
    assert (told["streams"], told["lines"], told["messages"]) == (1, 20, 20)
    assert (told["newMessages"], told["changedMessages"], told["deletedMessages"]) == (0, 0, 0)
    assert json.loads(serve.run("reparse", "--json", "--source", "codex").stdout)["streams"] == 0
    assert "again" in serve.run("reparse", "--session", SESSION).stdout
    assert serve.run("reparse", "--source", "abacus").returncode == CODE_USAGE


def test_it_goes_on_when_the_api_is_killed(serve: Serve, tmp_path: Path) -> None:
    """While `serve` starts a killed API again the import waits, and nothing is missing or doubled."""
    file = tmp_path / f"{SESSION.replace('5d1f', '7f3b')}.jsonl"
    file.write_bytes(b"".join(said(number).replace(b"5d1f", b"7f3b") for number in range(MANY)))
    with gateway(serve.url) as (between, url):

        def kill(number: int) -> bool:
            if number == 2:
                serve.child("api").kill()
            return True

        between.before = kill
        told = serve.run("import", "--json", str(file), BACKSCROLL_URL=url)
    assert told.returncode == CODE_OK, told.stderr
    with serve.api() as api:
        session = api.get("/api/sessions/get", params={"id": file.stem}).json()
    assert [message["textContent"] for message in session["messages"]] == prompts(MANY)
