"""What trufflehog's detectors must find in their own tests: tables of `input` and `want` in Go.

Only what is written as texts is read: literals, names of such, `+` and `fmt.Sprintf`. A `want` that does not stand in its
input as it is (an id and a secret in one piece, or as JSON) is told by the longest part of it that does.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from difflib import SequenceMatcher
from pathlib import Path

from benchmarks.planted import Planted

TOKEN = re.compile(
    r'//[^\n]*|/\*.*?\*/|`(?P<raw>[^`]*)`|"(?P<text>(?:[^"\\\n]|\\.)*)"|(?P<name>[A-Za-z_][\w.]*)|(?P<sign>:=|[^\s])',
    re.S,
)
Token = tuple[str, str]
SHORTEST = 8
FIELDS = ("input", "want")


class Unknown(Exception):
    """An expression of another kind."""


def planted(checkout: Path) -> tuple[list[Planted], list[Planted]]:
    """Secrets that stand in their input, and such as stand there in pieces."""
    whole, pieces = [], []
    for file in sorted(checkout.glob("pkg/detectors/**/*_test.go")):
        rule = str(file.parent.relative_to(checkout / "pkg/detectors"))
        for text, wanted in cases(file.read_text()):
            for secret in dict.fromkeys(wanted):
                if secret in text:
                    whole.append(Planted(rule, text, secret))
                elif len(part := longest_part(secret, text)) >= SHORTEST:
                    pieces.append(Planted(rule, text, part))
    return whole, pieces


def cases(source: str) -> Iterator[tuple[str, list[str]]]:
    """An input, and what is to be found in it, where that is anything."""
    tokens = list(tokenized(source))
    known: dict[str, list[str]] = {}
    row: dict[str, list[str]] = {}
    for place, (kind, name) in enumerate(tokens[:-1]):
        after = tokens[place + 1]
        if kind != "name" or after not in (("sign", ":="), ("sign", "="), ("sign", ":")):
            continue
        try:
            value = Expression(tokens, place + 2, known).value()
        except (Unknown, IndexError):
            value = []
        if after[1] != ":":
            known[name] = value
        elif name in FIELDS:
            row = {name: value} if name in row else {**row, name: value}
            if len(row) == len(FIELDS):
                if row["input"] and any(row["want"]):
                    yield row["input"][0], list(filter(None, row["want"]))
                row = {}


def tokenized(source: str) -> Iterator[Token]:
    for found in TOKEN.finditer(source):
        if found.lastgroup is None:
            continue
        text = found[found.lastgroup]
        if found.lastgroup == "raw":
            yield "text", text
        elif found.lastgroup == "text":
            yield "text", unquoted(text)
        else:
            yield found.lastgroup, text


def unquoted(text: str) -> str:
    try:
        return str(json.loads(f'"{text}"'))
    except ValueError:
        return re.sub(r"\\(.)", r"\1", text)


class Expression:
    """An expression of texts from a place on; `known`: values of names."""

    def __init__(self, tokens: list[Token], place: int, known: dict[str, list[str]]) -> None:
        self._tokens, self._place, self._known = tokens, place, known

    def value(self) -> list[str]:
        """Of a list its texts, of a text that one. Errors: `Unknown`."""
        if self._tokens[self._place : self._place + 3] == [("sign", "["), ("sign", "]"), ("name", "string")]:
            self._place += 3
            return self._several("{", "}")
        if self._peek()[0] == "name" and self._tokens[self._place + 1] not in (("sign", "("), ("sign", "+")):
            return self._named()
        return [self._sum()]

    def _sum(self) -> str:
        text = self._term()
        while self._peek() == ("sign", "+"):
            self._place += 1
            text += self._term()
        return text

    def _term(self) -> str:
        kind, text = self._next()
        if kind == "text":
            return text
        if (kind, text) == ("name", "fmt.Sprintf"):
            form, *given = self._several("(", ")")
            return formatted(form, given)
        if kind == "name":
            self._place -= 1
            found = self._named()
            if len(found) == 1:
                return found[0]
        raise Unknown(text)

    def _named(self) -> list[str]:
        _, name = self._next()
        if self._peek() in (("sign", "("), ("sign", "[")):
            raise Unknown(name)
        return self._known.get(name, [])

    def _several(self, start: str, end: str) -> list[str]:
        if self._next() != ("sign", start):
            raise Unknown(start)
        found = []
        while self._peek() != ("sign", end):
            if self._peek() == ("sign", ","):
                self._place += 1
                continue
            found.append(self._sum())
        self._place += 1
        return found

    def _peek(self) -> Token:
        return self._tokens[self._place]

    def _next(self) -> Token:
        self._place += 1
        return self._tokens[self._place - 1]


def formatted(form: str, given: list[str]) -> str:
    """Go's `Sprintf` of texts. Errors: `Unknown`.

    >>> formatted("%s token = '%s'", ["a", "b"])
    "a token = 'b'"
    """
    if len(re.findall(r"%[svq]", form)) != len(given):
        raise Unknown(form)
    values = iter(given)
    return re.sub(r"%[svq]", lambda _: next(values), form)


def longest_part(secret: str, text: str) -> str:
    """
    >>> longest_part('{"id":"a12","key":"q83vTzA91k"}', "id a12 and key q83vTzA91k")
    'q83vTzA91k'
    """
    match = SequenceMatcher(None, secret, text, autojunk=False).find_longest_match()
    return secret[match.a : match.a + match.size].strip(' {}":,')
