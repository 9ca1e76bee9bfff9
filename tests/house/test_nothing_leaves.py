"""Nothing leaves the machine that nobody asked for: what we import reports to nobody."""

from __future__ import annotations

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_it_imports_no_runtime_that_reports_to_its_maker() -> None:
    """The native library of ONNX Runtime, as locked, names no telemetry host."""
    spec = importlib.util.find_spec("onnxruntime")
    assert spec is not None
    assert spec.origin is not None
    (library,) = (Path(spec.origin).parent / "capi").glob("onnxruntime_pybind11_state*")
    assert b"events.data.microsoft" not in library.read_bytes()


def test_it_leaves_nothing_in_the_home_of_who_imports_it(tmp_path: Path) -> None:
    """No device id, no queue of events, neither in the home nor among temporary files."""
    program = "import os, indexing.embedder; assert os.environ['ORT_DISABLE_TELEMETRY'] == '1'"
    (tmp_path / "tmp").mkdir()
    environ = os.environ | {"HOME": str(tmp_path), "TMPDIR": str(tmp_path / "tmp")}
    subprocess.run([sys.executable, "-c", program], env=environ, check=True)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_it_opens_notebooks_without_asking_for_news() -> None:
    """`make notebooks` has the editor not ask its maker for a newer version, by the setting that it still knows."""
    line = next(line for line in (ROOT / "Makefile").read_text().splitlines() if "marimo edit" in line)
    setting, _, value = line.split()[0].partition("=")
    spec = importlib.util.find_spec("marimo")
    assert spec is not None
    assert spec.origin is not None
    source = (Path(spec.origin).parent / "_cli" / "cli.py").read_text()
    assert f'os.getenv("{setting}") != "{value}"' in source
