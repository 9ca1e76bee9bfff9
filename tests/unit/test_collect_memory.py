"""Memory of an import does not grow with the file."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import zstandard
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
print(sum(of.messages for of in run.summary.sources.values()))
"""
SMALL_MB, LARGE_MB, MOST_MORE_MB = 24, 120, 40


def test_it_takes_the_memory_of_some_batches(tmp_path: Path) -> None:
    """A file five times as large takes hardly more: pieces, open messages and a few batches are all that is held."""
    peaks = [peak_mb(*log(tmp_path / f"{size}.jsonl", size)) for size in (SMALL_MB, LARGE_MB)]
    assert peaks[1] - peaks[0] < MOST_MORE_MB


def test_it_takes_no_more_for_a_packed_file(tmp_path: Path) -> None:
    """A document of many lines is as flat, although its only position is at its end."""
    name = "rollout-2026-06-17T12-06-46-019ed50c-2fb3-7002-a384-360bea6e7f04.jsonl.zst"
    peaks = []
    for size in (SMALL_MB, LARGE_MB):
        (tmp_path / str(size)).mkdir()
        peaks.append(peak_mb(*packed(tmp_path / str(size) / name, size)))
    assert peaks[1] - peaks[0] < MOST_MORE_MB


def log(file: Path, size_mb: int) -> tuple[Path, int]:
    """A transcript of a size, and how many messages it has."""
    texts = "".join(f"{number:07} " for number in range(8000))
    count = size_mb * 1024 * 1024 // len(said(1, texts))
    with file.open("wb") as out:
        for number in range(count):
            out.write(said(number, f"{number} {texts}"))
    return file, count


def packed(file: Path, size_mb: int) -> tuple[Path, int]:
    """A packed rollout of a size, and how many messages it has."""
    count, more = size_mb * 1024 * 1024 // 50_000, "x" * 50_000
    with file.open("wb") as out, zstandard.ZstdCompressor().stream_writer(out) as lines:
        for number in range(count):
            content = [{"type": "output_text", "text": f"{number} {more}"}]
            said = {"type": "message", "role": "assistant", "content": content}
            line = {"timestamp": "2026-06-17T10:07:00Z", "type": "response_item", "payload": said}
            lines.write(json.dumps(line).encode() + b"\n")
    return file, count


def peak_mb(file: Path, count: int) -> float:
    """The most memory that a process held that read a file of so many messages."""
    process = subprocess.Popen([sys.executable, "-c", READ, str(file)], stdout=subprocess.PIPE)
    assert process.stdout is not None
    told = process.stdout.read()
    _, status, used = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    assert (process.returncode, int(told)) == (0, count)
    return used.ru_maxrss / 1024
