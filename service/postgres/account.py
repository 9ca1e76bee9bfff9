"""As root, Postgres runs under a system user that owns the data directory and nothing else.

Postgres refuses to run as root. Everybody else runs it under their own name, and nothing here is needed.
"""

from __future__ import annotations

import os
import pwd
import shutil
import subprocess
from pathlib import Path
from typing import Any, NamedTuple

from service.errors import DatabaseError

NAME = "backscroll"
SYSTEM_DIR = Path("/var/lib/backscroll")
"""Where the system user can reach what it cannot reach under a home of root's."""


class Account(NamedTuple):
    """The system user: its name, user id and group id."""

    name: str
    uid: int
    gid: int

    def enters(self, directory: Path) -> bool:
        """Whether it can reach what lies in `directory`, by the rights of every directory on the way."""
        asked = ["/bin/sh", "-c", 'test -x "$0"', str(directory)]
        return subprocess.run(asked, **identity(self), check=False).returncode == 0

    def admit(self, directory: Path) -> bool:
        """Let its group search `directory`, if that is root's; whether it then enters, by the directories above."""
        found = directory.stat()
        if found.st_uid == 0 and found.st_gid in (0, self.gid):
            os.chown(directory, -1, self.gid)
            directory.chmod(found.st_mode | 0o010)
        return self.enters(directory)


def for_server() -> Account | None:
    """Who Postgres runs as: None for the user of this process, or, as root, the system user, made if missing.

    Errors: `DatabaseError` when it cannot be made.
    """
    if os.geteuid() != 0:
        return None
    try:
        found = pwd.getpwnam(NAME)
    except KeyError:
        _create()
        found = pwd.getpwnam(NAME)
    return Account(found.pw_name, found.pw_uid, found.pw_gid)


def identity(account: Account | None) -> dict[str, Any]:
    """The arguments of `subprocess` that run a program as `account`; none to run it as ourselves."""
    return {} if account is None else {"user": account.uid, "group": account.gid, "extra_groups": []}


def own_name() -> str:
    """The name of the user of this process. Errors: `DatabaseError` when the system has none for it."""
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise DatabaseError(
            f"User id {os.geteuid()} has no name on this system, and Postgres needs one; "
            "add it to /etc/passwd, or set BACKSCROLL_DATABASE_URL."
        ) from None


def _create() -> None:
    useradd = shutil.which("useradd", path=f"{os.environ.get('PATH', os.defpath)}:/usr/sbin:/sbin")
    advice = "run Backscroll as another user, or set BACKSCROLL_DATABASE_URL."
    if useradd is None:
        raise DatabaseError(
            f"Postgres does not run as root, and `useradd` is missing to make the user {NAME}: {advice}"
        )
    made = subprocess.run(
        [useradd, "--system", "--user-group", "--no-create-home", "--home-dir", "/nonexistent",
         "--shell", "/usr/sbin/nologin", NAME],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    already_exists = 9
    if made.returncode not in (0, already_exists):
        raise DatabaseError(
            f"Postgres does not run as root, and the user {NAME} cannot be made ({made.stderr.strip()}): {advice}"
        )
