"""What a live query is: a name, what it takes, how many askers are answered at once, and what its answer depends on.

Rule: an answer depends on nothing but its arguments, the rows of one workspace and, where it says so, the clock. What
it watches may be more than what it depends on, never less: a change that is not watched is a change that is missed.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any, Literal

import msgspec

from service.storage.database import Connection


class Watches(msgspec.Struct, frozen=True, kw_only=True):
    """Which rows of the change log make an answer dirty."""

    tables: frozenset[str]
    session_ids: frozenset[int] | None = None
    """Of these sessions only; None: of any."""
    name: str | None = None
    """An external id: a session that comes under it counts as well."""


class Outcome(msgspec.Struct, frozen=True):
    """One answer as it was read; a `RequestError`: there is none, and its text says why."""

    result: Any
    session_ids: frozenset[int] | None = None
    """What was found under the name that was asked for: to be watched from now on."""
    is_fixed: bool = False
    """It was found by its number: no other session can come under that name."""
    settled: bool = True
    """False: it will change although nothing is written, since what it was asked of is behind."""
    memory: Any = None
    """What `Query.step` needs to go on from here; None: the next answer is asked for whole."""
    is_step: bool = False
    """The rows are those that came or changed; the others stay, in their places."""


class Step(msgspec.Struct, frozen=True):
    """An answer that is there, and which messages may be others since."""

    asked: Any
    memory: Any
    rows: Mapping[str, bytes]
    """Encoded, by key, in order."""
    changed: frozenset[int]
    """Numbers of the messages of its session that changed, came, moved or went."""


Answers = Callable[[Connection, int, Sequence[Any]], Awaitable[list[Outcome]]]
"""Of one workspace, within one snapshot: the outcomes for many arguments, in their order."""
Steps = Callable[[Connection, int, Sequence[Step]], Awaitable[list[Outcome | None]]]
"""As `Answers`, from the answers before; None for one that has to be asked for whole."""
Compute = Callable[[int, Any, str], Awaitable[Outcome]]
"""Of one workspace: the outcome for these arguments; settled when what was asked contains this token."""


class Query(msgspec.Struct, frozen=True, kw_only=True):
    """An entry of the catalogue; either `answers` (perhaps with `step`) or `compute` says how it is answered."""

    name: str
    summary: str
    asks: type[Any]
    """The struct of its arguments; equal arguments share one answer."""
    gives: type[Any] | tuple[type[Any], ...]
    """The struct of its result: the body of the plain GET."""
    watches: Callable[[Any], Watches]
    answers: Answers | None = None
    step: Steps | None = None
    """The next answer for the price of what changed, where single messages of one session did."""
    compute: Compute | None = None
    """Asked apart from the tick, of an index that follows the log by itself."""
    check: Callable[[Any], object] = lambda asked: None
    """Errors: `RequestError` for arguments that can never be answered."""
    rows: str = ""
    """The member of the result that is a list whose rows are compared; none: a change sends the whole."""
    key: tuple[str, ...] = ("id",)
    """The members of a row that make its key."""
    key_by: Callable[[Any], tuple[str, ...]] | None = None
    """The same where it depends on the arguments."""
    whole: Callable[[Any, Any], bool] = lambda old, new: False
    """Whether this change of the members beside the rows needs the whole; else a delta tells it."""
    silent: frozenset[str] = frozenset()
    """Members that say how the answer was made: a change of them alone is none."""
    clock: Callable[[Any], tzinfo | None] = lambda asked: None
    """The zone whose midnight makes it dirty; None: it does not depend on the clock."""
    window_s: float = 0.0
    """It is computed at most this often."""
    cost: Literal["small", "large"] = "small"
    """`large`: it grows with the workspace, hence the window."""
