"""Which tests elsewhere hold an item of a list up, so that they are not written twice and not lost."""

from __future__ import annotations

import ast
from pathlib import Path

TESTS = Path(__file__).parents[1]


def missing(names: list[str]) -> list[str]:
    """Those of `module.test` that are not there."""
    return [name for name in names if name.partition(".")[2] not in tests_of(name.partition(".")[0])]


def tests_of(module: str) -> set[str]:
    """The tests of a module, wherever below tests/ it lies; none where it is gone."""
    return {
        node.name
        for file in TESTS.rglob(f"{module}.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }
