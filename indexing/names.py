"""Names of projects, models and tools as people write them, and those that they mean. Pure."""

from __future__ import annotations

from collections.abc import Iterable


def meant(written: str, known: Iterable[str]) -> list[str]:
    """The known names that somebody means: the same in any case; else those that have it as a piece.

    A piece is what stands between slashes, or the beginning of a name up to a sign. Nothing known is meant: the name as
    it is written, which finds nothing.

    >>> meant("bash", ["Bash", "bash", "BashOutput"]), meant("opus", ["claude-opus-4-1", "gpt-5"])
    (['Bash', 'bash'], ['claude-opus-4-1'])
    >>> meant("shop", ["/srv/shop", "/srv/workshop"]), meant("gpt-4", ["gpt-4", "gpt-4o"]), meant("x", [])
    (['/srv/shop'], ['gpt-4'], ['x'])
    """
    names = sorted(set(known))
    wanted = written.casefold().strip("/")
    same = [name for name in names if name.casefold().strip("/") == wanted]
    return same or [name for name in names if wanted and _has_piece(name.casefold(), wanted)] or [written]


def _has_piece(name: str, wanted: str) -> bool:
    at = name.find(wanted)
    while at >= 0:
        before, after = name[:at][-1:], name[at + len(wanted) :][:1]
        if not before.isalnum() and not after.isalnum():
            return True
        at = name.find(wanted, at + 1)
    return False
