"""A home and its server: who holds it, where the cluster lies, which URL reaches it.

    <home>/lock                    held (flock) by the one `serve` of this home
    <home>/postgres/               the cluster; as root, where the system user cannot enter the home,
                                   a link to /var/lib/backscroll/<hash of the home's path>
    <home>/postgres/url            of the running server; mode 0600
    <home>/postgres/log            what the server says; mode 0600
    <home>/postgres/*.conf         written at every start
    <home>/postgres/data/          Postgres' own
    /tmp/backscroll-<uid>-<hash>/  the socket; mode 0700

As root, the group of the system user may pass through (mode 0710) the home and the cluster.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import socket
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict

from service.errors import AlreadyRunning, DatabaseError, DatabaseUnavailable, SettingError
from service.postgres.account import SYSTEM_DIR, Account
from service.settings import Settings

PORT = 5432
"""Only a part of the socket's name: nothing listens on TCP."""


@contextmanager
def hold(home: Path) -> Iterator[None]:
    """Hold `home` for this process until the block is left; a home that is missing is made with mode 0700.

    The kernel releases the lock when the process ends, however it ends.
    Errors: `AlreadyRunning` names the process that holds it; `SettingError` when the home cannot be used.
    """
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(home / "lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise SettingError(
            f"Backscroll cannot write to {home} ({error.strerror}); name another directory with BACKSCROLL_HOME."
        ) from error
    try:
        _lock(lock, home)
        yield
    finally:
        os.close(lock)


def running_url(home: Path) -> str | None:
    """The libpq URL of the server that runs on `home` now; None when none answers there."""
    try:
        url = (home / "postgres" / "url").read_text()
        path = f"{conninfo_to_dict(url)['host']}/.s.PGSQL.{PORT}"
        with socket.socket(socket.AF_UNIX) as knock:
            knock.connect(path)
    except (FileNotFoundError, ConnectionRefusedError):
        return None
    return url


def database_url(settings: Settings) -> str:
    """The setting, or the embedded Postgres that runs under this home."""
    url = settings.database_url or running_url(settings.home)
    if url is None:
        raise DatabaseUnavailable(
            f"No Postgres runs under {settings.home}: start `backscroll serve`, or set BACKSCROLL_DATABASE_URL."
        )
    return url


def arrange(home: Path, account: Account | None) -> Path:
    """The directory of the home's cluster, without links, made if missing; the server can enter it.

    Errors: `DatabaseError` when it is gone or cannot be entered.
    """
    home.mkdir(mode=0o700, parents=True, exist_ok=True)
    cluster = home.resolve() / "postgres"
    if cluster.is_symlink() and not cluster.exists():
        raise DatabaseError(
            f"The database of {home} lay in {cluster.readlink()}, which is gone; "
            f"bring it back, or remove the link {cluster} to begin with an empty one."
        )
    if not cluster.exists():
        _make(cluster, account)
    directory = cluster.resolve()
    if account is not None:
        account.admit(directory)
        if not account.enters(directory):
            raise DatabaseError(
                f"The system user {account.name} cannot enter {directory}; "
                "give the directories above it the right to be searched (chmod a+x)."
            )
    return directory


def socket_dir(home: Path, account: Account | None) -> Path:
    """A new and empty directory of mode 0700 for the server's socket; its path is short, and the same at every start.

    A socket's path holds 107 bytes, and a home's may be longer. /tmp, not TMPDIR, which differs between processes.
    """
    path = Path(f"/tmp/backscroll-{os.geteuid()}-{digest(home.resolve())}")
    owner = os.geteuid() if account is None else account.uid
    try:
        found = path.lstat()
        if stat.S_ISDIR(found.st_mode) and found.st_uid == owner:
            shutil.rmtree(path)
    except FileNotFoundError:
        pass
    try:
        path.mkdir(mode=0o700)
    except FileExistsError:  # somebody else took the name first
        path = Path(tempfile.mkdtemp(prefix="backscroll-", dir="/tmp"))
    if account is not None:
        os.chown(path, account.uid, account.gid)
    return path


def write_private(path: Path, text: str, *, mode: int = 0o600, group: int = -1) -> None:
    """Write a file whole or not at all; nobody can read it before it has its mode."""
    fresh = path.with_name(path.name + ".new")
    fresh.unlink(missing_ok=True)
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
        os.fchown(file.fileno(), -1, group)
        os.fchmod(file.fileno(), mode)
    fresh.rename(path)


def digest(path: Path) -> str:
    """A short name for a path: 12 hexadecimal digits."""
    return hashlib.sha256(os.fsencode(path)).hexdigest()[:12]


def _lock(lock: int, home: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(lock, 20).decode().strip() or "unknown"
        raise AlreadyRunning(
            f"Backscroll already runs on {home} (process {holder}). "
            "Stop it first, or give this one another directory with BACKSCROLL_HOME."
        ) from None
    os.ftruncate(lock, 0)
    os.write(lock, f"{os.getpid()}\n".encode())


def _make(cluster: Path, account: Account | None) -> None:
    if account is None or account.enters(cluster.parent) or account.admit(cluster.parent):
        cluster.mkdir(mode=0o700)
        return
    # /root and the like are closed to the system user, and opening them is not ours to do.
    elsewhere = SYSTEM_DIR / digest(cluster.parent)
    SYSTEM_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
    elsewhere.mkdir(mode=0o700, exist_ok=True)
    cluster.symlink_to(elsewhere)
