"""Where a notebook reads: a service by URL and key, or a folder of Parquet, asked in the same words.

Rule: what a place does not have is None, and the notebook says so; it is never made up.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Protocol

import polars as pl

from service.client import Client
from service.errors import SettingError
from service.looking import sets, tables

NAMES = "source,provider,model,project"
LATEST = 200
"""Sessions whose messages are read, the latest first."""
MAPPED, NEAREST = 60, 12
"""Sessions of which neighbours are asked, the latest first: each is a search, of a tenth of a second or more."""


class Place(Protocol):
    """What notebooks ask. Tables are those of `tables`."""

    name: str
    client: Client | None
    """Of a service; searches and eval sets need one."""

    def days(self, *, first: date, last: date, tz: str) -> pl.DataFrame: ...
    def hours(self, *, first: date, last: date, tz: str) -> pl.DataFrame | None: ...
    def sessions(self) -> pl.DataFrame | None: ...
    def messages(self) -> pl.DataFrame | None: ...
    def calls(self) -> pl.DataFrame | None: ...
    def neighbours(self) -> pl.DataFrame | None: ...
    def cases(self) -> pl.DataFrame | None: ...


class Service:
    """A running service. What was read of sessions is kept until `again`, since it is a request a session."""

    def __init__(self, client: Client, name: str, *, latest: int = LATEST) -> None:
        self.client: Client | None = client
        self.name, self.latest = name, latest
        self._ask = client
        self.again()

    def again(self) -> None:
        """Forget what was read: the next question sees what is there then."""
        self._told: list[tuple[tables.Json, list[tables.Json]]] | None = None
        self._near: pl.DataFrame | None = None

    def days(self, *, first: date, last: date, tz: str) -> pl.DataFrame:
        asked = {"from": str(first), "to": str(last), "tz": tz, "by": NAMES}
        rows = self._ask.usage("daily", **asked)["days"]
        dated = [row | {"day": date.fromisoformat(row["day"])} for row in rows]
        return tables.frame(dated, tables.DAYS)

    def hours(self, *, first: date, last: date, tz: str) -> pl.DataFrame:
        cells = self._ask.usage("heatmap", **{"from": str(first), "to": str(last), "tz": tz})["cells"]
        return tables.frame(cells, tables.HOURS)

    def sessions(self) -> pl.DataFrame:
        return tables.frame((tables.session_row(session) for session, _ in self._read()), tables.SESSIONS)

    def messages(self) -> pl.DataFrame:
        rows = (row for told in self._read() for row in tables.message_rows(*told))
        return tables.frame(rows, tables.MESSAGES)

    def calls(self) -> pl.DataFrame:
        return tables.frame((row for told in self._read() for row in tables.call_rows(*told)), tables.CALLS)

    def neighbours(self) -> pl.DataFrame:
        if self._near is None:
            near = (
                tables.neighbour_rows(session["id"], self._like(session["id"]))
                for session, _ in self._read()[:MAPPED]
            )
            self._near = tables.frame((row for rows in near for row in rows), tables.NEIGHBOURS)
        return self._near

    def cases(self) -> None:
        """A service makes a set when it is asked for one: `client.export_set`."""

    def _like(self, session: str) -> list[tables.Json]:
        found: list[tables.Json] = self._ask.similar(session=session, limit=NEAREST)["results"]
        return found

    def _read(self) -> list[tuple[tables.Json, list[tables.Json]]]:
        """The latest sessions with their messages."""
        if self._told is None:
            listed = self._ask.sessions(limit=self.latest)["sessions"]
            answers = [self._ask.session(session["id"]) for session in listed]
            self._told = [(answer["session"], answer["messages"]) for answer in answers]
        return self._told


class Folder:
    """Parquet: a folder that `keep` wrote; or one file, of GET /api/usage/export or of GET /api/export/evals.

    Errors: `SettingError` when there is none.
    """

    client: Client | None = None

    def __init__(self, path: Path) -> None:
        self.name = f"Parquet in {path.name}"
        self._files = {file.stem: file for file in path.glob("*.parquet")} if path.is_dir() else named(path)
        if not self._files:
            raise SettingError(
                f"There is no Parquet at {path}: give a folder that a notebook wrote, or a file of /api/usage/export "
                "or /api/export/evals with format=parquet."
            )

    def days(self, *, first: date, last: date, tz: str) -> pl.DataFrame:
        """Of the zone that the file was written in, whatever `tz`; no rows where there is no such file."""
        told = self._table("days")
        if told is None:
            return tables.frame([], tables.DAYS)
        absent = [
            pl.lit(None, kind).alias(name) for name, kind in tables.DAYS.items() if name not in told.columns
        ]
        return (
            told.with_columns(absent).select(list(tables.DAYS)).filter(pl.col("day").is_between(first, last))
        )

    def hours(self, *, first: date, last: date, tz: str) -> pl.DataFrame | None:
        return self._table("hours")

    def sessions(self) -> pl.DataFrame | None:
        return self._table("sessions")

    def messages(self) -> pl.DataFrame | None:
        return self._table("messages")

    def calls(self) -> pl.DataFrame | None:
        return self._table("calls")

    def neighbours(self) -> pl.DataFrame | None:
        return self._table("neighbours")

    def cases(self) -> pl.DataFrame | None:
        return sets.cases(self._files["cases"]) if "cases" in self._files else None

    def _table(self, name: str) -> pl.DataFrame | None:
        return pl.read_parquet(self._files[name]) if name in self._files else None


def named(file: Path) -> dict[str, Path]:
    """What one file is, by its columns: days, or the cases of an eval set."""
    if not file.is_file():
        return {}
    columns = pl.read_parquet_schema(file)
    return {"cases" if "split" in columns else "days": file}


def keep(place: Place, folder: Path, *, first: date, last: date, tz: str) -> list[Path]:
    """Write what a place has as Parquet, for `Folder` and for any other program; the files."""
    folder.mkdir(parents=True, exist_ok=True)
    found = {
        "days": place.days(first=first, last=last, tz=tz),
        "hours": place.hours(first=first, last=last, tz=tz),
        **{name: getattr(place, name)() for name in ("sessions", "messages", "calls", "neighbours")},
    }
    files = {folder / f"{name}.parquet": table for name, table in found.items() if table is not None}
    for file, table in files.items():
        table.write_parquet(file, compression="zstd")
    return list(files)


def keep_year(place: Place, folder: Path) -> list[Path]:
    """`keep` of the year that ends today, by days of UTC."""
    today = datetime.now(UTC).date()
    return keep(place, folder, first=today - timedelta(days=365), last=today, tz="UTC")
