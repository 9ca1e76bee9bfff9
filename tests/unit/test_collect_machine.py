"""The name of this machine."""

from __future__ import annotations

import platform
from pathlib import Path

import pytest

from service.collect import machine


def test_it_keeps_a_machine_s_name(tmp_path: Path) -> None:
    """The same machine has the same name, with its host's, whatever the home."""
    name = machine.name(tmp_path)
    assert name == machine.name(tmp_path)
    assert name.startswith(platform.node())


def test_it_makes_an_id_where_the_system_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Then the home keeps one: another home is another machine."""
    monkeypatch.setattr(machine, "OF_THE_SYSTEM", ())
    first, second = tmp_path / "first", tmp_path / "second"
    assert machine.name(first) == machine.name(first) != machine.name(second)
    assert (first / "machine-id").exists()
