"""What a crash left behind, ended before a new start: a server without its `serve`, backends without their server.

The caller holds the home, so whatever still serves this data directory is nobody's.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from pathlib import Path

import psutil

PATIENCE_S = 60.0
"""How long an orphaned server may take to shut down before it is killed."""


def clear(data: Path, *, cluster_name: str) -> None:
    """End every process that serves `data`, and make its `postmaster.pid` one that Postgres knows as stale."""
    pid_file = data / "postmaster.pid"
    if not pid_file.exists():
        return
    serving = _serving(cluster_name)
    if serving:
        _end(serving, postmaster=_first_line(pid_file))
    _disown(pid_file)


def _serving(cluster_name: str) -> list[psutil.Process]:
    """Postgres writes its cluster's name into the title of each process, which everybody may read."""
    found = []
    for process in psutil.process_iter():
        try:
            if process.name() == "postgres" and cluster_name in " ".join(process.cmdline()):
                found.append(process)
        except psutil.Error:  # gone, or not ours to look at
            continue
    return found


def _end(serving: list[psutil.Process], *, postmaster: str) -> None:
    """Shut the server down; kill what then remains. What was committed is in the write-ahead log either way."""
    for process in serving:
        if str(process.pid) == postmaster:
            _signal(process, signal.SIGINT)
            serving = _still_alive(serving, timeout_s=PATIENCE_S)
    for process in serving:
        _signal(process, signal.SIGKILL)
    _still_alive(serving, timeout_s=10)


def _still_alive(processes: list[psutil.Process], *, timeout_s: float) -> list[psutil.Process]:
    """Wait for them to end; those that have not. One that its new parent has not yet collected has ended."""
    deadline = time.monotonic() + timeout_s
    while alive := [process for process in processes if _is_alive(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.01)
    return alive


def _is_alive(process: psutil.Process) -> bool:
    with contextlib.suppress(psutil.NoSuchProcess):
        return bool(process.is_running() and process.status() != psutil.STATUS_ZOMBIE)
    return False


def _signal(process: psutil.Process, number: signal.Signals) -> None:
    with contextlib.suppress(psutil.NoSuchProcess):
        process.send_signal(number)


def _disown(pid_file: Path) -> None:
    """Put our own process id in place of the dead server's.

    That number may be another process' by now (in a container it usually is), and then Postgres would not
    start; its parent's it knows to be none. To remove the file would also take away the number of
    the shared memory, by which Postgres sees whether an old backend still uses the data.
    """
    try:
        opened = os.open(pid_file, os.O_RDWR | os.O_NOFOLLOW)
    except FileNotFoundError:
        return
    with os.fdopen(opened, "r+") as file:
        lines = file.read().splitlines(keepends=True)
        if len(lines) < 2:  # the machine stopped while it was written
            pid_file.unlink()
            return
        file.seek(0)
        file.write("".join([f"{os.getpid()}\n", *lines[1:]]))
        file.truncate()


def _first_line(file: Path) -> str:
    try:
        return file.read_text().partition("\n")[0].strip()
    except FileNotFoundError:
        return ""
