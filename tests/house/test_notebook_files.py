"""Notebooks import and never define: what is used twice has a home with tests."""

from __future__ import annotations

import ast
from collections import Counter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
FILES = sorted((ROOT / "notebooks").glob("*.py"))
FILE_LINES, CELL_LINES = 400, 60
LIBRARIES = {
    "altair",
    "marimo",
    "polars",
    "great_tables",
    "datetime",
    "zoneinfo",
    "pathlib",
    "tempfile",
    "json",
}
OURS = ("analytics", "service.looking")
ALIKE = {"asked", "place", "dark"}
"""Cells that each notebook has, of one line: the form, the place, the theme."""


def modules(tree: ast.AST) -> set[str]:
    """What is imported, by its full name."""
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_imports_what_thinks_and_what_draws(file: Path) -> None:
    """Of ours only `analytics` and `service.looking`; no other notebook."""
    strange = {
        name
        for name in modules(ast.parse(file.read_text()))
        if name.split(".")[0] not in LIBRARIES and not name.startswith(OURS)
    }
    assert strange == set()


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_defines_nothing(file: Path) -> None:
    """A notebook holds cells: no function with a name, no class; short ones."""
    tree = ast.parse(file.read_text())
    named = [
        node.name
        for node in ast.walk(tree)
        if isinstance(node, ast.ClassDef) or (isinstance(node, ast.FunctionDef) and node.name != "_")
    ]
    cells = [node for node in tree.body if isinstance(node, ast.FunctionDef)]
    assert named == []
    assert [
        cell.lineno for cell in cells if cell.end_lineno and cell.end_lineno - cell.lineno >= CELL_LINES
    ] == []
    assert len(file.read_text().splitlines()) <= FILE_LINES


def test_it_repeats_no_logic() -> None:
    """No statement of a cell, but for the form, the place and the theme, stands in two notebooks: it has a home elsewhere."""
    seen = Counter(
        statement
        for file in FILES
        for statement in {
            ast.unparse(node)
            for cell in ast.parse(file.read_text()).body
            if isinstance(cell, ast.FunctionDef)
            for node in cell.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) not in ALIKE
        }
        if len(statement) > 60
    )
    assert [statement for statement, times in seen.items() if times > 1] == []
