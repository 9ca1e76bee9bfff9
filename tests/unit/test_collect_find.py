"""Looking for transcripts among real files, links and folders."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from collecting import said

from service.collect.find import Finder, given
from service.collect.places import JSONL, ROLLOUT, Spot

NOBODY = 65534
Told = dict[str, str]


def found(*paths: Path | str, format: str | None = None, told: Told | None = None) -> list[str]:
    told = {} if told is None else told
    finder = Finder(told.__setitem__)
    return [one.path for one in finder.at(given(map(str, paths), format, told.__setitem__))]


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with a transcript at the top and one below, and things that are none."""
    (tmp_path / "below").mkdir()
    (tmp_path / "node_modules").mkdir()
    for name in ("a.jsonl", "below/b.jsonl", "node_modules/c.jsonl"):
        (tmp_path / name).write_bytes(said(len(name)))
    (tmp_path / "notes.md").write_text("# Notes\n")
    return tmp_path


def test_it_searches_a_folder(project: Path) -> None:
    """What is recognised below is found, by name; what is none, and folders of packages, are passed over."""
    assert found(project) == [str(project / "a.jsonl"), str(project / "below" / "b.jsonl")]


def test_it_takes_patterns(project: Path) -> None:
    """A pattern may go through folders."""
    assert found(project / "below" / "*.jsonl") == [str(project / "below" / "b.jsonl")]
    assert len(found(project / "**" / "*.jsonl")) == 3


def test_it_follows_no_link_in_a_circle(project: Path) -> None:
    """A link to a folder above ends, and a second way to a file gives it once."""
    (project / "below" / "up").symlink_to(project)
    (project / "z.jsonl").symlink_to(project / "a.jsonl")
    (project / "nowhere.jsonl").symlink_to(project / "gone.jsonl")
    told: Told = {}
    assert found(project, told=told) == [str(project / "a.jsonl"), str(project / "below" / "b.jsonl")]
    assert told == {str(project / "nowhere.jsonl"): "no such file or directory"}


def test_it_reads_a_file_as_it_is_told(tmp_path: Path) -> None:
    """With a format, a file of any name and content is one of that format."""
    file = tmp_path / "export.txt"
    file.write_text("anything")
    assert found(file) == []
    assert found(file, format="aider") == [str(file)]


def test_it_tells_of_a_path_that_leads_nowhere(tmp_path: Path) -> None:
    """A path, or a pattern that matches nothing, is told."""
    told: Told = {}
    assert found(tmp_path / "gone", tmp_path / "*.jsonl", told=told) == []
    assert set(told.values()) == {"there is no such file or folder"}


def test_it_tells_what_it_may_not_read_and_goes_on(project: Path) -> None:
    """A folder and a file without permission are told with their reason; the rest is found."""
    for name in (".", "below"):
        (project / name).chmod(0o755)
    (project / "closed").mkdir(mode=0)
    (project / "closed.jsonl").write_bytes(said(1))
    (project / "closed.jsonl").chmod(0)
    told: Told = {}
    with as_nobody(project):
        assert len(found(project, told=told)) == 2
    assert told == dict.fromkeys(
        [str(project / "closed"), str(project / "closed.jsonl")], "permission denied"
    )


def test_it_tells_of_a_place_that_may_not_be_entered(project: Path) -> None:
    """A place below a folder without permission is not empty: nobody can say what lies there."""
    for name in (".", "below"):
        (project / name).chmod(0o755)
    (project / "closed").mkdir(mode=0)
    told: Told = {}
    with as_nobody(project):
        finder = Finder(told.__setitem__)
        assert list(finder.at([Spot("claude-code", str(project / "closed" / "projects"), JSONL)])) == []
    assert told == {str(project / "closed" / "projects"): "permission denied"}


def test_it_takes_nothing_for_no_path(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A variable that was not set names no folder, least of all the one where the shell stands."""
    monkeypatch.chdir(project)
    told: Told = {}
    assert found("", told=told) == []
    assert told == {"''": "there is no such file or folder"}


def test_it_reads_a_file_whose_name_has_two_lines(project: Path) -> None:
    """A name may hold anything but a slash and NUL."""
    (project / "two\nlines.jsonl").write_bytes(said(1))
    finder = Finder({}.__setitem__)
    assert str(project / "two\nlines.jsonl") in [
        one.path for one in finder.at([Spot("claude-code", str(project), JSONL)])
    ]


@contextmanager
def as_nobody(folder: Path) -> Iterator[None]:
    """Root may read everything: be somebody else, who can reach the folder."""
    if os.geteuid() != 0:
        yield
        return
    for above in folder.parents[:3]:
        if above != Path("/tmp"):
            above.chmod(above.stat().st_mode | 0o055)
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


def test_it_tells_of_a_name_that_is_no_text(project: Path) -> None:
    """A file whose name is not UTF-8 cannot be named to a service: it is told, and the rest is found."""
    with open(os.fsencode(project) + b"/\xff.jsonl", "wb") as file:
        file.write(said(1))
    told: Told = {}
    assert len(found(project, told=told)) == 2
    assert told == {str(project / "?.jsonl"): "its name is not UTF-8"}


def test_it_prefers_the_active_copy_of_an_archived_rollout(tmp_path: Path) -> None:
    """A rollout that lies in both folders of Codex is read from `sessions`."""
    for folder in ("sessions/2026/05/01", "archived_sessions"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "rollout-1.jsonl").write_text("")
    (tmp_path / "archived_sessions" / "rollout-2.jsonl").write_text("")
    spots = [Spot("codex", str(tmp_path / folder), ROLLOUT) for folder in ("sessions", "archived_sessions")]
    names = [os.path.relpath(one.path, tmp_path) for one in Finder({}.__setitem__).at(spots)]
    assert names == ["sessions/2026/05/01/rollout-1.jsonl", "archived_sessions/rollout-2.jsonl"]


def test_it_finds_what_changed_in_a_place(project: Path) -> None:
    """A changed file, and files in a folder that is new; a file that went, and one outside, are nothing."""
    spots = [Spot("claude-code", str(project), JSONL)]
    changed = [
        str(project / "below"),
        str(project / "gone.jsonl"),
        str(project / "notes.md"),
        "/elsewhere.jsonl",
    ]
    assert [one.path for one in Finder({}.__setitem__).changed(spots, changed)] == [
        str(project / "below" / "b.jsonl")
    ]


def test_it_takes_a_place_that_does_not_exist_for_empty(tmp_path: Path) -> None:
    """A tool that is not there is no trouble."""
    told: Told = {}
    finder = Finder(told.__setitem__)
    assert list(finder.at([Spot("claude-code", str(tmp_path / "gone"), JSONL)])) == []
    assert told == {}


def test_it_tells_of_a_named_file_that_it_does_not_know(tmp_path: Path) -> None:
    """Whoever names a file hears why nothing of it is read; of a folder's other files nobody asked."""
    (tmp_path / "notes.jsonl").write_text('{"anything": 1}\n')
    told: Told = {}
    assert found(tmp_path / "notes.jsonl", told=told) == []
    assert told == {str(tmp_path / "notes.jsonl"): "its format is not recognised; --source names it"}
    told.clear()
    assert (found(tmp_path, told=told), told) == ([], {})


def test_it_reads_no_file_of_another_tool(tmp_path: Path) -> None:
    """--source that contradicts what the file plainly is: told, with what it is, and not kept under a wrong source."""
    rollout = tmp_path / "a.jsonl"
    rollout.write_text('{"type":"session_meta","timestamp":"2026-01-01T00:00:00Z","payload":{"id":"1"}}\n')
    told: Told = {}
    assert found(rollout, format="codex", told=told) == [str(rollout)]
    assert told == {}
    assert found(rollout, format="claude-code", told=told) == []
    assert told == {str(rollout): "it is of codex-cli, not of claude-code; without --source it is read"}


def test_it_opens_no_file_that_lies_in_its_place(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A place says the format: of thousands of transcripts that nobody named, none is read only to look what it is."""
    monkeypatch.setattr("service.collect.find.recognised", lambda path: pytest.fail(f"{path} was opened"))
    told: Told = {}
    finder = Finder(told.__setitem__)
    assert len(list(finder.at([Spot("claude-code", str(project), JSONL)]))) == 2


def test_it_tells_of_a_named_pipe(tmp_path: Path) -> None:
    """What is no file is not opened, which could wait for ever."""
    os.mkfifo(tmp_path / "pipe.jsonl")
    told: Told = {}
    assert found(tmp_path / "pipe.jsonl", told=told) == []
    assert told == {str(tmp_path / "pipe.jsonl"): "it is no file"}
