"""Tokenizing for people and for code: one analysis for what is indexed, what is asked and what is highlighted.

Two readings of every text:

    stems   prose and pieces: `handleCallback` -> handl, callback; `redirects` -> redirect; 東京都 -> 東京, 京都
    forms   the words as they stand: `handleCallback` -> handlecallback; `user_name` -> user, name; 東京都 -> 東, 京, 都

An emoji or arrow is a word of its own in both. Stems are what people look up; forms, with their positions, answer phrases, prefixes and whole identifiers
(`foo.bar` and `src/app.py` are phrases of forms). Both are lower case and without accents (café = cafe).
What tantivy's analyzers cannot do (borders inside camelCase, scripts without spaces, Unicode normal forms) is done
to the text before they see it, by `for_stems` and `for_forms`, and for both at once by `for_both`. They look at bytes
and not at letters where they can: measured on tool output, 20 microseconds a kilobyte for both, against 95 with regular
expressions over the text, and 87 for tokens made in Python.
"""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Iterable
from functools import lru_cache
from itertools import pairwise
from string import ascii_letters, ascii_lowercase, ascii_uppercase, digits

from tantivy import Filter, TextAnalyzer, TextAnalyzerBuilder, Tokenizer

TOKEN_BYTES = 64
"""A longer token is noise (a checksum in base64, a minified bundle), which nobody types."""

_BLOB = re.compile(r"[A-Za-z0-9+/=_-]{128,}")
_LONG = b"b" * 128


def _classes(**letters: str) -> bytes:
    """A table for `bytes.translate`: each of the letters becomes the name of its class, and all else a space."""
    known = {ord(letter): ord(name) for name, members in letters.items() for letter in members}
    return bytes(known.get(byte, 0x20) for byte in range(256))


_IN_BLOB = _classes(b=ascii_letters + digits + "+/=_-")
_IN_WORD = _classes(A=ascii_uppercase, a=ascii_lowercase + digits)
# An upper-case letter that begins a piece: after a lower-case letter or digit, or as the last of a run (HTTPServer).
# The letter comes first in the pattern because a class is much faster to scan for than a look-behind.
_PIECE = re.compile(r"[A-Z](?:(?<=[a-z0-9][A-Z])|(?<=[A-Z][A-Z])(?=[a-z]))")
_UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ebd\u0ec0-\u0ecd\u1000-\u1049\u1780-\u17d3\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007"
    "\u3041-\u309f\u30a1-\u30fa\u30fc-\u318f\u31a0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97c\uac00-\ud7ff\uf900-\ufaff"
    "\U00020000-\U0003fffd"
)
"""Scripts that are written without spaces (Thai, Lao, Khmer, Burmese, CJK), and Hangul, whose words carry particles."""
_RUN = re.compile(f"[{_UNSPACED}]+")
_MARKS = "\u00ad\u0300-\u036f\u0591-\u05bd\u05bf\u05c1\u05c2\u05c4\u05c5\u05c7\u064b-\u065f\u0670\u200b-\u200d\u2060\ufe00-\ufe0f"
MARK = re.compile(f"[{_MARKS}]+")
"""Accents that no composed letter holds, vowel points, soft hyphens, joiners: a word with and without them is one."""
MAX_KEPT_CHARS = 40
"""Of a stretch beyond ASCII whose analysis is remembered."""
SIGN = re.compile(
    "[\u203c\u2049\u2190-\u21ff\u2300-\u23ff\u25a0-\u27bf\u2934\u2935\u2b00-\u2bff\u3030\u303d\U0001f000-\U0001f3fa\U0001f400-\U0001faff]"
)
"""Emoji, arrows, ticks: what people look for beside words. Skin tones and joiners make no difference."""
_SIGN_WORD = "emoji"
_ARROW, _STROKE = "\u2192", "\u0338"
CHUNK = re.compile(rf"(?:[^\W_][{_MARKS}]*)+")
"""A stretch of letters and digits: never less than a form."""


def stems(text: str) -> list[str]:
    """The stems of a text, in order.

    >>> stems("Redirects in handleCallback: café, E0308, HTTPServer, sha256Sum")
    ['redirect', 'in', 'handl', 'callback', 'cafe', 'e0308', 'http', 'server', 'sha256', 'sum']
    >>> stems("東京都 是")
    ['東京', '京都', '是']
    """
    return STEMS.analyze(for_stems(text))


def forms(text: str) -> list[str]:
    """The words of a text as they stand, in order.

    >>> forms("user_name = handleCallback('src/app.py')  # 東京")
    ['user', 'name', 'handlecallback', 'src', 'app', 'py', '東', '京']
    """
    return FORMS.analyze(for_forms(text))


def for_stems(text: str) -> str:
    """The text in which the analyzer `STEMS` finds the stems."""
    return for_both(text)[0]


def for_forms(text: str) -> str:
    """The text in which the analyzer `FORMS` finds the forms."""
    return for_both(text)[1]


def for_both(text: str) -> tuple[str, str]:
    """The texts for stems and for forms.

    >>> for_both("HTTPServer 東京都")
    ('HTTP Server  東京 京都 ', 'HTTPServer  東 京 都 ')
    """
    text = _with_arrows_as_words(_without_blobs(text))
    apart = _in_pieces(text)
    if text.isascii():
        return apart, text
    return apart.encode("ascii", "backscroll-stems").decode(), text.encode(
        "ascii", "backscroll-forms"
    ).decode()


def normal(text: str) -> str:
    """Full-width, composed and decomposed writing made one (NFKC); marks and half emoji taken out."""
    return MARK.sub("", unicodedata.normalize("NFKC", text.encode("utf-8", "replace").decode()))


def pieces(chunk: str) -> list[tuple[int, int]]:
    """Where the pieces of a camelCase word stand in it.

    >>> pieces("parseHTTPServer2Go")
    [(0, 5), (5, 9), (9, 16), (16, 18)]
    """
    borders = [0, *(match.start() for match in _PIECE.finditer(chunk)), len(chunk)]
    return list(pairwise(borders))


def is_unspaced(character: str) -> bool:
    """Is this a letter of a script without spaces, which is indexed in pairs?"""
    return _RUN.match(character) is not None


def sign_word(sign: str) -> str:
    """The word that a sign is indexed as: tantivy's tokens are letters and digits.

    >>> sign_word("🚀"), stems("ship it 🚀")
    ('emoji128640', ['ship', 'it', 'emoji128640'])
    """
    return f"{_SIGN_WORD}{ord(sign)}"


def is_sign_word(word: str) -> bool:
    return word.startswith(_SIGN_WORD) and word[len(_SIGN_WORD) :].isdigit()


def can_be_found(text: str) -> bool:
    """Has it a letter, a digit or a sign?"""
    return any(character.isalnum() for character in text) or SIGN.search(text) is not None


@lru_cache(maxsize=50_000)
def stem(piece: str) -> str:
    """The stem of one piece; "" when it has none (a sign, or too long)."""
    found = stems(piece)
    return found[0] if found else ""


def _without_blobs(text: str) -> str:
    # Few texts have one, and finding 128 equal bytes takes a tenth of the regular expression's time.
    if len(text) < len(_LONG) or _LONG not in _encoded(text).translate(_IN_BLOB):
        return text
    return _BLOB.sub(" ", text)


def _with_arrows_as_words(text: str) -> str:
    """The one sign that agents' tools put before every line of a file: nine in ten of all that is not ASCII, and asked
    for one by one they took half of this analysis. Where a stroke might make another arrow of it, it is left alone."""
    return text if _ARROW not in text or _STROKE in text else text.replace(_ARROW, f" {sign_word(_ARROW)} ")


def _in_pieces(text: str) -> str:
    """A space before each letter that begins a piece: as `pieces` cuts words, for a whole text."""
    encoded = _encoded(text)
    classes = encoded.translate(_IN_WORD)
    borders = [at + 1 for at in _all(b"aA", classes)]
    if run_ends := [at + 1 for at in _all(b"AAa", classes) if not encoded[at + 2 : at + 3].isdigit()]:
        borders = sorted(borders + run_ends)
    if not borders:
        return text
    cut = b" ".join([encoded[start:end] for start, end in pairwise((0, *borders, len(encoded)))])
    return cut.decode("utf-8", "surrogatepass")


def _all(wanted: bytes, text: bytes) -> Iterable[int]:
    """Where `wanted` stands in the text; no place of one is inside another."""
    at = -len(wanted)
    for between in text.split(wanted)[:-1]:
        at += len(wanted) + len(between)
        yield at


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogatepass")


def _in_pairs(run: re.Match[str]) -> str:
    letters = run.group()
    return f" {' '.join(map(''.join, pairwise(letters))) or letters} "


def _one_by_one(run: re.Match[str]) -> str:
    return f" {' '.join(run.group())} "


@lru_cache(maxsize=20_000)
def _stems_of(run: str) -> bytes:
    """A stretch of letters and signs beyond ASCII, as `STEMS` is given it: the same few make up most of them."""
    return SIGN.sub(_as_word, _RUN.sub(_in_pairs, normal(run))).encode()


@lru_cache(maxsize=20_000)
def _forms_of(run: str) -> bytes:
    return SIGN.sub(_as_word, _RUN.sub(_one_by_one, normal(run))).encode()


def _as_word(sign: re.Match[str]) -> str:
    return f" {sign_word(sign[0])} "


def _stems_where_not_ascii(error: UnicodeError) -> tuple[bytes, int]:
    run, end = _run_of(error)
    return (_stems_of if len(run) <= MAX_KEPT_CHARS else _stems_of.__wrapped__)(run), end


def _forms_where_not_ascii(error: UnicodeError) -> tuple[bytes, int]:
    run, end = _run_of(error)
    return (_forms_of if len(run) <= MAX_KEPT_CHARS else _forms_of.__wrapped__)(run), end


def _run_of(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    return error.object[error.start : error.end], error.end


# The codec for ASCII finds what is not ASCII faster than a regular expression, and asks for each stretch of it once.
codecs.register_error("backscroll-stems", _stems_where_not_ascii)
codecs.register_error("backscroll-forms", _forms_where_not_ascii)


def _analyzer(*more: Filter) -> TextAnalyzer:
    builder = TextAnalyzerBuilder(Tokenizer.simple())
    # Folding comes before lower case: Rust writes İ in lower case as two characters, which no fold knows.
    for step in (Filter.remove_long(TOKEN_BYTES + 1), Filter.ascii_fold(), Filter.lowercase(), *more):
        builder = builder.filter(step)
    return builder.build()


STEMS = _analyzer(Filter.stemmer("english"))
FORMS = _analyzer()
