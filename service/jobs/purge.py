"""What was deleted leaves the files of the text index, too.

tantivy marks a deleted document and keeps its terms until their segment is merged, which may be never. So the index is
built anew: at once when a workspace was deleted, within a day when a session or a message was. The file DELETED in the
index's directory says when that is due; while it is done its name is DELETED.going, so that what is deleted meanwhile
is noted anew, and what a crash cut short is begun again.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

NAME = "DELETED"
LATER_S = 24 * 3600.0

Deleted = Literal["workspace", "row"]


def note(directory: Path, deleted: Deleted) -> None:
    """Something of this index was deleted. What is due sooner stays so."""
    due_s = time.time() + (0.0 if deleted == "workspace" else LATER_S)
    if (noted_s := read(directory / NAME)) is None or due_s < noted_s:
        draft = directory / f"{NAME}.draft"
        draft.write_text(str(due_s))
        draft.replace(directory / NAME)


def is_due(directory: Path) -> bool:
    if (directory / f"{NAME}.going").exists():
        return True
    due_s = read(directory / NAME)
    return due_s is not None and due_s <= time.time()


def begin(directory: Path) -> None:
    """The index is about to be built anew."""
    if (directory / NAME).exists():
        (directory / NAME).replace(directory / f"{NAME}.going")


def end(directory: Path) -> None:
    """It is."""
    (directory / f"{NAME}.going").unlink(missing_ok=True)


def read(file: Path) -> float | None:
    """When it is due, in seconds of the epoch; a file that is torn is due now."""
    try:
        return float(file.read_text())
    except FileNotFoundError:
        return None
    except ValueError:
        return 0.0
