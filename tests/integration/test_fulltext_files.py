"""The text index, with the real tantivy: what is replaced, kept, swapped, and noticed when torn."""

from __future__ import annotations

import subprocess
import sys
import threading
from pathlib import Path

import pytest
from conformance import ELSEWHERE
from text_documents import found, message, titles

from indexing.fulltext import (
    IndexDamaged,
    TantivyReader,
    TantivyWriter,
    new_generation,
    open_reader,
    open_writer,
    swap,
)


def test_it_replaces_and_removes(writer: TantivyWriter, reader: TantivyReader) -> None:
    """Putting again replaces (in one batch the last wins), a session goes with its titles and messages, a workspace with all."""
    writer.put(
        [
            message(1, "old"),
            message(1, "new"),
            message(2, "new"),
            message(3, "new", session=2),
            titles(2, "new"),
            message(4, "new", workspace=ELSEWHERE),
        ]
    )
    writer.commit("1")
    assert (found(reader, "old"), sorted(found(reader, "new"))) == ([], [1, 2, 3])
    writer.put([message(2, "newer")])
    writer.remove(messages=[1], sessions=[2])
    assert sorted(found(reader, "new")) == [1, 2, 3], "nothing shows before the commit"
    writer.commit("2")
    assert (found(reader, "new"), found(reader, "newer")) == ([], [2])
    assert (list(writer.ids("message")), list(writer.ids("session"))) == ([2, 4], [])
    writer.remove_workspace(ELSEWHERE)
    writer.commit("3")
    assert list(writer.ids("message")) == [2]


def test_it_names_all_ids_in_order(writer: TantivyWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    """Page by page, every committed id once, large ones too."""
    monkeypatch.setattr("indexing.fulltext.writer._IDS_AT_ONCE", 7)
    ids = [*range(50), 2**62]
    writer.put([message(id, "x") for id in reversed(ids)])
    writer.put([titles(5, "x")])
    writer.commit("1")
    assert (list(writer.ids("message")), list(writer.ids("session"))) == (ids, [5])


def test_it_keeps_the_cursor_with_the_documents(tmp_path: Path) -> None:
    """What was not committed is gone when the process is, and the cursor does not speak of it."""
    script = (
        "import os, sys; from pathlib import Path; from indexing.fulltext import open_writer; from indexing.model import TextDocument\n"
        "writer = open_writer(Path(sys.argv[1])); put = lambda id: writer.put([TextDocument(workspace_id=1, unit='message', id=id, session_id=1, said='x')])\n"
        "put(1); writer.commit('c.1.5:5:'); put(2); os._exit(9)"
    )
    assert subprocess.run([sys.executable, "-c", script, str(tmp_path)], check=False).returncode == 9
    writer = open_writer(tmp_path)
    assert (writer.cursor(), list(writer.ids("message")), open_reader(tmp_path).cursor()) == (
        "c.1.5:5:",
        [1],
        "c.1.5:5:",
    )
    writer.close()


def test_it_leaves_the_index_alone_when_only_the_cursor_moves(
    tmp_path: Path, writer: TantivyWriter, reader: TantivyReader
) -> None:
    """It moves every few seconds on a machine where nothing is said, and readers see it."""
    writer.put([message(1, "alpha")])
    writer.commit("1")
    files = {file.name: file.stat().st_mtime_ns for file in writer.path.iterdir() if file.name != "CURSOR"}
    writer.commit("2")
    assert files == {
        file.name: file.stat().st_mtime_ns for file in writer.path.iterdir() if file.name != "CURSOR"
    }
    assert (found(reader, "alpha"), reader.cursor()) == ([1], "2")


def test_it_takes_a_lost_or_torn_cursor_for_that_of_a_new_index(tmp_path: Path) -> None:
    """Then all is compared with the tables: nothing is skipped."""
    writer = open_writer(tmp_path)
    writer.put([message(1, "alpha")])
    writer.commit("1")
    writer.close()
    (writer.path / "CURSOR").write_bytes(b"\xff\xfe")
    assert (open_reader(tmp_path).cursor(), found(open_reader(tmp_path), "alpha")) == ("", [1])
    (writer.path / "CURSOR").unlink()
    assert (open_reader(tmp_path).cursor(), found(open_reader(tmp_path), "alpha")) == ("", [1])


def test_it_reads_an_index_that_is_not_there_yet(tmp_path: Path) -> None:
    """An API process may start first: it finds nothing, and everything as soon as there is a writer."""
    reader = open_reader(tmp_path / "later")
    assert (found(reader, "alpha"), reader.cursor()) == ([], "")
    writer = open_writer(tmp_path / "later")
    assert writer.cursor() == ""
    writer.put([message(1, "alpha")])
    writer.commit("1")
    assert found(reader, "alpha") == [1]
    writer.close()


def test_it_swaps_generations_while_searching_goes_on(
    tmp_path: Path, writer: TantivyWriter, reader: TantivyReader
) -> None:
    """A reader answers from the old index until it refreshes, from the new one after, and never from neither."""
    writer.put([message(1, "alpha old")])
    writer.commit("1")
    stop, answers = threading.Event(), set()

    def search() -> None:
        while not stop.is_set():
            answers.add(tuple(found(reader, "alpha")))

    searching = threading.Thread(target=search)
    searching.start()
    for generation in range(5):
        replacement = new_generation(tmp_path)
        replacement.put([message(1, "alpha"), message(2 + generation, "alpha")])
        replacement.commit(f"g{generation}")
        swap(tmp_path, replacement)
        replacement.close()
    stop.set()
    searching.join()
    assert () not in answers
    assert sorted(found(reader, "alpha")) == [1, 6]
    assert reader.cursor() == "g4"
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1, "old generations are taken away"


def test_it_takes_half_built_generations_away(tmp_path: Path) -> None:
    """A reindex that a crash cut short leaves a directory, and the next writer clears it."""
    open_writer(tmp_path).close()
    new_generation(tmp_path).close()
    open_writer(tmp_path).close()
    assert len([path for path in tmp_path.iterdir() if path.is_dir()]) == 1


def test_it_allows_one_writer(tmp_path: Path, writer: TantivyWriter) -> None:
    """A second one is refused, in this process or another."""
    with pytest.raises(ValueError, match="LockBusy"):
        open_writer(tmp_path)


@pytest.mark.parametrize("harm", ["cut short", "emptied", "gone", "one bit turned"])
def test_it_notices_a_torn_index(harm: str, tmp_path: Path) -> None:
    """Whichever file is torn, opening to write says that the index must be built anew, and that can be done beside it."""
    writer = open_writer(tmp_path)
    writer.put([message(id, f"alpha word{id}") for id in range(20)])
    writer.commit("1")
    writer.close()
    [generation] = [path for path in tmp_path.iterdir() if path.is_dir()]
    tantivys = (
        each for each in generation.iterdir() if not each.name.startswith(".") and each.name != "CURSOR"
    )
    for file in sorted(tantivys):
        whole = file.read_bytes()
        _harm(file, harm)
        if file.name != "meta.json" or harm != "one bit turned":
            with pytest.raises(IndexDamaged):
                open_writer(tmp_path)
        file.write_bytes(whole)
    _harm(generation / "meta.json", "gone")
    with pytest.raises(IndexDamaged, match="backscroll reindex"):
        open_reader(tmp_path)
    rebuilt = new_generation(tmp_path)
    rebuilt.put([message(1, "alpha")])
    rebuilt.commit("2")
    swap(tmp_path, rebuilt)
    rebuilt.close()
    assert found(open_reader(tmp_path), "alpha") == [1]


def _harm(file: Path, harm: str) -> None:
    content = file.read_bytes()
    if harm == "gone":
        file.unlink()
    elif harm == "one bit turned":
        file.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    else:
        file.write_bytes(content[: len(content) // 2] if harm == "cut short" else b"")
