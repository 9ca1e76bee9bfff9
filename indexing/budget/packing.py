"""Which messages are handed over, and how much of each, so that the whole stays within the budget. Pure.

    1. every message is offered by its worth: a hit its score, a neighbour a share of its hit's
    2. it is taken when it is like none that was taken and fits; a long one is cut around its match
    3. a session gets half of the room at most, until all others have had their turn
    4. what room is left goes to the messages that were cut, the best first
    5. the whole is rendered and counted; as long as it is too much, what is worth least goes

Step 5 alone keeps the promise, since tokens of pieces do not quite add up; the others see that it has little to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from indexing import cutting
from indexing.alike import Seen, shape
from indexing.budget.model import Block, Content, Packed, Piece, Said, Source
from indexing.budget.rendering import Style, rendered
from indexing.budget.tokens import Count

SESSION_SHARE = 0.5
"""Of the room, for one session, as long as others wait."""
MESSAGE_SHARE = 0.125
"""Of the budget, for one message at first."""
LEAST_TOKENS, MOST_TOKENS = 160, 600
"""For one message at first, whatever the budget."""
WIDER = 2
"""How much more of a message that was cut is tried while room is left."""
CHARACTERS_A_TOKEN = 4
LEAST_OF_A_MESSAGE = 40
"""Tokens: a message is not cut to less, but where it is the first."""
LEAST_CHARACTERS = 12
"""Less of a message says nothing."""


def pack(
    sources: Sequence[Source],
    offered: Iterable[Said],
    *,
    tokens: int,
    count: Count,
    style: Style,
    query: str = "",
) -> Packed:
    """The sessions in the order given, each with its messages in theirs: at most `tokens`, all that is rendered counted.

    Where not even the opening fits, there is no text at all.
    """
    packing = _Packing(
        {source.session_id: source for source in sources},
        tokens=tokens,
        count=count,
        style=style,
        query=query,
    )
    waiting = sorted(
        (each for each in offered if each.content.text.strip()), key=lambda each: (-each.worth, each.id)
    )
    for share in (SESSION_SHARE, 1.0):
        waiting = [each for each in waiting if not packing.take(each, share)]
    packing.widen()
    return packing.fitted()


class _Packing:
    def __init__(
        self, sources: dict[int, Source], *, tokens: int, count: Count, style: Style, query: str
    ) -> None:
        self._sources, self._tokens, self._count, self._style, self._query = (
            sources,
            tokens,
            count,
            style,
            query,
        )
        self._room = tokens - count(style.opening(query) + style.ending())
        self._each = min(max(int(tokens * MESSAGE_SHARE), LEAST_TOKENS), MOST_TOKENS)
        self._taken: dict[int, tuple[Piece, int]] = {}
        """The pieces with what they cost, by the message's id, in the order in which they were taken."""
        self._spent: dict[int, int] = {}
        """By session, with its heading."""
        self._seen = Seen()

    def take(self, said: Said, share: float) -> bool:
        """Whether it needs no other turn: it was taken, or is like one that was."""
        source = self._sources.get(said.session_id)
        if source is None:
            return True
        shape_of = shape(said.content.text)
        if self._seen.find(shape_of) is not None:
            return True
        heading = 0 if said.session_id in self._spent else self._cost_of_heading(source)
        spent = self._spent.get(said.session_id, 0)
        left = min(int(share * self._room) - spent, self._room - sum(self._spent.values())) - heading
        piece = self._within(said, most=self._each, room=left)
        if piece is None:
            return False
        cost = self._cost(piece)
        self._seen.add(shape_of)
        self._taken[said.id] = piece, cost
        self._spent[said.session_id] = spent + heading + cost
        return True

    def widen(self) -> None:
        """Give what is left to the messages that were cut."""
        each = self._each
        while each < self._tokens and any(
            piece.text != piece.said.content.text for piece, _ in self._taken.values()
        ):
            each *= WIDER
            for id, (piece, cost) in self._taken.items():
                left = self._room - sum(self._spent.values())
                if piece.text == piece.said.content.text or left <= 0:
                    continue
                more = self._within(piece.said, most=each, room=cost + left)
                if more is not None and len(more.text) > len(piece.text):
                    self._taken[id] = more, self._cost(more)
                    self._spent[more.said.session_id] += self._cost(more) - cost

    def _within(self, said: Said, *, most: int, room: int) -> Piece | None:
        """As much of a message as fits into the room with its mark; None: too little for it to say anything."""
        most = min(most, room - self._cost(Piece(said, "")))
        if most < LEAST_OF_A_MESSAGE and self._taken and self._count(said.content.text) > most:
            return None
        while most > 0:
            piece = Piece(said, cut_to(said.content, most, self._count))
            if not piece.text or (cost := self._cost(piece)) <= room:
                return piece if piece.text else None
            most = min(most * room // cost, most - 1)  # escaped, a text is longer than it is
        return None

    def fitted(self) -> Packed:
        """In reading order; what is worth least is left out as long as the whole is too much."""
        kept = [piece for piece, _ in self._taken.values()]
        while True:
            blocks = in_order(self._sources.values(), kept)
            texts = rendered(self._style, self._query, blocks)
            tokens = sum(map(self._count, texts))
            if tokens <= self._tokens:
                return Packed(blocks, texts, tokens)
            if not kept:
                return Packed([], [], 0)
            kept.pop()

    def _cost_of_heading(self, source: Source) -> int:
        return self._count(self._style.heading(source) + self._style.closing())

    def _cost(self, piece: Piece) -> int:
        marked = msgspec.structs.replace(piece, n=len(self._taken) + 1, gap=True)
        return self._count(self._style.piece(marked))


def in_order(sources: Iterable[Source], pieces: Iterable[Piece]) -> list[Block]:
    """The pieces by session, in the order of each, numbered through."""
    by_session: dict[int, list[Piece]] = {}
    for piece in sorted(pieces, key=lambda each: (each.said.seq, each.said.id)):
        by_session.setdefault(piece.said.session_id, []).append(piece)
    blocks, n = [], 0
    for source in sources:
        placed = []
        before = None
        for piece in by_session.get(source.session_id, ()):
            n += 1
            gap = before is not None and piece.said.seq > before + 1
            placed.append(msgspec.structs.replace(piece, n=n, gap=gap))
            before = piece.said.seq
        if placed:
            blocks.append(Block(source, placed))
    return blocks


def cut_to(content: Content, tokens: int, count: Count) -> str:
    """The content, or what stands around its match, in at most so many tokens; "" where nothing sensible fits.

    >>> cut_to(Content("One two. Three four five. Six.", 9, 14), 6, lambda text: len(text.split()))
    'One two. Three four five. Six.'
    >>> cut_to(Content("One two. Three four five. Six.", 9, 14), 3, lambda text: len(text.split()))
    '…Three four…'
    """
    text = content.text
    limit = tokens * CHARACTERS_A_TOKEN
    if len(text) <= limit * 3 and count(text) <= tokens:
        return text
    while limit >= LEAST_CHARACTERS:
        low, high = cutting.around(text, content.start, min(content.end, content.start + limit), limit=limit)
        cut = (
            f"{'…' if text[:low].strip() else ''}{text[low:high].strip()}{'…' if text[high:].strip() else ''}"
        )
        needed = count(cut)
        if needed <= tokens:
            return cut
        limit = min(int(limit * tokens / needed), limit * 9 // 10)
    return ""
