"""History of another session, repeated at the beginning of a fork's or a sub-agent's file.

Rule: it is this session's conversation too, but not its work: its messages say where they come from, its token counts
do not count. Repeated lines bear the time of the fork or their old one, so times alone do not tell. It ends with the
first turn whose id (a UUIDv7, which holds its time) is not older than the session's own. Where turns have no such
ids it ends with the first pause, as history is written in one go.
"""

from __future__ import annotations

import re
from datetime import datetime

from service.importers.clock import to_ms
from service.importers.codex.state import Memory

PAUSE_MS = 1_000
_UUID7 = re.compile(r"([0-9a-fA-F]{8})-([0-9a-fA-F]{4})-7[0-9a-fA-F]{3}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


def born_ms(identifier: str | None) -> int | None:
    """The time in a UUIDv7, epoch ms.

    >>> born_ms("019ed50c-2fb3-7002-a384-360bea6e7f04")
    1781690806195
    """
    found = _UUID7.fullmatch(identifier or "")
    return int(found[1] + found[2], 16) if found else None


def begin(memory: Memory, origin: str, time: datetime | None) -> None:
    """What follows is `origin`'s; nothing once the session speaks for itself."""
    if memory.began:
        return
    memory.copied_from = memory.copied_from or origin
    memory.burst_ms = max(memory.burst_ms, to_ms(time) if time else 0)


def line(memory: Memory, time: datetime | None, turn_id: str | None, started_s: object) -> None:
    """Any line while history is repeated: is it still? The last two are of a line that begins a turn."""
    if memory.copied_from is None:
        return
    told, turn_ms = 0 if time is None else to_ms(time), _turn_ms(turn_id, started_s)
    if turn_ms is not None:
        memory.dated_turns = True
    paused = told > max(memory.burst_ms, memory.born_ms) + PAUSE_MS
    if (paused and not memory.dated_turns) or (turn_ms is not None and 0 < memory.born_ms <= turn_ms):
        end(memory)
    memory.burst_ms = max(memory.burst_ms, told)


def _turn_ms(turn_id: str | None, started_s: object) -> int | None:
    if (told := born_ms(turn_id)) is not None:
        return told
    if isinstance(started_s, int) and not isinstance(started_s, bool):
        return started_s * 1000 + 999
    return None


def end(memory: Memory) -> None:
    memory.copied_from, memory.began = None, True
