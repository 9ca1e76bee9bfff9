"""Imports point one way: the contracts in pyproject.toml hold, and cover every module."""

from __future__ import annotations

from pathlib import Path

from importlinter.cli import lint_imports

ROOT = Path(__file__).parents[2]


def test_it_keeps_the_import_contracts() -> None:
    """`lint-imports` finds no import against the contracts; what it printed names the broken ones."""
    assert lint_imports(config_filename=str(ROOT / "pyproject.toml"), no_cache=True, no_logo=True) == 0
