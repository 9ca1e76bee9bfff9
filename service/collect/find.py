"""Looks where transcripts may lie, and says what is there.

Rule: a file or folder that cannot be read is told and passed over, a link never leads round in a circle, and one
file is one transcript, however many links lead to it.
"""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from service.collect.model import Mark, Transcript
from service.collect.places import ANYTHING, ITSELF, Spot, kind_of
from service.collect.sniff import ENDINGS, HEAD, sniff
from service.collect.stores import databases, wholes
from service.importers.formats import FORMATS

Trouble = Callable[[str, str], None]
"""Is told a path and why it cannot be read, in a few words."""
NEVER = frozenset({".git", "node_modules", "__pycache__", ".venv", ".tox", ".mypy_cache"})
"""Folders that no transcript lies in, and that take long to search."""
ARCHIVE = "archived_sessions"
SUB_AGENT = "agent-"
ANY_CHAT = "chat"
"""What looks like it may be another tool's."""


class Finder:
    """One look at everything: what was seen once is not given again. `only`: of this format alone; `worth`: whether
    a store is to be looked into, by its path."""

    def __init__(
        self, trouble: Trouble, only: str | None = None, worth: Callable[[str], bool] = lambda path: True
    ) -> None:
        self._trouble, self._only, self._worth = trouble, only, worth
        self._folders: set[tuple[int, int]] = set()
        self._files: set[tuple[int, int]] = set()
        self._rollouts: set[str] = set()

    def at(self, spots: Iterable[Spot]) -> Iterator[Transcript]:
        """What lies in these places, by name. A place that does not exist is empty."""
        for spot in spots:
            if self._exists(spot.root):
                self._folders.clear()  # two places may lie in one another; files are known again by themselves
                yield from self._below(spot, spot.root)

    def _exists(self, root: str) -> bool:
        """Whether something is there; where that cannot be seen, it is told."""
        try:
            os.lstat(root)
        except (FileNotFoundError, NotADirectoryError):
            return False
        except OSError as error:
            self._trouble(root, databases.words(error))
            return False
        return True

    def changed(self, spots: Iterable[Spot], paths: Iterable[str]) -> Iterator[Transcript]:
        """What of these places lies in files or folders that changed; of a store that did all its sessions."""
        changed = {wholes.log_of(databases.file_of(path)) for path in paths}
        for spot in spots:
            if _is_store(spot):
                if any(_lies_in(path, spot.root) for path in changed):
                    yield from self._stored(spot.format or "", spot.root)
                continue
            for path in sorted(changed):
                if _lies_in(path, spot.root) and os.path.lexists(path):
                    yield from self._below(spot, path)

    def _below(self, spot: Spot, start: str) -> Iterator[Transcript]:
        """What lies at or below a path of the place."""
        if _is_store(spot):
            yield from self._stored(spot.format or "", spot.root)
            return
        for path, format in self._walk(start):
            if format:
                yield from self._stored(format, path)
            elif spot.matches(os.path.relpath(path, spot.root).replace(os.sep, "/")):
                yield from self.file(path, spot.format, named=spot.pattern == ITSELF)

    def file(self, path: str, format: str | None = None, *, named: bool = False) -> Iterator[Transcript]:
        """The transcripts in one file: one, those of a database, or none; of a file that was `named` it is told why."""
        if not _is_unicode(path):
            self._trouble(path.encode(errors="replace").decode(), "its name is not UTF-8")
            return
        try:
            found = os.stat(path)
            if not stat.S_ISREG(found.st_mode):
                if named:
                    self._trouble(path, "it is no file")
                return
            if self._seen(path, found):
                return
            # What lies in its place has the place's format, and is not opened to look.
            looks_like = recognised(path) if named or format is None else None
        except OSError as error:
            self._trouble(path, databases.words(error))
            return
        format = format or looks_like
        if format is None and named and found.st_size:
            self._trouble(path, "its format is not recognised; --source names it")
        if format is None or format not in FORMATS or self._only not in {None, format}:
            return
        if named and looks_like and looks_like not in {ANY_CHAT, format}:
            other, said = FORMATS[looks_like].source, FORMATS[format].source
            self._trouble(path, f"it is of {other}, not of {said}; without --source it is read")
            return
        if databases.holds(format, path):
            yield from self._stored(format, path)
        else:
            yield wholes.transcript(format, path, found) or transcript(format, path, found)

    def _stored(self, format: str, path: str) -> Iterator[Transcript]:
        """The sessions of a store."""
        if self._only not in {None, format} or not self._worth(path):
            return
        try:
            yield from databases.transcripts(format, path)
        except databases.ERRORS as error:
            self._trouble(path, databases.words(error))

    def _seen(self, path: str, found: os.stat_result) -> bool:
        """Whether this file, or the active or plain copy of one that was put away, was given before."""
        identity, name = (found.st_dev, found.st_ino), os.path.basename(path).removesuffix(wholes.PACKED)
        put_away = path.endswith(wholes.PACKED) or ARCHIVE in path.split(os.sep)
        if identity in self._files or (put_away and name in self._rollouts):
            return True
        self._files.add(identity)
        if name.startswith("rollout-"):
            self._rollouts.add(name)
        return False

    def _walk(self, folder: str) -> Iterator[tuple[str, str | None]]:
        """All files below, the names of a folder in their order, links followed; a store's folder with its format."""
        try:
            found = os.stat(folder)
            if not stat.S_ISDIR(found.st_mode):
                yield folder, None
                return
            if (found.st_dev, found.st_ino) in self._folders:
                return
            self._folders.add((found.st_dev, found.st_ino))
            with os.scandir(folder) as entries:
                folders = dict(sorted(((entry.name, entry.is_dir()) for entry in entries), key=_in_turn))
        except OSError as error:
            self._trouble(folder, databases.words(error))
            return
        if databases.is_folder_of_opencode(folder, list(folders)):
            yield folder, "opencode"
            return
        for name, is_folder in folders.items():
            path = os.path.join(folder, name)
            if not is_folder:
                yield path, None
            elif name not in NEVER:
                yield from self._walk(path)


def given(paths: Iterable[str], format: str | None, trouble: Trouble) -> list[Spot]:
    """The places that paths name: of a folder what is recognised below it, else the file, as `format` where one is said.

    A path with *, ? or [ that is no file is a pattern (`**` goes through folders).
    """
    spots = []
    for path in paths:
        full = os.path.abspath(os.path.expanduser(path))
        found = [full] if os.path.lexists(full) else glob.glob(full, recursive=True, include_hidden=True)
        if not path:  # a variable that was not set, and not this folder
            found = []
        if not found:
            trouble(path or "''", "there is no such file or folder")
        for one in sorted(found):
            if os.path.isdir(one):
                spots.append(Spot(None, one, ANYTHING))
            else:
                spots.append(Spot(format, one, ITSELF))
    return spots


def _in_turn(entry: tuple[str, bool]) -> tuple[bool, str]:
    """Sub-agents before the session that tells their titles: a session is made by its own messages."""
    return not entry[0].startswith(SUB_AGENT), entry[0]


def _is_store(spot: Spot) -> bool:
    return spot.format is not None and databases.holds(spot.format, spot.root)


def _is_unicode(path: str) -> bool:
    try:
        path.encode()
    except UnicodeEncodeError:
        return False
    return True


def _lies_in(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)


def transcript(format: str, path: str, found: os.stat_result) -> Transcript:
    """A file as a transcript."""
    mark = Mark(found.st_ino, found.st_size, found.st_mtime_ns // 1_000_000)
    return Transcript(format, path, kind_of(format, path), mark)


def recognised(path: str) -> str | None:
    """What format a file has, by its name and first bytes. Errors: OSError."""
    if not path.endswith(ENDINGS):
        return None
    with Path(path).open("rb") as file:
        return sniff(path.replace(os.sep, "/"), file.read(HEAD))
