"""What of a message is indexed, and its cutting into passages that are small enough to embed. Pure.

All text gets passages, in time linear in its length. A passage ends at a paragraph, else at a sentence or line,
else between words; only a word longer than a passage is cut, and never inside a written character (a letter and
its accents, an emoji and its joiners).
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from itertools import pairwise

from indexing.model import Field, Passage

PASSAGE_TOKENS = 240
"""Estimated; about 140 words of prose. MiniLM reads 256 tokens, and what it does not read it cannot find."""
_LONGEST_TOKENS = PASSAGE_TOKENS * 9 // 8
"""A text up to this long stays whole: better than a last passage of three words."""
_EARLIEST_CUT = PASSAGE_TOKENS * 3 // 5
_PRIORITY = {"text": 0, "reasoning": 1, "tool-call": 1, "tool-result": 2}
_JOINED = "\u0300-\u036f\u1ab0-\u1aff\u20d0-\u20ff\ufe00-\ufe0f\U0001f3fb-\U0001f3ff\udc00-\udfff"
"""Characters that belong to the one before: accents, variation selectors, skin tones, second halves."""
_BELONGS = re.compile(rf"[{_JOINED}\u200d]")
_WORD = re.compile(rf"(?:[^\W_][{_JOINED}]*)+|_+|[^\w\s](?:[{_JOINED}]|\u200d[^\w\s])*")
"""A word, or one sign: an emoji with all that is joined to it is one."""
_PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
_SENTENCE_END = re.compile(r"""[.!?…][)\]"'”’»*`]*$""")
_ENDS = frozenset(""".!?…)]"'”’»*`""")
"""What the last character of a sentence can be."""
_UNSPACED_ENDS = frozenset("。！？")
_LONGEST_WORD = 32
_Word = tuple[int, int, int]
"""Start, end, tokens (estimated)."""


def split(fields: Sequence[Field]) -> list[Passage]:
    """The passages of a message, field by field and in order; offsets into each field's text.

    Whitespace alone gives none, and of fields with the same text only the first is cut.

    >>> [(each.field, each.start, each.end) for each in split([Field(-1, "text", " Hello there. ")])]
    [(-1, 1, 13)]
    """
    return [
        Passage(
            field=field.ordinal,
            start=start,
            end=end,
            sha256=hashlib.sha256(field.text[start:end].encode("utf-8", "surrogatepass")).digest(),
            priority=_PRIORITY[field.kind],
        )
        for field in distinct(fields)
        for start, end in cut(field.text)
    ]


def index_text(fields: Sequence[Field]) -> tuple[str, str]:
    """What the text index keeps of a message: what was said (text and reasoning), and what was done (tools).

    >>> index_text([Field(-1, "text", "Run it"), Field(0, "tool-call", "make test", "Bash")])
    ('Run it', 'Bash make test')
    """
    said = [field.text for field in distinct(fields) if field.kind in ("text", "reasoning")]
    done = [
        f"{field.tool_name} {field.text}".strip()
        for field in distinct(fields)
        if field.kind in ("tool-call", "tool-result")
    ]
    return "\n".join(said), "\n".join(done)


def distinct(fields: Sequence[Field]) -> list[Field]:
    """The fields without those whose text an earlier one has (clients send a message's text as a part as well)."""
    return list({field.text: field for field in reversed(fields)}.values())[::-1]


def cut(text: str) -> Iterator[tuple[int, int]]:
    """Start and end of each passage of a text."""
    if (
        len(text) <= _LONGEST_TOKENS
    ):  # no character is more than a token, and every one but spaces is of a word
        start, end = len(text) - len(text.lstrip()), len(text.rstrip())
        if start < end:
            yield start, end
        return
    waiting: list[_Word] = []
    tokens = 0
    for word in _words(text):
        waiting.append(word)
        tokens += word[2]
        while tokens > _LONGEST_TOKENS:
            here = _best_cut(text, waiting)
            yield waiting[0][0], waiting[here - 1][1]
            tokens -= sum(each[2] for each in waiting[:here])
            waiting = waiting[here:]
    if waiting:
        yield waiting[0][0], waiting[-1][1]


def _best_cut(text: str, words: list[_Word]) -> int:
    """After how many words to cut: the last good place that leaves a passage neither short nor too long."""
    best, best_rank, tokens = 1, -1, 0
    for count, (word, following) in enumerate(pairwise(words), start=1):
        tokens += word[2]
        if tokens > PASSAGE_TOKENS:
            break
        rank = _rank(text, word, following) if tokens >= _EARLIEST_CUT else 0
        if rank >= best_rank:
            best, best_rank = count, rank
    return best


def _rank(text: str, word: _Word, following: _Word) -> int:
    """How good a border is: 3 a paragraph, 2 a sentence or line, 1 between words, 0 inside one."""
    between, last = text[word[1] : following[0]], text[word[1] - 1]
    if "\n" in between:
        return 3 if _PARAGRAPH.search(between) else 2
    if last in _UNSPACED_ENDS:
        return 2
    if between and last in _ENDS and _SENTENCE_END.search(text, max(word[1] - 3, 0), word[1]):
        return 2
    return 1 if between else 0


def _words(text: str) -> Iterator[_Word]:
    """The words and signs of a text; a word that is long, or has no spaces around it (CJK), in pieces."""
    for match in _WORD.finditer(text):
        start, end = match.span()
        if end - start <= _LONGEST_WORD:
            yield start, end, _tokens(match[0])
            continue
        while start < end:
            stop = _whole(text, min(start + _LONGEST_WORD, end), end)
            yield start, stop, _tokens(text[start:stop])
            start = stop


def _whole(text: str, stop: int, end: int) -> int:
    """The next place, from `stop` on, that is not inside a written character."""
    furthest = min(end, stop + 16)  # nonsense made of a thousand accents is cut anyway
    while stop < furthest and (_BELONGS.match(text, stop) or text[stop - 1] == "\u200d"):
        stop += 1
    return stop


@lru_cache(maxsize=50_000)
def _tokens(word: str) -> int:
    """About as many as the tokenizer of MiniLM makes: one for six letters of English, two for letters mixed with digits, one a character else."""
    if not word.isascii():
        return len(word)
    if not word.isalpha():
        return 1 + len(word) // 2
    return 1 + len(word) // (6 if len(word) <= 16 else 3)
