"""workspace, user, member, key: what the one who runs the service does with people, beside a running service."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from serve_process import COMMAND, Serve, environ, new_home, run, serving

SOON_S = 10.0


@pytest.fixture(scope="module")
def house() -> Iterator[Serve]:
    """A service with ann and bob, a workspace `team` of both, and the one of the first start."""
    with new_home() as home, serving(home) as served:
        for words in (
            "user create ann",
            "user create bob",
            "workspace create team --shared --owner ann",
            "member add --workspace team --user bob",
        ):
            done(served, *words.split())
        yield served


def done(served: Serve, *arguments: str) -> str:
    """What a command prints, which must end well."""
    ended = served.run(*arguments)
    assert ended.returncode == 0, ended.stderr
    return ended.stdout


def listed(served: Serve, *arguments: str) -> Any:
    return json.loads(done(served, *arguments, "--json"))


def new_key(served: Serve, *arguments: str) -> str:
    return done(served, "key", "create", "--workspace", "team", *arguments).strip()


def ask(served: Serve, key: str, method: str = "GET", path: str = "/api/stats", **more: Any) -> int:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.request(
        method, served.url + path, headers=headers, trust_env=False, verify=False, **more
    ).status_code


def refused_soon(served: Serve, key: str) -> float:
    """The seconds until a key opens nothing any more."""
    asked_s = time.monotonic()
    while ask(served, key) != 401:
        assert time.monotonic() - asked_s < SOON_S
    return time.monotonic() - asked_s


def test_it_lists_people(house: Serve) -> None:
    """Workspaces with members, users with workspaces, members with roles; as tables and as JSON."""
    workspaces = {
        w["name"]: (w["kind"], w["members"]) for w in listed(house, "workspace", "list")["workspaces"]
    }
    assert workspaces["local"] == ("personal", ["local"])
    assert (workspaces["team"][0], workspaces["team"][1][:2]) == ("shared", ["ann", "bob"])
    users = {user["name"]: user["workspaces"] for user in listed(house, "user", "list")["users"]}
    assert (users["local"], users["bob"]) == (["local"], ["team"])
    members = listed(house, "member", "list", "--workspace", "team")["members"]
    assert [(m["user"], m["role"]) for m in members][:2] == [("ann", "owner"), ("bob", "member")]
    for verb in ("workspace", "user", "member", "key"):
        assert "local" in done(house, verb, "list")


def test_it_prints_a_key_alone_and_once(house: Serve) -> None:
    """Standard output is the key and nothing else, so that a script can take it; what else is to say goes to standard error."""
    ended = house.run(
        "key", "create", "--workspace", "team", "--user", "ann", "--expires", "30d", "--name", "laptop"
    )
    key = ended.stdout.removesuffix("\n")
    assert key.startswith("osk_")
    assert key.split() == [key]
    assert "shown this once" in ended.stderr
    assert key not in ended.stderr
    assert ask(house, key) == 200
    (line,) = [line for line in listed(house, "key", "list")["keys"] if line["name"] == "laptop"]
    assert (line["state"], line["user"], line["scopes"]) == ("active", "ann", ["ingest", "read"])
    assert line["expiresAt"] - line["createdAt"] == pytest.approx(30 * 86_400_000, abs=60_000)
    assert key not in done(house, "key", "list", "--json") + done(house, "key", "list")


def test_it_makes_a_key_for_programs_as_json(house: Serve) -> None:
    """`--json` gives the key with its id and what it opens."""
    made = listed(
        house, "key", "create", "--workspace", "team", "--user", "ann", "--scope", "read", "--scope", "admin"
    )
    assert made.keys() == {"key", "id", "workspace", "user", "scopes"}
    assert (made["workspace"], made["user"], made["scopes"]) == ("team", "ann", ["read", "admin"])


def test_it_ends_a_key_within_a_second(house: Serve) -> None:
    """A key that is revoked stops on the running service; revoking it again says so and is no failure."""
    made = listed(house, "key", "create", "--workspace", "team", "--user", "ann")
    assert ask(house, made["key"]) == 200
    assert "is revoked" in done(house, "key", "revoke", made["id"])
    assert refused_soon(house, made["key"]) < 1.5
    assert "was revoked before" in done(house, "key", "revoke", made["id"])
    states = {line["id"]: line["state"] for line in listed(house, "key", "list")["keys"]}
    assert states[made["id"]] == "revoked"


def test_it_ends_the_keys_of_a_member_who_goes(house: Serve) -> None:
    """Removing a member ends the member's keys; adding the member again does not bring them back."""
    key = new_key(house, "--user", "bob")
    assert ask(house, key) == 200
    done(house, "member", "remove", "--workspace", "team", "--user", "bob")
    assert refused_soon(house, key) < 1.5
    done(house, "member", "add", "--workspace", "team", "--user", "bob")
    assert ask(house, key) == 401


def test_it_takes_admin_away_with_the_role(house: Serve) -> None:
    """An admin's key labels; once its user is a member it only sends and reads."""
    done(house, "user", "create", "carl")
    done(house, "member", "add", "--workspace", "team", "--user", "carl", "--role", "admin")
    key = new_key(house, "--user", "carl", "--scope", "admin")
    assert ask(house, key, "POST", "/sync/session", json={"externalId": "x"}) == 200
    label = {"method": "PATCH", "path": "/api/sessions/x", "json": {"notes": "n"}}
    assert ask(house, key, **label) == 200
    done(house, "member", "add", "--workspace", "team", "--user", "carl")
    lowered_s = time.monotonic()
    while ask(house, key, **label) != 403:
        assert time.monotonic() - lowered_s < 1.5
    assert ask(house, key) == 200


@pytest.mark.parametrize(
    ("arguments", "code", "told"),
    [
        (["workspace", "create", "team", "--owner", "ann"], 1, "already"),
        (["workspace", "create", "other", "--owner", "eve"], 1, "`ann`, `bob`, "),
        (["workspace", "create", "other"], 2, "--owner"),
        (["workspace", "delete", "tea", "--yes"], 1, "`local`, `team`"),
        (["user", "create", "ann"], 1, "already"),
        (["user", "create", "a\nb"], 1, "one line"),
        (["member", "remove", "--workspace", "team", "--user", "ann"], 1, "keeps an owner"),
        (["member", "add", "--workspace", "team", "--user", "ann", "--role", "member"], 1, "keeps an owner"),
        (["member", "add", "--workspace", "local", "--user", "ann"], 1, "somebody's own"),
        (["member", "add", "--workspace", "team", "--user", "ann", "--role", "king"], 2, "king"),
        (["key", "create", "--user", "ann"], 2, "--workspace"),
        (["key", "create", "--workspace", "team"], 2, "--user"),
        (["key", "create", "--workspace", "local", "--user", "ann"], 1, "no member"),
        (["key", "create", "--workspace", "team", "--user", "bob", "--scope", "admin"], 1, "owner or admin"),
        (["key", "create", "--workspace", "team", "--user", "ann", "--scope", "all"], 2, "all"),
        (["key", "create", "--workspace", "team", "--user", "ann", "--expires", "soon"], 2, "30d"),
        (["key", "create", "--workspace", "team", "--user", "ann", "--expires", "2020-01-01"], 2, "ahead"),
        (["key", "revoke", "k4711"], 1, "backscroll key list"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)  # fmt: skip
def test_it_says_what_to_do(house: Serve, arguments: list[str], code: int, told: str) -> None:
    """A mistake is one sentence on standard error with what there is, nothing on standard output, and a code."""
    ended = house.run(*arguments)
    assert (ended.returncode, ended.stdout) == (code, "")
    assert told in ended.stderr
    assert "Usage" in ended.stderr or len(ended.stderr.splitlines()) == 1


def test_it_takes_the_only_one_where_none_is_named(house: Serve) -> None:
    """A personal workspace has one member: `key create` needs no --user there."""
    assert done(house, "key", "create", "--workspace", "local").startswith("osk_")


def test_it_says_that_no_database_runs(tmp_path: Path) -> None:
    """Without a service and without a URL: a sentence, and exit code 4."""
    ended = run("user", "list", environ=environ(tmp_path))
    assert (ended.returncode, ended.stdout) == (4, "")
    assert "backscroll serve" in ended.stderr


def test_it_deletes_a_workspace_when_its_name_is_typed(house: Serve) -> None:
    """Anything else deletes nothing; then its keys open nothing, its sessions are gone, and another's are there."""
    done(house, "workspace", "create", "project x", "--owner", "ann")
    key = done(house, "key", "create", "--workspace", "project x", "--user", "ann").strip()
    assert ask(house, key, "POST", "/sync/session", json={"externalId": "x", "title": "T"}) == 200
    kept = done(house, "key", "create", "--workspace", "local").strip()
    assert ask(house, kept, "POST", "/sync/session", json={"externalId": "x", "title": "T"}) == 200

    assert deleted(house, "project y\n").returncode == 1
    assert deleted(house, "").returncode == 1
    assert ask(house, key) == 200
    ended = deleted(house, "project x\n")
    assert (ended.returncode, ended.stdout) == (0, "Deleted project x: 1 sessions.\n")
    assert ask(house, key) == 401
    assert "project x" not in done(house, "workspace", "list")
    assert ask(house, kept, path="/api/sessions/x") == 200


def deleted(served: Serve, typed: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, "workspace", "delete", "project x"], input=typed, env=served.environ, capture_output=True, text=True,
        timeout=60, check=False,
    )  # fmt: skip
