"""Named SQL: every statement is used, says why, and is understood by the server; every name that is used is there."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from service.postgres import EmbeddedPostgres
from service.storage.queries import split

SERVICE = Path(__file__).parents[2] / "service"
PARAMETER = re.compile(r"%\((\w+)\)[sbt]")
PLANNED = ("select", "insert", "update", "delete", "with", "merge")
SHORT_LINES = 8
"""A statement of so many lines may speak for itself."""

STATEMENTS = {
    (file.stem, name): statement
    for file in sorted(SERVICE.rglob("sql/*.sql"))
    for name, statement in split(file.read_text()).items()
}


def used() -> Iterator[tuple[str, str, bool]]:
    """(noun, text, certain) of each text in a module that says `SQL = load("noun")`; certain: it is in `SQL["text"]`."""
    for file in sorted(SERVICE.rglob("*.py")):
        tree = ast.parse(file.read_text())
        nouns = {target: noun for node in ast.walk(tree) for target, noun in loaded(node)}
        for node in ast.walk(tree):
            if isinstance(node, ast.Constant) and isinstance(node.value, str):
                yield from ((noun, node.value, False) for noun in nouns.values())
            if (
                isinstance(node, ast.Subscript)
                and isinstance(node.value, ast.Name)
                and node.value.id in nouns
            ):
                texts = [leaf.value for leaf in leaves(node.slice) if isinstance(leaf, ast.Constant)]
                yield from ((nouns[node.value.id], str(text), True) for text in texts)


def loaded(node: ast.AST) -> Iterator[tuple[str, str]]:
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
        function, arguments = node.value.func, node.value.args
        if isinstance(function, ast.Name) and function.id == "load" and isinstance(node.targets[0], ast.Name):
            assert isinstance(arguments[0], ast.Constant)
            yield node.targets[0].id, arguments[0].value


def leaves(node: ast.expr) -> list[ast.expr]:
    """The alternatives of `"a" if many else "b"`, without its condition."""
    return leaves(node.body) + leaves(node.orelse) if isinstance(node, ast.IfExp) else [node]


def test_it_uses_every_statement_and_has_every_one_it_uses() -> None:
    """No statement lies around unnamed, and none that is named is missing."""
    found = list(used())
    assert set(STATEMENTS) - {(noun, text) for noun, text, _ in found} == set()
    assert {(noun, text) for noun, text, certain in found if certain} - set(STATEMENTS) == set()


def test_it_says_why() -> None:
    """A statement of more than eight lines begins with a sentence of why."""
    silent = [
        f"{noun}.sql: {name}"
        for (noun, name), statement in STATEMENTS.items()
        if len(statement.splitlines()) > SHORT_LINES and not statement.startswith("--")
    ]
    assert silent == []


@pytest.mark.parametrize(("noun", "name"), STATEMENTS, ids=".".join)
def test_it_is_understood_by_the_server(noun: str, name: str, house_url: str) -> None:
    """Postgres finds every table, column, function and type that the statement names."""
    statement = numbered(STATEMENTS[noun, name])
    with psycopg.connect(house_url) as conn:
        if first_word(statement) in PLANNED:
            conn.execute(f"explain (generic_plan) {statement}")
        else:
            conn.execute(statement)
        conn.rollback()


@pytest.fixture(scope="module")
def house_url(template_16: EmbeddedPostgres) -> str:
    """A database with our schema, of the oldest Postgres that we support; only read here."""
    return template_16.url.replace("@/backscroll?", "@/template_migrated?")


def numbered(statement: str) -> str:
    """Parameters as Postgres numbers them.

    >>> numbered("select %(a)s, %(b)s, %(a)s, 5 %% 2")
    'select $1, $2, $1, 5 % 2'
    """
    names = list(dict.fromkeys(PARAMETER.findall(statement)))
    return PARAMETER.sub(lambda match: f"${names.index(match[1]) + 1}", statement).replace("%%", "%")


def first_word(statement: str) -> str:
    return re.sub(r"^\s*--.*$", "", statement, flags=re.MULTILINE).split()[0].lower()
