"""The house's rules that no linter knows: sizes, and what is not done here. An exception carries its reason."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
PACKAGES = ("service", "indexing", "analytics", "benchmarks")
FILE_LINES, FUNCTION_LINES = 400, 60

SLEEPS = {
    "service/looking/trial.py": "waits for the model to be loaded in another process, which nothing announces",
    "service/postgres/server.py": "waits for a child process that tells its state by a file only",
    "service/postgres/leftovers.py": "waits for processes that are not its children, which nothing announces",
    "service/client/__init__.py": "waits as long as the service asked before it comes again to a stream",
    "service/supervisor/address.py": "waits for a port to be free, which nothing announces",
    "service/supervisor/children.py": "waits a moment before it ends with its parent",
    "service/supervisor/serve.py": "looks after its children at every tick",
}
CATCHES_ALL: dict[str, str] = {
    "service/live/apart.py": "a fault of one live query must not end the others; it is logged by its type",
    "service/live/ticks.py": "the same",
    "service/collect/sending.py": "a thread that fails must tell the one that waits for it, which raises what it was",
}


def sources(*folders: str) -> Iterator[tuple[str, str]]:
    for folder in folders:
        for file in sorted((ROOT / folder).rglob("*.py")):
            yield str(file.relative_to(ROOT)), file.read_text()


def nodes(*folders: str) -> Iterator[tuple[str, ast.AST]]:
    for path, text in sources(*folders):
        for node in ast.walk(ast.parse(text)):
            yield path, node


def calls(name: str, *folders: str) -> list[str]:
    """Where `name(...)` is called, as path:line."""
    return [
        f"{path}:{node.lineno}"
        for path, node in nodes(*folders)
        if isinstance(node, ast.Call) and ast.unparse(node.func) == name
    ]


def test_it_keeps_files_short() -> None:
    """No file is longer than 400 lines: split it by its nouns."""
    long = {
        path: lines
        for path, text in sources(*PACKAGES, "tests")
        if (lines := len(text.splitlines())) > FILE_LINES
    }
    assert long == {}


def test_it_keeps_functions_short() -> None:
    """No function is longer than 60 lines, with its docstring: give its steps names."""
    long = {
        f"{path}: {node.name}": node.end_lineno - node.lineno + 1
        for path, node in nodes(*PACKAGES)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.end_lineno
        and node.end_lineno - node.lineno >= FUNCTION_LINES
    }
    assert long == {}


def test_it_prints_in_the_command_line_only() -> None:
    """What a process has to say goes through structlog; only a command prints."""
    assert [
        place for place in calls("print", "service", "indexing", "analytics") if "/cli/" not in place
    ] == []


def test_it_sleeps_nowhere() -> None:
    """Waiting is for an event, a token or a timeout; never `time.sleep`, and in tests no sleep at all."""
    assert [
        place
        for place in calls("time.sleep", "service", "indexing", "analytics")
        if place.split(":")[0] not in SLEEPS
    ] == []
    assert calls("time.sleep", "tests") + calls("asyncio.sleep", "tests") == []


def test_it_names_the_errors_it_catches() -> None:
    """`except Exception` hides faults; a place that must outlive any fault is listed here with its reason."""
    caught = {
        path: node.lineno
        for path, node in nodes(*PACKAGES, "tests")
        if isinstance(node, ast.ExceptHandler)
        and (node.type is None or "Exception" in [getattr(leaf, "id", "") for leaf in ast.walk(node.type)])
    }
    assert {path: line for path, line in caught.items() if path not in CATCHES_ALL} == {}


def test_it_keeps_its_list_of_exceptions_true() -> None:
    """An exception that is no longer needed is taken off the list."""
    sleeping = {place.split(":")[0] for place in calls("time.sleep", "service", "indexing", "analytics")}
    assert set(SLEEPS) <= sleeping
    assert all((ROOT / path).exists() for path in CATCHES_ALL)


def test_it_leaves_nothing_for_later() -> None:
    """No marks of unfinished work, and no stand-ins for real things in tests."""
    unfinished = re.compile(r"\b(TODO|FIXME|XXX)\b|unittest\.mock|MagicMock")
    found = [
        f"{path}:{number}"
        for path, text in sources(*PACKAGES, "tests", "notebooks")
        for number, line in enumerate(text.splitlines(), 1)
        if unfinished.search(line) and not path.endswith("house/test_style.py")
    ]
    assert found == []


def test_it_names_each_test_for_its_claim() -> None:
    """A test is called `test_it_...`, and its docstring is the claim."""
    unclaimed = [
        f"{path}: {node.name}"
        for path, node in nodes("tests")
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and node.name.startswith("test_")
        and not (node.name.startswith("test_it_") and ast.get_docstring(node))
    ]
    assert unclaimed == []
