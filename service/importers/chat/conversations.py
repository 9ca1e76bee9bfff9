"""OpenAI-style chats: JSON Lines of conversations or of messages, or one JSON document of either.

Rule: a line (or document) is a conversation when it has a list of messages (`messages`, ShareGPT's `conversations`),
a list of conversations or of messages when it is a list, and one message of the file's own session when it names a
role. No id depends on a folder:
    conversation with an id       that id; a short one ("17") with a hash of what is said up to the first answer
    conversation in a document    hash of what is said up to the first answer: it goes on when the document is written anew
    conversation in a line        the same, and the file's name: other files may go on otherwise. Of several lines that
                                  begin so, those that do not go on with the first: hash of all; and so in a file of
                                  many, which is a set and no log
    file of messages              its name and a hash of its lines up to the first that is no instruction; until there is
                                  one, the instructions are held
A message's id is its own, once in a session; else its place and a hash of what it says, so that nothing is written
over by something else.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

import msgspec
from msgspec import Raw

from service.importers import record, totals
from service.importers.chat import turns
from service.importers.chat.turns import Members, Said
from service.importers.clock import Clock, from_ms, to_ms
from service.importers.model import (
    Found,
    FoundMessage,
    FoundSession,
    LeftOut,
    Line,
    Place,
    Resume,
    State,
)
from service.model.message import MessageWrite
from service.model.session import SessionWrite

SOURCE = "chat"
NO_MESSAGE = "neither a message nor a conversation"
EMPTY = "a conversation without a message"
ONLY_INSTRUCTIONS = "instructions before any message"
LONG_ID_CHARS = 16
"""Of an id that is likely to be the only one of its kind."""
MAX_HELD_LINES = 64
MAX_HEADS = 256
"""Beginnings in mind, of a file's conversations."""
KEPT_IDS = 64
"""Of the file's last messages: an id that comes again is no message's own."""

_LISTS = ("messages", "conversations", "conversation")
_IDS = ("id", "conversation_id", "conversationId", "session_id", "sessionId", "thread_id", "uuid")


class Talk(msgspec.Struct):
    """A session in the making: plain, so that it can be carried over."""

    session: str = ""
    messages: int = 0
    ids: list[str] = []
    clock: dict[str, int] = {}
    model: str = ""
    begun: int | None = None
    totals: dict[str, int] = {}


class Head(msgspec.Struct, frozen=True, array_like=True):
    """A conversation that began in some way: how many messages it has so far, and a hash of them."""

    messages: int
    digest: str


class Memory(msgspec.Struct):
    talk: Talk = msgspec.field(default_factory=Talk)
    """The file's own session."""
    heads: dict[str, Head] = {}


class ChatParser:
    def __init__(self, place: Place, state: State | None = None) -> None:
        self._place = place
        memory = msgspec.convert(state, Memory) if state else Memory()
        self._talk = memory.talk
        self._heads = self._heads_before = memory.heads
        """Conversations by how they begin, now and when the first line came that is held. Replaced, never changed."""
        self._held: list[tuple[Line, Said]] = []

    def feed(self, line: Line) -> Iterable[Found]:
        try:
            found = record.members(_as_object(line.data))
        except record.Unreadable as unreadable:
            return [LeftOut(line.offset, str(unreadable))]
        if any(_is_list(found.get(name)) for name in _LISTS):
            return self._conversations([found], line)
        if _WRAPPED in found:
            return self._document(_objects(found[_WRAPPED]), line)
        said = turns.read(found)
        return [LeftOut(line.offset, NO_MESSAGE)] if said is None else self._own(line, said)

    def finish(self) -> Iterable[Found]:
        for line, _ in self._held:
            yield LeftOut(line.offset, ONLY_INSTRUCTIONS)
        if self._talk.session:
            yield FoundSession(_session(self._talk, {}))

    def resume(self, end: int) -> Resume:
        if not self._held:
            return Resume(end, msgspec.to_builtins(Memory(self._talk, self._heads)))
        return Resume(self._held[0][0].offset, msgspec.to_builtins(Memory(self._talk, self._heads_before)))

    def _document(self, items: Sequence[Members], line: Line) -> Iterator[Found]:
        """A list: of conversations, or of the messages of one."""
        if any(_is_list(item.get(name)) for item in items for name in _LISTS):
            yield from self._conversations(items, line)
            return
        yield from self._conversations([{"messages": Raw(msgspec.json.encode(items))}] if items else [], line)

    def _conversations(self, items: Sequence[Members], line: Line) -> Iterator[Found]:
        taken: set[str] = set()
        for item in items:
            said = _messages(item)
            if not said:
                continue
            talk = Talk(session=_free(self._conversation_id(item, said), taken))
            model = _name(item.get("model"))
            messages = [_message(talk, message, line, model=model) for message in said]
            yield FoundSession(_session(talk, item), (line.offset,))
            yield from messages
        if not taken:
            yield LeftOut(line.offset, EMPTY if items else NO_MESSAGE)

    def _conversation_id(self, item: Members, said: Sequence[Said]) -> str:
        given = (record.identifier(record.value(item.get(name))) for name in _IDS)
        name = next(filter(None, given), "")
        if len(name) >= LONG_ID_CHARS:
            return name
        answered = next((place for place, one in enumerate(said) if one.role == "assistant"), len(said))
        head = _digest(one.digest for one in said[: answered + 1])
        if name:
            return f"chat:{name}:{head}"
        if self._place.path.endswith(".json"):
            return f"chat:{head}"
        whole = _digest(one.digest for one in said)
        return f"chat:{self._stem}:{head}" if self._goes_on(head, said) else f"chat:{whole}"

    @property
    def _stem(self) -> str:
        return self._place.stem[: record.MAX_NAME_CHARS - 60]

    def _goes_on(self, head: str, said: Sequence[Said]) -> bool:
        """Whether a line is the first conversation that begins so, or goes on with it."""
        known = self._heads.get(head)
        if known is None and len(self._heads) >= MAX_HEADS:
            return False
        if known is not None and _digest(one.digest for one in said[: known.messages]) != known.digest:
            return False
        whole = Head(len(said), _digest(one.digest for one in said))
        if whole != known:
            self._heads = self._heads | {head: whole}
        return True

    def _own(self, line: Line, said: Said) -> Iterator[Found]:
        """A message that is a line of its own."""
        if not self._talk.session:
            if not self._held:
                self._heads_before = self._heads
            self._held.append((line, said))
            if said.role == "system" and len(self._held) < MAX_HELD_LINES:
                return
            digest = _digest(held.data.decode(errors="replace") for held, _ in self._held)
            self._talk = Talk(session=f"chat:{self._stem}:{digest}")
            yield FoundSession(_session(self._talk, {}))
            held, self._held = self._held, []
        else:
            held = [(line, said)]
        for line, said in held:
            yield _message(self._talk, said, line)


def _message(talk: Talk, said: Said, line: Line, *, model: str | None = None) -> FoundMessage:
    """The next message of a session, which is told of it."""
    id, place = said.id, talk.messages
    own = id is not None and id not in talk.ids
    if id is not None and own:
        talk.ids = [*talk.ids, id][-KEPT_IDS:]
    clock = Clock(talk.clock)
    created_at = clock.at("", said.told_at)
    talk.clock = clock.state
    talk.messages += 1
    talk.totals = totals.fields(totals.plus(totals.of(talk.totals), totals.of(said.usage)))
    if said.role == "assistant":
        talk.model = said.model or model or talk.model
    if created_at is not None and talk.begun is None:
        talk.begun = clock.state[""]
    attrs = dict(said.attrs)
    if said.told_at is not None and talk.clock[""] != to_ms(said.told_at):
        attrs["timestamp"] = said.told_at.isoformat()
    if id is not None and not own:
        attrs["id"] = id
    write = MessageWrite(
        session_external_id=talk.session,
        external_id=id if id is not None and own else f"{place}-{said.digest}",
        role=said.role,
        text=said.text,
        parts=said.parts,
        model=(said.model or model) if said.role == "assistant" else None,
        source=SOURCE,
        created_at=created_at,
        attrs=attrs or None,
        prompt_tokens=said.usage.get("prompt_tokens"),
        completion_tokens=said.usage.get("completion_tokens"),
        cache_read_tokens=said.usage.get("cache_read_tokens"),
        cache_write_tokens=said.usage.get("cache_write_tokens"),
    )
    return FoundMessage(write, records=(id,) if id is not None and own else (), lines=(line.offset,))


def _session(talk: Talk, item: Members) -> SessionWrite:
    """What is known of a session by now; `item` is the conversation's own object, if it has one."""
    told = turns.usage(record.value(item.get("usage")))
    counts = {name: talk.totals.get(name) or told.get(name) or None for name in totals.NAMES}
    begun = None if talk.begun is None else from_ms(talk.begun)
    return SessionWrite(
        external_id=talk.session,
        source=SOURCE,
        kind="conversation",
        title=_name(item.get("title")),
        model=talk.model or _name(item.get("model")),
        created_at=turns.told_at(item) or begun,
        attrs=_attrs(item) or None,
        prompt_tokens=counts["prompt_tokens"],
        completion_tokens=counts["completion_tokens"],
        cache_read_tokens=counts["cache_read_tokens"],
        cache_write_tokens=counts["cache_write_tokens"],
    )


def _attrs(item: Members) -> dict[str, Any]:
    """Small members of a conversation that have no field; of the tools that were offered, how many."""
    attrs: dict[str, Any] = {}
    for name, raw in item.items():
        small = len(bytes(raw)) <= turns.MAX_ATTR_BYTES and len(name) <= 60
        if (
            name in (*_LISTS, "title", "tools", "functions", "system", "model")
            or not small
            or len(attrs) >= turns.MAX_ATTRS
        ):
            continue
        if (value := record.value(raw)) not in (None, "", [], {}):
            attrs[name] = value
    metadata = item.get("metadata")
    if metadata is not None and len(bytes(metadata)) <= 2_000:
        attrs["metadata"] = record.value(metadata)
    offered = sum(len(_elements(item.get(name))) for name in ("tools", "functions"))
    unread = sum(1 for name in _LISTS for raw in _elements(item.get(name)) if _said(raw) is None)
    return {
        **attrs,
        **({"toolsOffered": offered} if offered else {}),
        **({"unread": unread} if unread else {}),
    }


def _messages(item: Members) -> list[Said]:
    """The messages of a conversation; ShareGPT keeps the instructions beside the list."""
    instructions = _name(item.get("system"), most=None)
    first = turns.read(_object({"role": "system", "content": instructions})) if instructions else None
    listed = [_said(raw) for name in _LISTS for raw in _elements(item.get(name))]
    return [said for said in (first, *listed) if said is not None]


def _said(raw: Raw) -> Said | None:
    if not bytes(raw).lstrip().startswith(b"{"):
        return None
    return turns.read(msgspec.json.decode(raw, type=dict[str, Raw]))


_WRAPPED = "a list"


def _as_object(data: bytes) -> bytes:
    """A list as the one member of an object, so that both are read the same."""
    stripped = data.removeprefix(b"\xef\xbb\xbf").strip()
    return b'{"a list":%s}' % stripped if stripped.startswith(b"[") else data


def _objects(raw: Raw) -> list[dict[str, Raw]]:
    return [
        msgspec.json.decode(element, type=dict[str, Raw])
        for element in _elements(raw)
        if bytes(element).lstrip().startswith(b"{")
    ]


def _object(value: dict[str, Any]) -> dict[str, Raw]:
    return msgspec.json.decode(msgspec.json.encode(value), type=dict[str, Raw])


def _elements(raw: Raw | None) -> list[Raw]:
    return msgspec.json.decode(raw, type=list[Raw]) if raw is not None and _is_list(raw) else []


def _is_list(raw: Raw | None) -> bool:
    return raw is not None and bytes(raw).lstrip().startswith(b"[")


def _name(raw: Raw | None, most: int | None = record.MAX_NAME_CHARS) -> str | None:
    return record.text(record.value(raw), most=most)


def _digest(texts: Iterable[str]) -> str:
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _free(name: str, taken: set[str]) -> str:
    """The name, or the next one behind it that is not taken."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}~{number}", number + 1
    taken.add(free)
    return free
