"""Look for known flaws in the locked dependencies with pip-audit, which asks the database of advisories.

    python3 .ci/audit.py

Exit codes: 0 none known, 1 some are, 3 nothing could be asked (offline): then nothing is known. pip-audit lives in an
environment of its own, so that its dependencies and ours cannot meet.
"""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path
from urllib.error import HTTPError, URLError
from urllib.request import urlopen

ROOT = Path(__file__).parent.parent
HOME = ROOT / ".venv" / "audit"
PIP_AUDIT = "pip-audit>=2.7,<3"
LOCK = ROOT / "requirements-dev.lock"
"""It takes in requirements.lock."""
REGISTRY = os.environ.get("PIP_INDEX_URL", "https://pypi.org/simple/")
OFFLINE = 3


def main() -> int:
    if not reachable(REGISTRY):
        print(
            f"Nothing was checked: {REGISTRY} cannot be reached from here. Run it with a network.",
            file=sys.stderr,
        )
        return OFFLINE
    program = HOME / "bin" / "pip-audit"
    if not program.exists():
        venv.create(HOME, with_pip=True)
        subprocess.run([HOME / "bin" / "pip", "install", "--quiet", PIP_AUDIT], check=True)
    # The locks name every package and version, so pip need not resolve (and download) anything.
    command = [program, "--no-deps", "--disable-pip", "--requirement", LOCK]
    return subprocess.run(command, check=False).returncode


def reachable(url: str) -> bool:
    try:
        with urlopen(url.rstrip("/") + "/pip-audit/", timeout=10):
            return True
    except HTTPError as error:
        return error.code < 500
    except (URLError, TimeoutError):
        return False


if __name__ == "__main__":
    sys.exit(main())
