"""The file REINDEX in the text index's directory: a request to build the index anew, and how far that is.

Whoever holds the directory's lock (the worker) sees the file within a second, works, reports into it, and takes
it away at the end. A worker that dies leaves it, and the next one begins again.
"""

from __future__ import annotations

from pathlib import Path

import msgspec

NAME = "REINDEX"


class Progress(msgspec.Struct, frozen=True):
    """Messages indexed of those there are."""

    done: int = 0
    total: int = 0


def ask(directory: Path) -> None:
    write(directory, Progress())


def read(directory: Path) -> Progress | None:
    """None: nobody has asked, or it is done. A file that a crash tore asks too."""
    try:
        return msgspec.json.decode((directory / NAME).read_bytes(), type=Progress)
    except FileNotFoundError:
        return None
    except msgspec.DecodeError:
        return Progress()


def write(directory: Path, progress: Progress) -> None:
    directory.mkdir(parents=True, exist_ok=True)  # it may have been taken away meanwhile
    draft = directory / f"{NAME}.draft"
    draft.write_bytes(msgspec.json.encode(progress))
    draft.replace(directory / NAME)


def clear(directory: Path) -> None:
    (directory / NAME).unlink(missing_ok=True)
