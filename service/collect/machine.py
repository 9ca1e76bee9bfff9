"""The name under which this machine's files are known to the service.

Rule: the host's name, and a short hash that tells machines of one name apart; nothing else that says who or where.
"""

from __future__ import annotations

import hashlib
import platform
import secrets
from contextlib import suppress
from pathlib import Path

OF_THE_SYSTEM = (Path("/etc/machine-id"), Path("/var/lib/dbus/machine-id"))
OURS = "machine-id"
HASH_CHARS = 12
HOST_CHARS = 100


def name(home: Path) -> str:
    """Stable over restarts. Where the system has no id of its own, one is made and kept in `home`. Errors: OSError."""
    host = platform.node() or "machine"
    digest = hashlib.sha256(b"backscroll " + _id(home).encode()).hexdigest()
    return f"{host[:HOST_CHARS]}-{digest[:HASH_CHARS]}"


def _id(home: Path) -> str:
    for file in (*OF_THE_SYSTEM, home / OURS):
        with suppress(OSError, UnicodeDecodeError):
            if found := file.read_text(encoding="ascii").strip():
                return found
    made = secrets.token_hex(16)
    home.mkdir(parents=True, exist_ok=True)
    (home / OURS).write_text(made + "\n", encoding="ascii")
    return made
