"""Texts and JSON values without credentials, or without who and where people are; what was cut is counted by kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any

import msgspec

from service.privacy import names, secrets

LONG_NAME_CHARS = 20
MAY_TELL = frozenset("/\\@")


class Cleaner:
    """Cleans what it is given. Both off: it gives back what it got."""

    def __init__(self, *, redact: bool = False, anonymize: bool = False) -> None:
        self.redacts, self.anonymizes = redact, anonymize
        self.redacted: Counter[str] = Counter()
        self.anonymized: Counter[str] = Counter()

    def __bool__(self) -> bool:
        return self.redacts or self.anonymizes

    def text(self, text: str, people: Iterable[str] = ()) -> str:
        """`people`: names of users that are known from elsewhere.

        >>> Cleaner(redact=True, anonymize=True).text("/Users/ada/.netrc: password a8Kx92hQ@z71, API_KEY=a8Kx92hQz71mPw0v")
        '/Users/user/.netrc: password a8Kx92hQ@z71, API_KEY=[redacted:named-secret]'
        """
        if self.redacts and len(text) >= secrets.SHORTEST:
            text = self._without_secrets(text)
        if self.anonymizes and text:
            known = names.gather([text]) | frozenset(people)
            text = names.replaced(text, known, lambda kind: self.anonymized.update((kind,)))
        return text

    def value(self, value: Any, people: Iterable[str] = (), *, name: str = "") -> Any:
        """The texts of a JSON value; `name` is the member's that holds it. What holds nothing stays the same object."""
        if isinstance(value, str):
            if self.redacts and name and secrets.is_secret_value(name, value):
                self.redacted["named-secret"] += 1
                return mark("named-secret")
            return self.text(value, people)
        if isinstance(value, dict):
            return self._members(value, people)
        if isinstance(value, list):
            return [self.value(each, people, name=name) for each in value]
        return value

    def json(self, text: bytes, people: Iterable[str] = ()) -> bytes:
        """JSON text; where there is nothing to cut, the very same. What is no JSON is cleaned as a text."""
        try:
            value = msgspec.json.decode(text)
        except (ValueError, RecursionError):
            plain = text.decode(errors="replace")
            cleaned = self.text(plain, people)
            return text if cleaned == plain else cleaned.encode()
        cleaned = self.value(value, people)
        return text if cleaned == value else msgspec.json.encode(cleaned)

    def _members(self, value: dict[str, Any], people: Iterable[str]) -> dict[str, Any]:
        """Names that hold a path or a key are cleaned too; two that become one stay two."""
        found: dict[str, Any] = {}
        for key, each in value.items():
            name = clean = self.text(key, people) if _holds(key) else key
            number = 2
            while clean in found or (clean != key and clean in value):
                clean, number = f"{name}~{number}", number + 1
            found[clean] = self.value(each, people, name=key)
        return found

    def _without_secrets(self, text: str) -> str:
        spans = secrets.find(text)
        if not spans:
            return text
        pieces, end = [], 0
        for span in spans:
            self.redacted[span.kind] += 1
            pieces += [text[end : span.start], mark(span.kind)]
            end = span.end
        return "".join([*pieces, text[end:]])


def _holds(name: str) -> bool:
    """Whether a member's name is worth a look: nearly all are short words of a program."""
    return len(name) >= LONG_NAME_CHARS or not MAY_TELL.isdisjoint(name)


def mark(kind: str) -> str:
    """
    >>> mark("jwt")
    '[redacted:jwt]'
    """
    return f"[redacted:{kind}]"
