"""What is found in one transcript, on its way out: what is new is sent, each raw line once, and every line counted.

Rule: a finding is new when one of its lines lies behind what was known. A raw line goes out with the session that it
belongs to, and never before something of that session did; one that belongs to none goes with the first. Raw lines of
which no session is known yet are held up to `HELD_BYTES`; beyond that they are lost, and only counted.
"""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable

from service.collect.outgoing import OwnedLine, message_line, raw_lines, session_line
from service.collect.positions import SESSION, Start, stream_of
from service.importers import clock
from service.importers.model import Format, Found, FoundMessage, FoundSession, LeftOut, Resume
from service.importers.undated import Dated, Undated
from service.importers.wire import FileLine, ImportLine

HELD_BYTES = 1024 * 1024
"""Of a document's raw lines before they go out, and of those of a file that has no session."""
END = math.inf


class Findings:
    """Of one reading of one transcript. `put` takes the lines; without `raw` none of the raw lines go out."""

    def __init__(
        self, format: Format, path: str, start: Start, put: Callable[[ImportLine], None], *,
        mtime_ms: int, whole: bool = False, raw: bool = True,
    ) -> None:  # fmt: skip
        """`mtime_ms`: when the file was last written, for messages of which nothing tells the time."""
        self._mtime = clock.from_ms(mtime_ms)
        self._undated = Undated()
        self._format, self._path, self._start, self._put = format, path, start, put
        self._whole, self._raw = whole, raw
        self._sessions: dict[str, bool] = {}
        """In the order in which something of them went out; whether raw lines did too."""
        self._sources: dict[str, str] = {}
        """Of sessions that are not of the format's own source."""
        self._stream = start.stream
        self.dropped = False
        """Whether raw lines are lost, since the file had no session for too long."""
        self._unclaimed: dict[int, bytes] = {}
        self._owned: defaultdict[str | None, list[OwnedLine]] = defaultdict(list)
        self._held = 0
        self._lines: list[int] = []
        self._heads: list[int] = []
        self._left: list[tuple[int, str]] = []
        self.lines, self.messages = 0, 0
        """New ones, settled."""
        self.left_out: Counter[str] = Counter()

    @property
    def sessions(self) -> int:
        return len(self._sessions)

    @property
    def first(self) -> str | None:
        """The session with which lines go that belong to none."""
        return self._start.session or next(iter(self._sessions), None)

    @property
    def stream(self) -> str:
        """Fixed by the first session."""
        if self._stream is None and self.first is not None:
            self._stream = stream_of(self._start, self.first)
        return self._stream or stream_of(self._start, None)

    @property
    def unsettled(self) -> int:
        return len(self._heads)

    def line(self, offset: int, data: bytes | None) -> None:
        """A line that is about to be fed; None for one that is too long to be held."""
        if offset >= self._start.known:
            self._lines.append(offset)
            if self._raw and data is not None:
                self._unclaimed[offset] = data

    def add(self, found: Found) -> None:
        """Something that the parser found, or that was never fed to it."""
        if isinstance(found, FoundSession) and found.write.source:
            self._sources[found.write.external_id] = found.write.source
        if isinstance(found, LeftOut):
            self._leave_out(found)
        elif isinstance(found, FoundMessage):
            self._message(found)
        elif self._lines or self.lines:
            if not found.write.announced:
                self._announce(found.write.external_id)
            self._put(session_line(found.write, self._format.source))
        if isinstance(found, FoundSession):
            self._claim(found.write.external_id, found.lines)
        if self._whole and self._held >= HELD_BYTES:
            self._send_or_drop()

    def settle(self, before: float = END) -> None:
        """Count what lies before an offset, and send its raw lines."""
        self._put_messages(self._undated.rest(self._mtime))
        first = self.first
        if self._raw and first is not None:
            self._claim(first, tuple(offset for offset in self._unclaimed if offset < before))
            strays = [None, *(key for key in self._owned if before == END and key not in self._sessions)]
            for stray in strays:
                self._owned[first] += self._owned.pop(stray, [])
            self._send_raw(before)
        elif first is None:
            self._drop(before)
        self.lines += _take(self._lines, before)
        self.messages += _take(self._heads, before)
        self.left_out.update(reason for line, reason in self._left if line < before)
        self._left = [(line, reason) for line, reason in self._left if line >= before]

    def position(self, resume: Resume, **told: object) -> FileLine:
        """The file's line, with the counts of all that was settled in this reading and in those before it."""
        before = self._start.before
        state = dict(resume.state) | ({SESSION: self.first} if self.first else {})
        return FileLine(
            state=state,
            resume_offset=resume.offset,
            path=self._path,
            source=self._format.source,
            format=self._format.name,
            stream=self.stream,
            parser_version=self._format.version,
            sessions=max(self.sessions, before.sessions if before else 0),
            messages=self.messages + (before.messages if before else 0),
            lines=self.lines + (before.lines if before else 0),
            left_out=dict(self.left_out + Counter(before.left_out if before else {})),
            **told,  # type: ignore[arg-type]
        )

    def _leave_out(self, found: LeftOut) -> None:
        if found.line >= self._start.known:
            self._left.append((found.line, found.reason))
            self._claim(found.session_external_id, (found.line,))

    def _message(self, found: FoundMessage) -> None:
        known, session = self._start.known, found.write.session_external_id
        if not any(line >= known for line in found.lines):
            return
        self._announce(session)
        self._put_messages(self._undated.add(found))
        if (head := min(found.lines)) >= known:
            self._heads.append(head)
        self._claim(session, found.lines)

    def _put_messages(self, dated: Iterable[Dated]) -> None:
        for found, at in dated:
            assumed_at = None if at is None else clock.to_ms(at)
            self._put(message_line(found, self._format.source, self.stream, assumed_at=assumed_at))

    def _announce(self, session: str) -> None:
        self._sessions.setdefault(session, False)

    def _claim(self, session: str | None, lines: tuple[int, ...]) -> None:
        for line in lines:
            if (data := self._unclaimed.pop(line, None)) is not None:
                self._owned[session].append((line, data))
                self._held += len(data)

    def _send_or_drop(self) -> None:
        """Make room, in the midst of a document."""
        if self.first is None:
            self._owned.clear()
            self._held, self.dropped = 0, True
        else:
            self._put_messages(self._undated.rest(self._mtime))
            self._owned[self.first] += self._owned.pop(None, [])
            self._send_raw(END)

    def _drop(self, before: float) -> None:
        """Give up the raw lines before an offset when they are many, of a log without a session."""
        owned = [line for lines in self._owned.values() for line in lines]
        held = [len(data) for offset, data in [*owned, *self._unclaimed.items()] if offset < before]
        if sum(held) <= HELD_BYTES:
            return
        self.dropped = True
        self._unclaimed = {offset: data for offset, data in self._unclaimed.items() if offset >= before}
        for session, lines in self._owned.items():
            self._owned[session] = [line for line in lines if line[0] >= before]
        self._held = sum(len(data) for offset, data in owned if offset >= before)

    def _send_raw(self, before: float) -> None:
        begun = {self._start.session: False} if self._start.session else {}
        for session, sent in (begun | self._sessions).items():
            lines = [line for line in self._owned[session] if line[0] < before]
            self._owned[session] = [line for line in self._owned[session] if line[0] >= before]
            for line in raw_lines(
                lines, session=session, source=self._sources.get(session, self._format.source), format=self._format.name,
                stream=self.stream, path=self._path, whole=self._whole and not sent,
            ):  # fmt: skip
                self._put(line)
            if session in self._sessions:
                self._sessions[session] = sent or bool(lines)
        self._held = sum(len(data) for lines in self._owned.values() for _, data in lines)


def _take(offsets: list[int], before: float) -> int:
    """How many lie before, which are taken out."""
    left = [offset for offset in offsets if offset >= before]
    taken = len(offsets) - len(left)
    offsets[:] = left
    return taken
