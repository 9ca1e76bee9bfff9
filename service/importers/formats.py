"""Every format, by its name on the command line. What their parsers find is within the bounds of the service."""

from __future__ import annotations

from service.importers import (
    aider,
    backscroll,
    chat,
    claude_code,
    codex,
    copilot,
    cursor,
    droid,
    gemini,
    opencode,
    pi,
    specstory,
)
from service.importers.bounded import bounded
from service.importers.model import Format
from service.model.sources import canonical

FORMATS: dict[str, Format] = {
    module.FORMAT.name: bounded(module.FORMAT)
    for module in (
        claude_code,
        codex,
        opencode,
        gemini,
        aider,
        pi,
        droid,
        copilot,
        cursor,
        chat,
        specstory,
        backscroll,
    )
}


def named(spelling: str) -> Format | None:
    """The format of a name, or of a source in any of its spellings; None where there is none.

    >>> [named(name).name for name in ("claude", "codex-cli", "specstory")], named("abacus")
    (['claude-code', 'codex', 'specstory'], None)
    """
    by_source = {format.source: format for format in FORMATS.values()}
    return FORMATS.get(spelling) or by_source.get(canonical(spelling))
