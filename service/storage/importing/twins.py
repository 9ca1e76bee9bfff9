"""Which stored message a message is, where both a client and an import may have brought it. Pure.

Rule: ids decide, then words, never times. By id: an external id or a record (a transcript's record, a tool call, the
model's answer) that both have. By words: the same role and text, the k-th with the k-th of those that no id has
joined. The transcript's form wins; a client's message gives its id, its labels and its name to it.

Two messages of transcripts are one only where one is named by a record of the other and both have the same role: a
tool's result may tell the id of its call, and stays a message of its own.
"""

from __future__ import annotations

import hashlib
import unicodedata
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime

import msgspec

INJECTED = ("ide_opened_file", "ide_selection", "ide_diagnostics", "system-reminder")
"""Tags of what is added to a prompt behind the person's back: a transcript has it, a client does not."""


class Known(msgspec.Struct, frozen=True, kw_only=True):
    """A stored message of the session."""

    id: int
    external_id: str
    role: str
    transcript: bool
    created_at: datetime
    records: frozenset[str] = frozenset()
    """Of a transcript's message: the ids that transcripts know it by."""
    text_key: int | None = None
    notes: str | None = None
    eval_status: str | None = None
    expected_output: str | None = None
    excerpt: bool = False
    elsewhere: bool = False
    """It was read from another stream too than the one that is read again."""


class Coming(msgspec.Struct, frozen=True, kw_only=True):
    """A message of a transcript that is being imported."""

    external_id: str
    role: str
    names: frozenset[str]
    """Its external id and its records."""
    text_key: int | None = None
    excerpt: bool = False


class Meeting(msgspec.Struct, frozen=True, kw_only=True):
    """What becomes of a message that comes."""

    survivor: Known | None = None
    """The stored message that it is; None: it is new."""
    absorbed: tuple[Known, ...] = ()
    """Others that are this one too: their rows go."""
    stale: bool = False
    """An older snapshot of it, or an excerpt where the whole is stored: its content stays as it is."""


def meet(
    coming: Sequence[Coming], known: Sequence[Known], *, owners: Mapping[str, int], exact: bool = False
) -> list[Meeting]:
    """A meeting for each message of one session that comes, in order.

    `owners`: message ids by the names that they are known by. `exact`: a better reading of the stream, which may also
    make a message smaller; else a message that has fewer records than are stored changes nothing.
    """
    by_id = {message.id: message for message in known}
    by_external_id = {message.external_id: message for message in known}
    claimed: set[int] = set()
    matched: list[list[Known]] = []
    for message in coming:
        same = by_external_id.get(message.external_id)
        matched.append([same] if same else [])
        claimed.update(own.id for own in matched[-1])
    for message, found in zip(coming, matched, strict=True):
        hits = {owners[name] for name in message.names if name in owners}
        hits.update(by_external_id[name].id for name in message.names if name in by_external_id)
        for id in sorted(hits - claimed):
            if id in by_id and _is_same(message, by_id[id], has_row=message.external_id in by_external_id):
                found.append(by_id[id])
                claimed.add(id)
    _meet_by_words(coming, matched, [message for message in known if message.id not in claimed])
    told = Counter(name for message in coming for name in message.names)
    return [
        _meeting(message, found, told=told, exact=exact)
        for message, found in zip(coming, matched, strict=True)
    ]


def answer(
    coming: Sequence[tuple[str, int | None]], waiting: Iterable[tuple[int, str, int | None]]
) -> list[int | None]:
    """The transcript's message that each message of a client is, by role and text alone: (role, text key) in order.

    `waiting`: id, role and text key of the session's messages that came by import and by no client, in order.

    >>> answer([("user", 7), ("user", 7), ("user", None)], [(1, "user", 7), (2, "assistant", 7)])
    [1, None, None]
    """
    queues: dict[tuple[str, int], list[int]] = {}
    for id, role, key in waiting:
        if key is not None:
            queues.setdefault((role, key), []).append(id)
    return [
        queue.pop(0) if key is not None and (queue := queues.get((role, key))) else None
        for role, key in coming
    ]


def labels(messages: Sequence[Known]) -> dict[str, str | None]:
    """What people wrote beside messages that are one: the first of each, and all notes.

    >>> at = datetime(2026, 1, 1)
    >>> one = Known(id=1, external_id="a", role="user", transcript=False, created_at=at, notes="n")
    >>> labels([one, msgspec.structs.replace(one, id=2, notes="m", eval_status="golden")])
    {'notes': 'n\\n\\nm', 'eval_status': 'golden', 'expected_output': None}
    """
    notes = dict.fromkeys(message.notes for message in messages if message.notes)
    return {
        "notes": "\n\n".join(notes) or None,
        "eval_status": next((m.eval_status for m in messages if m.eval_status), None),
        "expected_output": next((m.expected_output for m in messages if m.expected_output), None),
    }


def text_key(role: str, text: str | None) -> int | None:
    """A number that stands for a role and a text, the same for however white space and commands are written.

    >>> text_key("user", "<command-name>/x</command-name> <command-args>y</command-args>") == text_key("user", "/x  y")
    True
    >>> text_key("user", " ") is None
    True
    """
    if not text or not (said := normalised(text)):
        return None
    digest = hashlib.blake2b(f"{role}\0{said}".encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big", signed=True)


def normalised(text: str) -> str:
    """A text as clients and transcripts agree on it: composed, white space folded, a command as it was typed, without
    what an editor or the program put before it.

    >>> normalised(" a\\n b "), normalised("<command-message>x</command-message><command-name>/x</command-name>")
    ('a b', '/x')
    >>> normalised("<ide_opened_file>The user opened a.ts</ide_opened_file>\\n\\nfix it")
    'fix it'
    """
    for tag in INJECTED:
        text = _without(text, tag)
    if (name := _within(text, "command-name")) is not None:
        text = f"{name} {_within(text, 'command-args') or ''}"
    folded = " ".join(text.split())
    return folded if folded.isascii() else unicodedata.normalize("NFC", folded)


def _without(text: str, tag: str) -> str:
    """A text without all that stands in a tag. Linear."""
    kept, start = [], 0
    while (begin := text.find(f"<{tag}>", start)) >= 0:
        end = text.find(f"</{tag}>", begin)
        if end < 0:
            break
        kept.append(text[start:begin])
        start = end + len(tag) + 3
    return "".join([*kept, text[start:]]) if kept else text


def _within(text: str, tag: str) -> str | None:
    """What stands in the first such tag; None where there is none. Looks at the text once, however it is made.

    >>> _within("<a>b</a><a>c</a>", "a"), _within("<a>b", "a")
    ('b', None)
    """
    opens, closes = f"<{tag}>", f"</{tag}>"
    start = text.find(opens)
    end = text.find(closes, start) if start >= 0 else -1
    return text[start + len(opens) : end] if end >= 0 else None


def _is_same(message: Coming, known: Known, *, has_row: bool) -> bool:
    """`has_row`: one with its very external id is stored: another that had its name before they were told apart is
    none of it."""
    if not known.transcript:
        return True
    named = known.external_id in message.names or (not has_row and message.external_id in known.records)
    return named and known.role == message.role


def _meet_by_words(coming: Sequence[Coming], matched: Sequence[list[Known]], rest: Iterable[Known]) -> None:
    """Those that no id has joined, with clients' messages that no id has joined."""
    waiting = sorted((m for m in rest if not m.transcript), key=lambda m: (m.created_at, m.id))
    by_id = {message.id: message for message in waiting}
    alone = [place for place, found in enumerate(matched) if not found]
    twins = answer(
        [(coming[place].role, coming[place].text_key) for place in alone],
        [(message.id, message.role, message.text_key) for message in waiting],
    )
    for place, id in zip(alone, twins, strict=True):
        if id is not None:
            matched[place].append(by_id[id])


def _meeting(message: Coming, found: Sequence[Known], *, told: Mapping[str, int], exact: bool) -> Meeting:
    if not found:
        return Meeting()
    ordered = sorted(found, key=lambda m: (not m.transcript, not _is_labelled(m), m.created_at, m.id))
    survivor = ordered[0]
    # What another message of this request claims does not speak against this one.
    names = survivor.records | {survivor.external_id}
    stored = {name for name in names if name in message.names or name not in told}
    stale = survivor.transcript and (
        message.excerpt
        if message.excerpt != survivor.excerpt
        else not (exact and not survivor.elsewhere) and message.names < stored
    )
    return Meeting(survivor=survivor, absorbed=tuple(ordered[1:]), stale=stale)


def _is_labelled(message: Known) -> bool:
    return any((message.notes, message.eval_status, message.expected_output))
