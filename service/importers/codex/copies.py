"""Names of records that are still to come as the other copy of a message: short, so that the state can hold them.

Rule: a name says which copy (item or event), of what kind and whose, and a digest of its words or its call's id. It
holds no text of people.
"""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256

from service.importers.codex import context
from service.importers.codex.draft import Draft
from service.importers.codex.entry import Entry

MOST_AWAITED = 192
"""Names, of which a message has one or two: the state stays small."""
MOST_TEXTS = 4
"""Of one message."""


def awaited(entry: Entry) -> list[str]:
    """The names of the records that could still come as copies of what this message has."""
    said = entry.draft
    if said.kind == "note":
        return []
    if said.kind in ("call", "output"):
        missing = [side for side, has in (("item", entry.item), ("event", entry.event)) if has is None]
        return [_name(side, said, said.call_id or said.tool or "") for side in missing]
    rest = {"event": _rest(entry.item_texts, entry.event_texts)}
    if entry.event is not None:
        rest["item"] = _rest(entry.event_texts, entry.item_texts)
    return [_name(side, said, text) for side, texts in rest.items() for text in texts]


def known(said: Draft, names: tuple[str, ...], *, event: bool) -> str | None:
    """By which of the names a record was awaited."""
    if not names or said.kind == "note":
        return None
    side = "event" if event else "item"
    if said.kind in ("call", "output"):
        words: Iterable[str] = (said.call_id or said.tool or "",)
    else:
        words = ("".join(said.texts), *said.texts)
    mine = (_name(side, said, text) for text in words)
    return next((name for name in mine if name in names), None)


def _rest(have: list[str], copied: list[str]) -> list[str]:
    """The texts of one copy that the other has not told yet; and all of them as one, if it told nothing."""
    rest = list(have)
    for text in copied:
        if text in rest:
            rest.remove(text)
    return rest[:MOST_TEXTS] if copied or len(rest) < 2 else ["".join(rest), *rest[: MOST_TEXTS - 1]]


def _name(side: str, said: Draft, words: str) -> str:
    digest = sha256(context.shown(words).encode()).hexdigest()[:16]
    return f"{side}:{said.kind}:{said.role}:{digest}"
