"""Credentials in a text: where they stand, and of what kind.

Rule: what has the form of a known provider's key is one. What stands behind a key-like name is one when it looks
random: a letter and a digit at least, no word, no path, no placeholder, and an entropy that words do not have.
Measured in docs/evals.md against cases that another detector's authors wrote.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from service.privacy.providers import KEYWORDS, PROVIDERS

SHORTEST, LONGEST = 8, 2000
NAME_CHARS = 60
DIGITS = 15
"""A shorter number is a count or a time."""
TOLD_BY_PLACE = ("named-secret", "authorization-header", "url-password")
"""Kinds that are known by what stands before them, and not by their form."""
SHORTEST_AGAIN, MOST_AGAIN = 12, 100
BARE_KEY_CHARS, BARE_KEY_BITS = 20, 3.5
"""Of what is behind `key=` alone, which is more often a key of a map."""


class Span(NamedTuple):
    start: int
    end: int
    kind: str


def find(text: str) -> list[Span]:
    """Where credentials stand, in order, none within another.

    >>> [text[s.start : s.end] for text in ["export API_TOKEN=a8Kx92hQz71mPw0v"] for s in find(text)]
    ['a8Kx92hQz71mPw0v']
    """
    lower = text.lower()
    rules = (_provider_spans, _pem_spans, _url_spans, _header_spans, _named_spans, _element_spans)
    spans = [span for rule in rules for span in rule(text, lower)]
    return _apart([*spans, *_again(text, spans)])


def _apart(spans: list[Span]) -> list[Span]:
    """In order, what overlaps as one."""
    found: list[Span] = []
    for span in sorted(spans, key=lambda span: (span.start, -span.end)):
        if not found or span.start >= found[-1].end:
            found.append(span)
        elif span.end > found[-1].end:
            found[-1] = found[-1]._replace(end=span.end)
    return found


def _again(text: str, spans: list[Span]) -> Iterator[Span]:
    """Where what was found behind a name stands once more, without one."""
    known = {text[each.start : each.end]: each.kind for each in spans if each.kind in TOLD_BY_PLACE}
    for value in [value for value in known if len(value) >= SHORTEST_AGAIN][:MOST_AGAIN]:
        start = text.find(value)
        while start >= 0:
            end = start + len(value)
            if not _within_word(text, start, end):
                yield Span(start, end, known[value])
            start = text.find(value, end)


def _within_word(text: str, start: int, end: int) -> bool:
    return text[start - 1 : start].isalnum() or text[end : end + 1].isalnum()


def is_secret_value(name: str, value: str) -> bool:
    """Whether the value of a member of this name is a credential as a whole.

    >>> is_secret_value("clientSecret", "q83vTzA91kLmNx02"), is_secret_value("tokenCount", "q83vTzA91kLmNx02")
    (True, False)
    """
    return SHORTEST <= len(value) <= LONGEST and _key_like(name) and _random(value, name)


def _provider_spans(text: str, lower: str) -> Iterator[Span]:
    wanted = {kind for keyword, kinds in KEYWORDS.items() if keyword in lower for kind in kinds}
    for kind in sorted(wanted):
        for match in PROVIDERS[kind].finditer(text):
            group = 1 if match.re.groups else 0
            if not _placeholder(match[group]):
                yield Span(*match.span(group), kind)


_PEM = re.compile(
    r"-----BEGIN[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----"
    r"(?:(?:(?!-----)[\s\S]){24,20000}?-----END[ A-Z0-9_-]{0,60}PRIVATE KEY(?: BLOCK)?-----|[A-Za-z0-9+/=\s\\,:-]{64,20000})"
)


def _pem_spans(text: str, lower: str) -> Iterator[Span]:
    if "private key" in lower:
        yield from (Span(*match.span(), "private-key") for match in _PEM.finditer(text))


_URL = re.compile(
    r"""\b[a-z][a-z0-9+.-]{1,20}://[^\s/:@"'<>`$({\[]{0,100}:([^\s/@"'<>`]{3,200})@[\w\[.-]""", re.I
)


def _url_spans(text: str, lower: str) -> Iterator[Span]:
    if "://" in text:
        for match in _URL.finditer(text):
            if not _placeholder(match[1]) and match[1].lower() not in _COMMON and match[1][0] not in "$%{<[":
                yield Span(*match.span(1), "url-password")


_HEADER = re.compile(
    r"""(?:\b(?:basic|bearer|digest)\s{1,3}|\bauthorization["']?\s{0,3}[:=]\s{0,3}["']?(?:[\w-]{1,20}\s{1,3})?)"""
    r"""([A-Za-z0-9+/_.~-]{12,2000}={0,2})""",
    re.I,
)
_CURL = re.compile(
    r"""\bcurl\b[^\n]{0,300}?\s(?:-u|--user)[\s=]{0,2}["']?[^\s:"'$<]{1,80}:([^\s"'$<]{3,200})"""
)


def _header_spans(text: str, lower: str) -> Iterator[Span]:
    if any(word in lower for word in ("basic", "bearer", "digest", "authorization")):
        for match in _HEADER.finditer(text):
            if _random(match[1], "authorization"):
                yield Span(*match.span(1), "authorization-header")
    if "curl" in lower:
        for match in _CURL.finditer(text):
            group = 1 if match[1] else 2
            if not _placeholder(match[group]) and match[group].lower() not in _COMMON:
                yield Span(*match.span(group), "url-password")


_NAMED = re.compile(
    r"""(?:secret|token|passw|pwd|passphrase|key|cred|auth)[\w.-]{0,40}"""
    # What closes the name, a type that is declared, and what assigns.
    r"""(?:\\?["'`\])]){0,3}(?:[ \t]{1,4}[A-Za-z][\w.]{0,20}(?=[ \t]{0,4}=))?[ \t]{0,20}"""
    r"""(?P<sign>:{1,3}=|[.+?]=|=>|={1,3}|\|{1,2}|:|,|>\s{0,20}(?=[^\s<])|-(?=[ \t]{1,3}["'`]))"""
    r"""[ \t]{0,20}(?:[=>|][ \t]?)?(?:[bru]?\\?["'`]{1,3})?"""
    r"""(?P<value>[^\s"'`,;<>()\[\]{}\\&]{8,2000})""",
    re.I,
)
_FLAG = re.compile(r"""(?<![\w-])--?([A-Za-z][\w-]{2,40})[ \t]{1,4}["']?([^\s"'`,;<>()\[\]{}\\$]{8,2000})""")
_NAME, _NAME_BEFORE = re.compile(r"[\w.-]+"), re.compile(r"[\w.-]*\Z")


def _named_spans(text: str, lower: str) -> Iterator[Span]:
    if not any(word in lower for word in ("secret", "token", "pass", "pwd", "key", "cred", "auth")):
        return
    for match in _NAMED.finditer(text):
        start = max(0, match.start() - NAME_CHARS)
        before = _NAME_BEFORE.search(text, start, match.start())
        place = match.start("value")
        names = _NAME.findall(text, before.start() if before else match.start(), match.start("sign"))
        name = next(filter(_key_like, names), names[0])
        value = match["value"].rstrip(".:!?*")
        if len(value) < SHORTEST or not _random(value, name):
            continue
        if _key_like(name) or (match["sign"] == "=" and _is_bare_key(name, value)):
            yield Span(place, place + len(value), "named-secret")
    for match in _FLAG.finditer(text):
        if is_secret_value(match[1], match[2]):
            yield Span(*match.span(2), "named-secret")


def _is_bare_key(name: str, value: str) -> bool:
    """
    >>> [_is_bare_key("Key", value) for value in ("KRXaU9GK3f9yHG1FS-mbwhsIXdW22epH", "node-18-linux", "ab12" * 10)]
    [True, False, False]
    """
    return (
        name.lower() == "key"
        and len(value) >= BARE_KEY_CHARS
        and entropy(value) >= BARE_KEY_BITS
        and not _HEX.fullmatch(value.replace("-", ""))
    )


_ELEMENT = re.compile(r"<([A-Za-z][\w.:-]{0,60})>([^<>]{16,2000})</")
_PIECE = re.compile(r"[^\s{}\"'`,;()\[\]]{16,}")


def _element_spans(text: str, lower: str) -> Iterator[Span]:
    """In an XML element with a key-like name a credential may stand among other words."""
    if "</" not in text:
        return
    for match in _ELEMENT.finditer(text):
        if _key_like(match[1]):
            for piece in _PIECE.finditer(text, *match.span(2)):
                if _random(piece[0], match[1]):
                    yield Span(*piece.span(), "named-secret")


_WORDS = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_STRONG_TEXT = """
secret secrets password passwd pwd passphrase token apikey credential credentials creds cred auth
authorization authtoken accesstoken secretkey accesskey privatekey bearer passwort
"""
_STRONG = frozenset(_STRONG_TEXT.split())
_ABOUT_TEXT = """
id ids name names url uri path paths file files type types count counts limit limits length size
sizes expiry expires expiration at time times endpoint host port usage used kind format version
header headers prefix suffix pattern regex class field column index hash digest fingerprint
algorithm algo mode max min total budget window required optional enabled provider store service
manager handler error message label description hint policy rules rule code status bucket arn region
scope scopes input output cache ratio rate user username email domain realm method public test
"""
_ABOUT = frozenset(_ABOUT_TEXT.split())
_OTHER_KEYS_TEXT = """
cache primary foreign public pub sort partition hash map dict object json query react item row
column idempotency storage routing group index lookup natural unique composite translation locale
i18n press down up left right arrow shift hot registry event keyboard schema sequence feature flag
settings config state prop
"""
_OTHER_KEYS = frozenset(_OTHER_KEYS_TEXT.split())


def _key_like(name: str) -> bool:
    """
    >>> [_key_like(n) for n in ("AWS_SECRET_ACCESS_KEY", "max_tokens", "authorName", "stripe-key", "cacheKey", "token_id")]
    [True, False, False, True, False, False]
    """
    words = [word.lower() for word in _WORDS.findall(name[-NAME_CHARS:])]
    while words and words[-1].isdigit():
        words.pop()
    if not words or words[-1] in _ABOUT:
        return False
    if not _STRONG.isdisjoint(words):
        return True
    return len(words) > 1 and words[-1] == "key" and _OTHER_KEYS.isdisjoint(words)


_PLACEHOLDER = re.compile(
    r"(?i)x{5,}|\*{3,}|\.{3,}|0{8,}|your[_-]|[_-]?here\b|example|placeholder|changeme|redacted|dummy|sample|"
    r"my[_-]?(?:token|key|secret|password)|insert[_-]|<[^>]+>|\$\{|\{\{|%\(|process\.env|os\.environ|getenv|todo|lorem"
)
_COMMON_TEXT = """
password pass secret postgres root admin user test guest token pwd passwd example changeme pw
"""
_COMMON = frozenset(_COMMON_TEXT.split())
_CODE = re.compile(
    r"[A-Za-z_$][A-Za-z_$]*\d{0,2}(?:\??\.[A-Za-z_$][A-Za-z_$]*\d{0,2})+\(?|[\w./@-]*/[\w./@-]*\.[a-z]{1,5}|[\w-]+\.(?:com|org|io|net|dev|py|ts|tsx|js|md|json|ya?ml|rs|go)\b.*"
)
_HEX = re.compile(r"(?:0x)?[0-9a-fA-F]+")
_WORDY = re.compile(r"(?:[A-Za-z]{2,}+[_./:-]?)++\d{0,3}")
_PATH = re.compile(
    r"(?:~|\.{0,2})/[\w.@/-]+|[A-Za-z]:\\.*|https?:.*|sha\d{3}[-:].*|[\w-]+/[\w-]+(?:/[\w-]+)*"
)


def _random(value: str, name: str) -> bool:
    """Whether a value looks as keys do, and words, paths and code do not."""
    if _placeholder(value) or _CODE.fullmatch(value) or _WORDY.fullmatch(value):
        return False
    if "/" in value and _PATH.fullmatch(value) and not re.search(r"[A-Z].*\d|\d.*[A-Z]", value):
        return False
    if value.isdigit():
        return len(value) >= DIGITS and entropy(value) > 2
    if not (any(map(str.isdigit, value)) and any(map(str.isalpha, value))):
        return False
    if "pass" in name.lower() or "pwd" in name.lower():
        return len(value) >= SHORTEST
    bits = entropy(value)
    if _HEX.fullmatch(value):
        return len(value) >= 16 and bits >= 2.6
    return len(value) >= 10 and bits >= (3.0 if len(value) < 20 else 3.3)


def _placeholder(value: str) -> bool:
    return len(set(value)) < 5 or _PLACEHOLDER.search(value) is not None


def entropy(text: str) -> float:
    """Bits a character, by how often each stands there (Shannon).

    >>> entropy("aabb"), round(entropy("a8Kx92hQz71mPw0v"), 2)
    (1.0, 4.0)
    """
    counts = Counter(text).values()
    return sum(count / len(text) * math.log2(len(text) / count) for count in counts) if text else 0.0
