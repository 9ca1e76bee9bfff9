"""`backscroll connect`: the settings of the OpenSync plugins."""

from __future__ import annotations

import json
import os
import shlex
import stat
import subprocess
from pathlib import Path

import pytest
from serve_process import environ, run

CODE_OK, CODE_USAGE = 0, 2
KEY = "osk_for_the_test"
HERE = "http://127.0.0.1:8787"
FILES = {
    "claude-code": ".config/claude-code-sync/config.json",
    "opencode": ".opensync/credentials.json",
    "droid": ".config/droid-sync/config.json",
    "pi": ".config/pi-opensync-plugin/config.json",
}


def connect(home: Path, *arguments: str, key: str = KEY) -> subprocess.CompletedProcess[str]:
    given = {"HOME": str(home)} | ({"BACKSCROLL_API_KEY": key} if key else {})
    return run("connect", *arguments, environ=environ(home / "backscroll") | given)


@pytest.mark.parametrize(("client", "name"), FILES.items())
def test_it_writes_what_a_plugin_reads(client: str, name: str, tmp_path: Path) -> None:
    """Each plugin's file has the address and the key, for its owner alone, and the answer says where it lies."""
    told = connect(tmp_path, client)
    file = tmp_path / name
    written = json.loads(file.read_text())
    assert (told.returncode, written["convexUrl"], written["apiKey"]) == (CODE_OK, HERE, KEY)
    assert written.get("autoSync", True) is True
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert str(file) in told.stdout
    assert KEY not in told.stdout
    assert sorted(os.listdir(file.parent)) == [file.name]


def test_it_keeps_what_else_a_file_says(tmp_path: Path) -> None:
    """Other settings stay, and the file becomes its owner's alone."""
    file = tmp_path / FILES["claude-code"]
    file.parent.mkdir(parents=True)
    file.write_text(json.dumps({"autoSync": False, "mine": [1], "convexUrl": "https://old.convex.cloud"}))
    file.chmod(0o644)
    assert connect(tmp_path, "claude-code").returncode == CODE_OK
    written = json.loads(file.read_text())
    assert (written["autoSync"], written["mine"], written["convexUrl"]) == (False, [1], HERE)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_it_writes_through_a_link(tmp_path: Path) -> None:
    """A file that is a link into a folder of settings stays one."""
    file, elsewhere = tmp_path / FILES["droid"], tmp_path / "dotfiles.json"
    file.parent.mkdir(parents=True)
    elsewhere.write_text("{}")
    file.symlink_to(elsewhere)
    assert connect(tmp_path, "droid").returncode == CODE_OK
    assert file.is_symlink()
    assert json.loads(elsewhere.read_text())["apiKey"] == KEY


def test_it_leaves_a_file_alone_that_it_cannot_read(tmp_path: Path) -> None:
    """A file that is no JSON object is named, and stays as it is."""
    file = tmp_path / FILES["pi"]
    file.parent.mkdir(parents=True)
    file.write_text("{half")
    told = connect(tmp_path, "pi")
    assert (told.returncode, file.read_text()) == (CODE_USAGE, "{half")
    assert str(file) in told.stderr


@pytest.mark.parametrize("client", ["claude-code", "droid", "pi"])
def test_it_prints_variables_for_a_shell(client: str, tmp_path: Path) -> None:
    """--print gives lines that a shell reads, and writes nothing."""
    told = connect(tmp_path, client, "--print")
    assigned = dict(word.split("=", 1) for line in told.stdout.splitlines() for word in shlex.split(line)[1:])
    prefix = {"claude-code": "CLAUDE_SYNC", "droid": "DROID_SYNC", "pi": "PI_OPENSYNC"}[client]
    assert assigned[f"{prefix}_CONVEX_URL"] == HERE
    assert assigned[f"{prefix}_API_KEY"] == KEY
    assert not (tmp_path / FILES[client]).exists()


def test_it_says_where_a_plugin_reads_no_variables(tmp_path: Path) -> None:
    """OpenCode's plugin reads its file alone."""
    told = connect(tmp_path, "opencode", "--print")
    assert (told.returncode, "credentials.json" in told.stderr) == (CODE_USAGE, True)


def test_it_writes_nothing_in_a_dry_run(tmp_path: Path) -> None:
    """--dry-run says what would be written."""
    told = connect(tmp_path, "pi", "--dry-run", "--json")
    answer = json.loads(told.stdout)
    assert (answer["written"], answer["file"]) == (False, str(tmp_path / FILES["pi"]))
    assert not (tmp_path / FILES["pi"]).exists()


def test_it_sends_to_a_service_elsewhere(tmp_path: Path) -> None:
    """--url names another service, with the key of the environment."""
    connect(tmp_path, "pi", "--url", "https://backscroll.example/")
    written = json.loads((tmp_path / FILES["pi"]).read_text())
    assert (written["convexUrl"], written["apiKey"]) == ("https://backscroll.example", KEY)


@pytest.mark.parametrize("flags", [(), ("--url", "https://backscroll.example")])
def test_it_asks_for_a_key(flags: tuple[str, ...], tmp_path: Path) -> None:
    """Without a key it says how to have one, and never sends this machine's key elsewhere."""
    (tmp_path / "backscroll").mkdir()
    if flags:
        (tmp_path / "backscroll" / "api-key").write_text("osk_of_this_machine")
    told = connect(tmp_path, "pi", *flags, key="")
    assert (told.returncode, "BACKSCROLL_API_KEY" in told.stderr) == (CODE_USAGE, True)
    assert not (tmp_path / FILES["pi"]).exists()


def test_it_knows_four_plugins(tmp_path: Path) -> None:
    """A client that has no plugin of its own is refused, with those that have."""
    told = connect(tmp_path, "emacs")
    assert told.returncode == CODE_USAGE
    assert all(client in told.stderr for client in FILES)
