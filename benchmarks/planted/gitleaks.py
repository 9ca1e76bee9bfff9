"""What gitleaks' rules must find, and what they must not: each secret in all the forms (INI, JSON, YAML, code) in which its
authors plant it. Keys that they make by chance are made here by the same patterns, with a fixed seed."""

from __future__ import annotations

import random
import re
from collections.abc import Iterator
from pathlib import Path
from re import _constants as constants  # type: ignore[attr-defined]  # what `re` parses into has no public name
from re import _parser as parser  # type: ignore[attr-defined]
from typing import Any

from benchmarks.planted import Planted

SEED = 7
RULES, TEMPLATES = "cmd/generate/config/rules", "cmd/generate/config/utils/generate.go"
LITERAL = re.compile(r'"((?:[^"\\\n]|\\.)*)"|`([^`]*)`')
SAMPLE = re.compile(r'GenerateSampleSecrets?\(\s*"([^"]*)",\s*((?:[^()]|\((?:[^()]|\([^()]*\))*\))*)\)')
TERM = re.compile(
    r'secrets\.NewSecret\(\s*(?:utils\.(\w+)\("([^"]*)"\)|"((?:[^"\\]|\\.)*)"|`([^`]*)`)\s*\)|'
    + LITERAL.pattern
)
CLASSES = {
    "Numeric": "[0-9]", "Hex": "[a-f0-9]", "AlphaNumeric": "[a-z0-9]", "AlphaNumericExtendedShort": "[a-z0-9_-]",
    "AlphaNumericExtended": "[a-z0-9=_-]", "AlphaNumericExtendedLong": "[a-z0-9/=_+-]", "Hex8_4_4_4_12": "",
}  # fmt: skip
MOST_REPEATS = 8


def corpus(checkout: Path) -> tuple[list[Planted], list[str]]:
    """What must be found, and what a rule must not find."""
    random.seed(SEED)
    forms = list(templates((checkout / TEMPLATES).read_text()))
    planted, innocent = [], []
    for file in sorted((checkout / RULES).glob("*.go")):
        text = file.read_text()
        for identifier, expression in SAMPLE.findall(text):
            if secret := made(expression):
                planted += [Planted(file.stem, filled(form, identifier, secret), secret) for form in forms]
        positives, negatives = listed(text, "tps"), listed(text, "fps")
        planted += [Planted(file.stem, each, "") for each in positives]
        innocent += negatives
    return planted, innocent


def templates(text: str) -> Iterator[str]:
    """The forms in which they plant a secret."""
    for line in text.splitlines():
        form = re.match(r'\s*"[^"]+":\s*(?:' + LITERAL.pattern + r"),", line)
        if form and "{s}" in line:
            yield form[2] if form[2] is not None else unescaped(form[1])


def filled(form: str, identifier: str, secret: str) -> str:
    return form.replace("{i}", identifier).replace("{I}", identifier.upper()).replace("{s}", secret)


def made(expression: str) -> str:
    """The secret that a Go expression of texts and patterns makes; "" for any other expression."""
    rest = re.sub(r"[\s+]", "", TERM.sub("", expression))
    return "" if rest else "".join(map(term, TERM.finditer(expression)))


def term(found: re.Match[str]) -> str:
    function, length, pattern, raw, literal, raw_literal = found.groups()
    if function == "Hex8_4_4_4_12":
        return generated("[a-f0-9]{8}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{4}-[a-f0-9]{12}")
    if function:
        return generated(f"{CLASSES.get(function, '[a-z0-9]')}{{{length}}}")
    if pattern is not None or raw is not None:
        return generated(raw if pattern is None else unescaped(pattern))
    return raw_literal if literal is None else unescaped(literal)


def listed(text: str, name: str) -> list[str]:
    """Plain texts in a Go list of this name: those that no expression makes."""
    found = []
    for start in re.finditer(rf"\b{name}\s*:?=\s*(?:\[\]string\{{|append\(\s*{name},)", text):
        for line in text[start.end() :].splitlines():
            if re.match(r"\s*[})]", line):
                break
            if literal := re.fullmatch(r"\s*(?:" + LITERAL.pattern + r"),?\s*(?://.*)?", line):
                found.append(literal[2] if literal[2] is not None else unescaped(literal[1]))
    return found


def unescaped(text: str) -> str:
    return re.sub(r"\\(.)", lambda found: {"n": "\n", "t": "\t"}.get(found[1], found[1]), text)


def generated(pattern: str) -> str:
    """A text that fits a pattern, by chance."""
    return "".join(piece(each) for each in parser.parse(pattern))


def piece(node: tuple[Any, Any]) -> str:
    kind, value = node
    if kind is constants.LITERAL:
        return chr(value)
    if kind is constants.IN:
        return random.choice([character for each in value for character in members(each)])
    if kind in (constants.MAX_REPEAT, constants.MIN_REPEAT):
        least, most, inner = value
        count = random.randint(least, min(most, least + MOST_REPEATS))
        return "".join(piece(each) for _ in range(count) for each in inner)
    if kind is constants.SUBPATTERN:
        return "".join(piece(each) for each in value[-1])
    if kind is constants.BRANCH:
        return "".join(piece(each) for each in random.choice(value[1]))
    return ""


def members(node: tuple[Any, Any]) -> list[str]:
    kind, value = node
    if kind is constants.RANGE:
        return [chr(code) for code in range(value[0], value[1] + 1)]
    if kind is constants.CATEGORY:
        digits = "0123456789"
        return list(
            digits
            if value is constants.CATEGORY_DIGIT
            else digits + "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_"
        )
    return [chr(value)]
