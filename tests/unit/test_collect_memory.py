"""Memory of an import does not grow with the file."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from collecting import said

READ = """
import sys
from service.collect.find import Finder, given
from service.collect.importing import Import

def post(lines, restore):
    return {}

run = Import("machine", {}, post=post)
with run:
    run.read(list(Finder(run.unreadable).at(given(sys.argv[1:], None, run.unreadable))))
assert not run.summary.unreadable
print(run.summary.of("claude-code").messages)
"""
SMALL_MB, LARGE_MB, MOST_MORE_MB = 24, 120, 40


def test_it_takes_the_memory_of_some_batches(tmp_path: Path) -> None:
    """A file five times as large takes hardly more: pieces, open messages and a few batches are all that is held."""
    peaks = [peak_mb(tmp_path / f"{size}.jsonl", size) for size in (SMALL_MB, LARGE_MB)]
    assert peaks[1] - peaks[0] < MOST_MORE_MB


def peak_mb(file: Path, size_mb: int) -> float:
    """The most memory that a process held that read a file of this size."""
    texts = "".join(f"{number:07} " for number in range(8000))
    count = size_mb * 1024 * 1024 // len(said(1, texts))
    with file.open("wb") as out:
        for number in range(count):
            out.write(said(number, f"{number} {texts}"))
    process = subprocess.Popen([sys.executable, "-c", READ, str(file)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, int(told)) == (0, count)
    return used.ru_maxrss / 1024
