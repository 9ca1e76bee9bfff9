"""A running Postgres: started as a child of this process, watched, stopped.

It ends with us. On Linux the kernel tells it when we die; what is left elsewhere, or after a crash of the
server itself, is ended at the next start (leftovers.py).
"""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from urllib.parse import quote

import psycopg
import structlog

from service.errors import DatabaseError
from service.postgres import account as accounts
from service.postgres import cluster, leftovers
from service.postgres.account import Account
from service.postgres.home import PORT, arrange, digest, socket_dir, write_private
from service.postgres.tuning import MIB, settings_for, this_machine

DATABASE = "backscroll"
LOG_BYTES = 4 * MIB
"""A log that is larger at a start begins anew."""

log = structlog.get_logger()


@dataclass(frozen=True)
class EmbeddedPostgres:
    """A server that was started here; `with EmbeddedPostgres.start(home) as postgres:` stops it at the end."""

    url: str
    """Of the database `backscroll`, by libpq's rules; the same at every start of one home."""
    version: str
    """For example `18.4`."""
    data_dir: Path
    socket_dir: Path
    log_file: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(
        cls, home: Path, *, major: int = 18, overrides: Mapping[str, str] | None = None
    ) -> EmbeddedPostgres:
        """Start the server of `home`, made first if there is none; returns when it answers.

        The caller holds the home, and calls from a thread that lives as long as the server shall. There is
        no time limit: after a crash the server replays its log, however long that takes.
        `overrides` are settings that win over `settings_for` this machine.
        Errors: `DatabaseError` when it cannot be made or started, with the reason and where its log is.
        """
        account = accounts.for_server()
        programs = cluster.reachable_binaries(major, account)
        directory = arrange(home, account)
        data, log_file = directory / "data", directory / "log"
        chosen = dict(overrides or {})
        cluster.create(data, programs, account, major=major, sync=chosen.get("fsync") != "off")
        leftovers.clear(data, cluster_name=_cluster_name(data))
        sockets = socket_dir(home, account)
        command = [str(programs / "postgres"), "-D", str(data), *_configure(data, sockets, account, chosen)]
        process = _spawn(command, log_file, account)
        try:
            _wait_until_ready(process, data / "postmaster.pid", log_file)
            url = _url(sockets, server_user=accounts.own_name() if account is None else account.name)
            version = _create_database(url)
            write_private(directory / "url", url)
        except BaseException:  # also Ctrl-C: nothing of ours stays behind
            _stop(process, timeout_s=5.0)
            raise
        return cls(url, version, data, sockets, log_file, process)

    def exit_code(self) -> int | None:
        """None while the server runs; after its end the exit status, or minus the signal that ended it."""
        return self.process.poll()

    def stop(self, timeout_s: float = 8.0) -> None:
        """Close all sessions, write everything down and end; after `timeout_s` end at once, to be mended at the next start."""
        _stop(self.process, timeout_s=timeout_s)
        (self.data_dir.parent / "url").unlink(missing_ok=True)
        shutil.rmtree(self.socket_dir, ignore_errors=True)

    def __enter__(self) -> EmbeddedPostgres:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()


def _cluster_name(data: Path) -> str:
    """Stands in the title of every process of the server, which is how leftovers.py knows them."""
    return f"backscroll-{digest(data)}"


def _configure(data: Path, sockets: Path, account: Account | None, overrides: Mapping[str, str]) -> list[str]:
    """Write the configuration for this start; the arguments that make the server read it."""
    name = _cluster_name(data)
    places = {"cluster_name": name, "unix_socket_directories": str(sockets), "port": str(PORT)}
    settings = {**settings_for(*this_machine()), **overrides, **places}
    return ["-c", f"cluster_name={name}", *cluster.configure(data.parent, account, settings)]


def _spawn(command: list[str], log_file: Path, account: Account | None) -> subprocess.Popen[bytes]:
    """Run the server, in a session of its own so that Ctrl-C in the terminal is ours to pass on."""
    large = log_file.exists() and log_file.stat().st_size > LOG_BYTES
    flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | (os.O_TRUNC if large else 0)
    with os.fdopen(os.open(log_file, flags, 0o600), "ab") as output:
        return subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=output, stderr=output, cwd="/", env=cluster.environment(),
            start_new_session=True, preexec_fn=_END_WITH_PARENT, **accounts.identity(account),
        )  # fmt: skip


def _end_with_parent() -> Callable[[], None] | None:
    """What asks Linux, in the child, for a fast shutdown when its parent dies; looked up before the fork."""
    if sys.platform != "linux":
        return None
    prctl, set_parent_death_signal = ctypes.CDLL(None).prctl, 1
    return lambda: prctl(set_parent_death_signal, signal.SIGINT)


_END_WITH_PARENT = _end_with_parent()


def _wait_until_ready(process: subprocess.Popen[bytes], pid_file: Path, log_file: Path) -> None:
    begun, told = time.monotonic(), False
    while not _is_ready(process.pid, pid_file):
        if process.poll() is not None:
            raise DatabaseError(
                f"Postgres stopped while it started: {_last_words(log_file)} Its log is {log_file}."
            )
        if not told and time.monotonic() - begun > 5:
            log.info("postgres is still starting, as after a crash", log_file=str(log_file))
            told = True
        time.sleep(0.01)


def _is_ready(pid: int, pid_file: Path) -> bool:
    """The server keeps its state in the eighth line of its pid file."""
    try:
        lines = pid_file.read_text().splitlines()
    except FileNotFoundError:
        return False
    return len(lines) >= 8 and lines[0].strip() == str(pid) and lines[7].strip() == "ready"


def _last_words(log_file: Path) -> str:
    """The last reason for an end that the log gives, without the time and process before it."""
    lines = log_file.read_text(errors="replace").splitlines()
    reasons = [line.partition("FATAL:")[2].strip() for line in lines if "FATAL:" in line]
    return f"{reasons[-1]}." if reasons else "it gave no reason."


def _url(sockets: Path, *, server_user: str) -> str:
    """`requirepeer`: should the directory be another's one day, the client does not talk to what answers there."""
    return f"postgresql://{cluster.ROLE}@/{DATABASE}?host={quote(str(sockets))}&port={PORT}&requirepeer={quote(server_user)}"


def _create_database(url: str) -> str:
    """Create the database unless it exists; returns the server's version."""
    with psycopg.connect(url, dbname="postgres", autocommit=True) as conn:
        if conn.execute("select from pg_database where datname = %s", [DATABASE]).fetchone() is None:
            conn.execute(f"create database {DATABASE}")
        return conn.info.parameter_status("server_version") or ""


def _stop(process: subprocess.Popen[bytes], *, timeout_s: float) -> None:
    """Fast shutdown, then immediate, then none of its own: each when the one before was not enough."""
    for number, patience_s in ((signal.SIGINT, timeout_s), (signal.SIGQUIT, 2.0), (signal.SIGKILL, None)):
        process.send_signal(number)
        try:
            process.wait(patience_s)
            return
        except subprocess.TimeoutExpired:
            continue
