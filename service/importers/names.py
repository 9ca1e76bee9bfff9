"""Short names made of what a transcript says: of a folder, and of a record's type where it stands in a reason."""

from __future__ import annotations

import re
from pathlib import PurePosixPath, PureWindowsPath

from service.model.bounds import MAX_NAME_CHARS

_PLAIN = re.compile(r"[a-z0-9_.-]{1,40}")


def last_folder(path: str | None) -> str | None:
    """What a project is called that lies there; None where the path has no name.

    >>> last_folder("/home/dev/gateway/"), last_folder("C:\\\\src\\\\app"), last_folder("/")
    ('gateway', 'app', None)
    """
    if path is None:
        return None
    kind = PurePosixPath if path.startswith("/") else PureWindowsPath
    return kind(path).name[:MAX_NAME_CHARS] or None


def told(what: str, name: object) -> str:
    """A reason with the name of what it is about, where that can only be a name and no text of a person.

    >>> told("unknown record type", "skill_listing"), told("unknown record type", "Dear diary")
    ('unknown record type: skill_listing', 'unknown record type')
    """
    return f"{what}: {name}" if isinstance(name, str) and _PLAIN.fullmatch(name) else what


def unknown_type(kind: object) -> str:
    """The reason for a record of a type that the format did not have."""
    return told("unknown record type", kind)
