"""Messages whose rows may still come, and those that wait behind them: bounded, in the order of their first lines.

Rule: an answer is open until it has `_NEWER` newer answers in its session, or until `_MOST` messages or `_MOST_BYTES`
wait behind it; a file of any size is read in little memory. What leaves depends only on what came since the window's
first line, so that reading again from there gives the same messages.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Iterator

from service.importers.claude_code import blocks, reasons
from service.importers.claude_code.blocks import Content
from service.importers.claude_code.drafts import Answer, Draft

_MOST = 64
_MOST_BYTES = 8_000_000
_NEWER = 4
_MOST_BLOCKS = 1_000


class Window:
    def __init__(self) -> None:
        self._drafts: deque[Draft] = deque()
        self._bytes = 0
        self._answers: dict[tuple[str, str], Draft] = {}
        self._latest: dict[str, Draft] = {}
        self._by_record: dict[tuple[str, str], Draft] = {}
        self._callers: dict[tuple[str, str], Draft] = {}
        self._turns: Counter[str] = Counter()
        self._answered: Counter[str] = Counter()

    @property
    def offset(self) -> int | None:
        """The first line of the first message in it."""
        return self._drafts[0].lines[0] if self._drafts else None

    def add(self, draft: Draft) -> None:
        self._drafts.append(draft)
        self._bytes += draft.size
        if draft.role == "user" and not draft.queued:
            self._turns[draft.session] += 1
        if draft.answer is not None:
            self._answers[draft.session, draft.answer.id] = draft
            self._latest[draft.session] = draft
            self._answered[draft.session] += 1
        self._name(draft, draft)

    def grow(self, draft: Draft, row: Draft) -> None:
        """Another row of an answer that is here."""
        draft.add(row)
        self._bytes += row.size
        self._name(draft, row)

    def turn(self, session: str) -> int:
        """How many prompts came, counted from anywhere: only whether two rows have the same counts."""
        return self._turns[session]

    def answer(self, session: str, answer: Answer) -> Draft | None:
        """The answer that a row with these ids belongs to. Without a request to tell, a new prompt ends it."""
        draft = self._answers.get((session, answer.id))
        if draft is None or draft.answer is None or _is_full(draft.content):
            return None
        known = draft.answer
        if known.request and answer.request:
            return draft if known.request == answer.request else None
        return draft if known.turn == answer.turn else None

    def has_answer(self, session: str, id: str) -> bool:
        return (session, id) in self._answers

    def request_of(self, session: str, id: str) -> str | None:
        draft = self._answers.get((session, id))
        return None if draft is None or draft.answer is None else draft.answer.request

    def latest(self, session: str) -> Draft | None:
        """The session's last answer, while it is here."""
        return self._latest.get(session)

    def with_record(self, session: str, name: str) -> Draft | None:
        return self._by_record.get((session, name))

    def has_call(self, session: str, call: str) -> bool:
        return (session, call) in self._callers

    def deliver(self, session: str, text: str | None, *, every: bool = False) -> None:
        """A queued prompt was delivered: the one that says `text`, else the oldest, or every one."""
        waiting = [draft for draft in self._drafts if draft.queued and draft.session == session]
        waiting = [draft for draft in waiting if draft.left_out is None]
        if text is not None:
            waiting = [draft for draft in waiting if blocks.texts(draft.content)[0].strip() == text.strip()]
        for draft in waiting if every else waiting[:1]:
            draft.left_out = reasons.QUEUED

    def leaving(self) -> Iterator[Draft]:
        """What is complete, in order."""
        while self._drafts and (self._is_full() or not self._is_open(self._drafts[0])):
            yield self._pop()

    def rest(self) -> Iterator[Draft]:
        """What is still here, in order, at the end of what is there now."""
        while self._drafts:
            draft = self._pop()
            if draft.queued:
                draft.left_out = draft.left_out or reasons.QUEUED
            yield draft

    def _is_full(self) -> bool:
        return len(self._drafts) > _MOST or self._bytes > _MOST_BYTES

    def _is_open(self, draft: Draft) -> bool:
        if draft.queued:
            return draft.left_out is None
        if draft.answer is None:
            return False
        return self._answered[draft.session] <= _NEWER

    def _name(self, draft: Draft, row: Draft) -> None:
        self._by_record |= {(draft.session, name): draft for name in row.records}
        self._callers |= {(draft.session, call): draft for call in row.calls}

    def _pop(self) -> Draft:
        draft = self._drafts.popleft()
        self._bytes -= draft.size
        for names, index in ((draft.records, self._by_record), (draft.calls, self._callers)):
            for name in names:
                if index.get((draft.session, name)) is draft:
                    del index[draft.session, name]
        if draft.answer is not None:
            self._answered[draft.session] -= 1
            key = (draft.session, draft.answer.id)
            if self._answers.get(key) is draft:
                del self._answers[key]
            if self._latest.get(draft.session) is draft:
                del self._latest[draft.session]
        return draft


def _is_full(content: Content) -> bool:
    """Whether an answer has so many blocks that another one would be compared with too many."""
    return not isinstance(content, str) and len(content) > _MOST_BLOCKS
