"""The command line: what people and programs get, and what mistakes are told."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from serve_process import Serve, environ, run

VERBS = ["serve", "api", "worker", "migrate", "search", "sessions", "usage", "reindex", "doctor", "sample"]
CODE_OK, CODE_USAGE, CODE_UNREACHABLE = 0, 2, 4
NOBODY = "http://127.0.0.1:1"


@pytest.fixture(scope="module")
def with_sample(serve: Serve) -> Serve:
    """The service with the sample in it."""
    assert serve.run("sample", "load").returncode == CODE_OK
    return serve


@pytest.mark.parametrize("verb", VERBS)
def test_it_explains_every_verb_with_an_example(verb: str, tmp_path: Path) -> None:
    """`--help` of each verb shows how it is called."""
    told = run(verb, "--help", environ=environ(tmp_path))
    assert told.returncode == CODE_OK
    assert f"backscroll {verb}" in told.stdout.split("Options:")[0].split("\n", 2)[2]


@pytest.mark.parametrize("arguments", [("--help",), ("search", "x"), ("usage",), ("sample", "load")])
def test_it_answers_at_once(arguments: tuple[str, ...], tmp_path: Path) -> None:
    """Help and what talks to a service load no model, no web framework and no database driver."""
    asked = environ(tmp_path) | {
        "BACKSCROLL_URL": NOBODY,
        "BACKSCROLL_API_KEY": "osk_x",
        "PYTHONPROFILEIMPORTTIME": "1",
    }
    imported = run(*arguments, environ=asked).stderr
    heavy = ("torch", "onnxruntime", "numpy", "litestar", "psycopg", "tantivy")
    assert [name for name in heavy if re.search(rf"\| +{name}$", imported, re.MULTILINE)] == []
    assert re.search(r"\| +click$", imported, re.MULTILINE)


def test_it_says_what_to_do_when_nothing_answers(tmp_path: Path) -> None:
    """Without a service the error is one sentence on stderr with the address and the remedy, and the exit code is 4."""
    answer = run(
        "search", "x", environ=environ(tmp_path) | {"BACKSCROLL_URL": NOBODY, "BACKSCROLL_API_KEY": "osk_x"}
    )
    assert answer.returncode == CODE_UNREACHABLE
    assert answer.stdout == ""
    assert answer.stderr == (
        f"Backscroll does not answer at {NOBODY}: start it with `backscroll serve`, or set BACKSCROLL_URL.\n"
    )


def test_it_says_what_to_do_without_a_key(tmp_path: Path) -> None:
    """A home without a key file is named, and how to come by a key."""
    answer = run("sessions", environ=environ(tmp_path))
    assert answer.returncode == CODE_USAGE
    assert f"There is no key in {tmp_path / 'api-key'}" in answer.stderr


def test_it_refuses_a_key_that_the_service_does_not_know(serve: Serve) -> None:
    """A wrong key is told as such, without showing it."""
    answer = serve.run("search", "x", BACKSCROLL_API_KEY="osk_wrong")
    assert answer.returncode == 1
    assert "does not accept this key" in answer.stderr
    assert "osk_wrong" not in answer.stderr


def test_it_refuses_a_setting_that_cannot_be_used(tmp_path: Path) -> None:
    """A setting of the wrong kind is a sentence and exit code 2, not a traceback."""
    answer = run("migrate", environ=environ(tmp_path) | {"BACKSCROLL_PORT": "many"})
    assert answer.returncode == CODE_USAGE
    assert "Traceback" not in answer.stderr


def test_it_finds_the_sample(with_sample: Serve) -> None:
    """A search prints hits with where they come from; as JSON it is the API's answer."""
    people = with_sample.run("search", "redirect loop")
    assert people.returncode == CODE_OK
    assert "score" in people.stdout
    assert "\x1b" not in people.stdout
    programs = json.loads(with_sample.run("search", "redirect loop", "--json", "--limit", "1").stdout)
    assert len(programs["results"]) == 1
    assert "sample" in programs["results"][0]["tags"]


def test_it_says_how_it_searched_when_not_by_meaning(with_sample: Serve) -> None:
    """Without a model a hybrid search answers from words and says why."""
    assert "Searched fulltext" in with_sample.run("search", "redirect loop").stdout


def test_it_counts_nothing_found_as_done(serve: Serve) -> None:
    """A search without hits exits with 0."""
    answer = serve.run("search", "qqxxzzvv")
    assert (answer.returncode, answer.stdout.splitlines()[0]) == (CODE_OK, "Nothing found.")


def test_it_lists_sessions_and_shows_one(with_sample: Serve) -> None:
    """A session that the list names can be opened by its id."""
    listed = json.loads(with_sample.run("sessions", "--limit", "2", "--json").stdout)["sessions"]
    assert len(listed) == 2
    shown = with_sample.run("sessions", "show", listed[0]["id"])
    assert shown.returncode == CODE_OK
    assert listed[0]["title"] in shown.stdout


def test_it_loads_the_sample_once(with_sample: Serve) -> None:
    """Loading again adds nothing; `--if-empty` leaves a service alone that held sessions."""
    before = sample_count(with_sample)
    with_sample.run("sample", "load")
    loaded = json.loads(with_sample.run("sample", "load", "--if-empty", "--json").stdout)
    assert loaded == {"sessions": 0, "messages": 0}
    assert sample_count(with_sample) == before > 0


def test_it_takes_the_sample_out_and_in_again(with_sample: Serve) -> None:
    """`sample remove` deletes what has the tag, and nothing else; `sample load` brings it back."""
    before = sample_count(with_sample)
    with with_sample.api() as api:
        api.post("/sync/session", json={"externalId": "mine", "title": "Mine", "source": "pi"})
    removed = json.loads(with_sample.run("sample", "remove", "--json").stdout)
    assert removed["sessions"] == before
    assert sample_count(with_sample) == 0
    assert "Mine" in with_sample.run("sessions").stdout
    with_sample.run("sample", "load")
    assert sample_count(with_sample) == before


def test_it_finds_a_healthy_service_healthy(serve: Serve) -> None:
    """The doctor has no complaint about a service that runs, and exits with 0."""
    answer = serve.run("doctor", "--json")
    findings = json.loads(answer.stdout)["findings"]
    assert answer.returncode == CODE_OK
    assert [finding for finding in findings if finding["state"] == "fail"] == []
    assert {"database", "migrations", "row security", "text index", "disk"} <= {f["check"] for f in findings}


def test_it_finds_and_mends_a_key_file_that_others_can_read(serve: Serve) -> None:
    """A key file that others can read fails; `--repair` closes it."""
    (serve.home / "api-key").chmod(0o644)
    told = serve.run("doctor")
    assert told.returncode == 1
    assert "others can read" in told.stdout
    assert serve.run("doctor", "--repair").returncode == CODE_OK
    assert (serve.home / "api-key").stat().st_mode & 0o777 == 0o600


def test_it_tells_which_migrations_a_database_has(serve: Serve) -> None:
    """`migrate --status` names each and applies none."""
    answer = json.loads(serve.run("migrate", "--status", "--json").stdout)
    assert answer["applied"] == []
    assert all(migration["applied"] for migration in answer["migrations"])


def sample_count(served: Serve) -> int:
    with served.api() as api:
        return len(api.get("/api/sessions", params={"tag": "sample", "limit": 500}).json()["sessions"])


def test_it_names_the_setting_of_a_url_that_is_none() -> None:
    """A database URL that cannot be read is a setting to mend, not a fault of ours."""
    ended = run("migrate", environ=environ(Path("/nowhere")) | {"BACKSCROLL_DATABASE_URL": "garbage"})
    assert (ended.returncode, "BACKSCROLL_DATABASE_URL" in ended.stderr) == (2, True)
