"""What is known of a session: its row, its messages' sums, the model used last."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from service.importers import record, rows
from service.importers.clock import Clock, from_epoch, from_ms, to_ms
from service.importers.names import last_folder
from service.importers.totals import Tally
from service.model import raw_members
from service.model.message import MessageWrite
from service.model.raw_members import Members
from service.model.session import SessionWrite

SOURCE = "opencode"
_COLUMNS = {"slug": "slug", "version": "version", "shareUrl": "share_url", "agent": "agent",
            "projectId": "project_id", "workspaceId": "workspace_id", "forkOf": "fork_session_id"}  # fmt: skip
_NUMBERS = {"additions": "summary_additions", "deletions": "summary_deletions", "files": "summary_files",
            "archivedAt": "time_archived"}  # fmt: skip


class Session(msgspec.Struct):
    """Small and plain: it is the parser's state."""

    id: str | None = None
    title: str | None = None
    directory: str | None = None
    parent: str | None = None
    model: str | None = None
    provider: str | None = None
    created_ms: int | None = None
    attrs: dict[str, Any] = {}
    tally: Tally = msgspec.field(default_factory=Tally)
    clock: dict[str, int] = {}
    said: bool = False
    """Whether there is anything to say of it."""

    def at(self, told: datetime | None) -> datetime | None:
        """The time of the next message, in the order of the transcript."""
        clock = Clock(self.clock)
        moment = clock.at("", told)
        self.clock = clock.state
        if moment is not None and self.created_ms is None:
            self.created_ms = to_ms(moment)
        return moment

    def add(self, message: MessageWrite, provider: str | None) -> None:
        self.tally.add(message)
        self.model = message.model or self.model
        self.provider = provider or self.provider

    def write(self) -> SessionWrite:
        assert self.id is not None
        return SessionWrite(
            external_id=self.id,
            title=self.title,
            project_path=self.directory,
            project_name=last_folder(self.directory),
            model=self.model,
            provider=self.provider,
            source=SOURCE,
            created_at=None if self.created_ms is None else from_ms(self.created_ms),
            parent_external_id=self.parent,
            attrs=self.attrs or None,
            **self.tally.fields(),
        )


def learn(session: Session, columns: Members) -> None:
    """What a row of the table `session` says; of a JSON file what stands in its text. Errors: Unreadable."""
    if "data" in columns:
        columns = {**_as_columns(rows.inner(columns["data"])), **raw_members.without(columns, "data")}
    said = rows.texts(columns)
    session.id = session.id or record.identifier(said.get("id"))
    session.title = record.text(said.get("title"), most=record.MAX_LINE_CHARS) or session.title
    session.directory = said.get("directory") or session.directory
    session.parent = record.identifier(said.get("parent_id")) or session.parent
    created = from_epoch(record.value(columns.get("time_created")))
    session.created_ms = session.created_ms if created is None else to_ms(created)
    _learn_model(session, columns.get("model"))
    told: dict[str, Any] = {name: said[column][:500] for name, column in _COLUMNS.items() if column in said}
    for name, column in _NUMBERS.items():
        told[name] = record.count(record.value(columns.get(column)))
    session.attrs = {**session.attrs, **{name: value for name, value in told.items() if value is not None}}


def learn_project(session: Session, columns: Members) -> None:
    """Where the project lies, for a session that does not say where it ran."""
    if "data" in columns:
        columns = rows.inner(columns["data"])
    worktree = rows.texts(columns).get("worktree")
    if session.directory is None and worktree != "/":
        session.directory = worktree


def _learn_model(session: Session, column: Any) -> None:
    try:
        model = rows.texts(rows.inner(column))
    except record.Unreadable:  # a session of before the column, or one that was never used
        return
    session.model = session.model or model.get("id")
    session.provider = session.provider or model.get("providerID")


def _as_columns(members: Members) -> Members:
    """The file of a session with the names that the table has for what it says."""
    time, summary, share = (raw_members.of(members.get(name)) or {} for name in ("time", "summary", "share"))
    named = {
        "id": members.get("id"), "title": members.get("title"), "slug": members.get("slug"),
        "version": members.get("version"), "directory": members.get("directory"),
        "parent_id": members.get("parentID"), "project_id": members.get("projectID"),
        "share_url": share.get("url"), "time_created": time.get("created"),
        "time_archived": time.get("archived"), "summary_additions": summary.get("additions"),
        "summary_deletions": summary.get("deletions"), "summary_files": summary.get("files"),
    }  # fmt: skip
    return raw_members.without_nulls({name: value for name, value in named.items() if value is not None})
