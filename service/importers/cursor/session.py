"""What is known of a composer or chat: its own row, its folder, its messages' sums."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Any
from urllib.parse import unquote, urlsplit

import msgspec

from service.importers import record, rows
from service.importers.clock import Clock, from_epoch, from_ms, to_ms
from service.importers.names import last_folder
from service.importers.totals import Tally
from service.model import raw_members
from service.model.message import MessageWrite
from service.model.raw_members import Members
from service.model.session import SessionWrite

SOURCE = "cursor-sync"
_TEXTS = ("status", "unifiedMode", "forceMode", "createdOnBranch", "agentBackend", "mode")
_COUNTS = ("totalLinesAdded", "totalLinesRemoved", "filesChangedCount", "contextTokensUsed")
_AUTOMATIC = frozenset({"default", "auto", ""})
_WINDOWS = re.compile(r"/?([A-Za-z]:/.*)")


class Session(msgspec.Struct):
    """Small and plain: it is the parser's state."""

    id: str | None = None
    title: str | None = None
    folder: str | None = None
    parent: str | None = None
    model: str | None = None
    """The model of what comes next."""
    last_model: str | None = None
    """The model of the last message that has one."""
    created_ms: int | None = None
    cost: Decimal | None = None
    attrs: dict[str, Any] = {}
    tally: Tally = msgspec.field(default_factory=Tally)
    clock: dict[str, int] = {}
    times: dict[str, int] = {}
    """How often each row of content was a message: a chat stores two equal ones once."""
    said: bool = False
    """Whether there is anything to say of it."""

    def at(self, told: datetime | None) -> datetime | None:
        """The time of the next message, in the order of the transcript; the beginning's until one is told."""
        clock = Clock(self.clock)
        began = None if self.created_ms is None else from_ms(self.created_ms)
        moment = clock.at("", told if told is not None or self.clock else began)
        self.clock = clock.state
        if moment is not None and self.created_ms is None:
            self.created_ms = to_ms(moment)
        return moment

    def add(self, message: MessageWrite) -> None:
        self.tally.add(message)
        self.last_model = message.model or self.last_model

    def write(self) -> SessionWrite:
        sums = self.tally.fields()
        return SessionWrite(
            external_id=self.id or "",
            title=self.title,
            project_path=self.folder,
            project_name=last_folder(self.folder),
            model=self.last_model or self.model,
            source=SOURCE,
            created_at=None if self.created_ms is None else from_ms(self.created_ms),
            parent_external_id=self.parent,
            attrs=self.attrs or None,
            **{**sums, "cost_usd": self.cost or sums["cost_usd"]},
        )


def learn(session: Session, data: Members) -> None:
    """What a composer's row or a chat's says."""
    session.id = session.id or record.identifier(rows.said(data, "composerId") or rows.said(data, "agentId"))
    session.title = record.text(rows.said(data, "name"), most=record.MAX_LINE_CHARS) or session.title
    created = from_epoch(record.value(data.get("createdAt")))
    session.created_ms = session.created_ms if created is None else to_ms(created)
    session.model = model(rows.said(data, "lastUsedModel") or _texts(data, "modelConfig").get("modelName"))
    session.parent = record.identifier(_texts(data, "subagentInfo").get("parentComposerId"))
    session.cost = _cost(data.get("usageData"))
    session.folder = session.folder or _folder_of(data)
    told: dict[str, Any] = {
        name: fact[:200] for name in _TEXTS if (fact := rows.said(data, name)) is not None
    }
    told |= {name: record.count(record.value(data.get(name))) for name in _COUNTS}
    told["subagentType"] = _texts(data, "subagentInfo").get("subagentTypeName")
    session.attrs = {**session.attrs, **{name: value for name, value in told.items() if value is not None}}


def model(name: str | None) -> str | None:
    """A model's name; None where Cursor chose it and does not say which.

    >>> model("claude-4.5-opus-high-thinking"), model("default")
    ('claude-4.5-opus-high-thinking', None)
    """
    return None if name is None or name in _AUTOMATIC else name[: record.MAX_NAME_CHARS]


def folder(address: str | None) -> str | None:
    """The path that a workspace's address names; of one on another machine the path there.

    >>> folder("file:///home/dev/my%20app"), folder("file:///c%3A/src/app")
    ('/home/dev/my app', 'c:/src/app')
    >>> folder("vscode-remote://ssh-remote%2Bhost/srv/app"), folder("/srv/app")
    ('/srv/app', '/srv/app')
    """
    if not address:
        return None
    try:
        path = unquote(urlsplit(address).path) if "://" in address else address
    except ValueError:
        return None
    drive = _WINDOWS.fullmatch(path)
    return drive[1] if drive else path.rstrip("/") or None


def _folder_of(data: Members) -> str | None:
    """Newer composers name their workspace, in one of several ways."""
    workspace = raw_members.of(data.get("workspaceIdentifier")) or {}
    uri = raw_members.of(workspace.get("uri"))
    said = rows.texts(uri or {})
    return folder(said.get("fsPath") or said.get("path") or rows.texts(workspace).get("uri"))


def _cost(usage: Any) -> Decimal | None:
    """What the composer was charged, over all models. Its unit is US cents."""
    models = [raw_members.of(value) or {} for value in (raw_members.of(usage) or {}).values()]
    cents = [record.value(told.get("costInCents")) for told in models]
    known = [Decimal(repr(cent)) for cent in cents if isinstance(cent, int | float) and 0 < cent < 10**9]
    return sum(known, Decimal(0)) / 100 or None


def _texts(data: Members, name: str) -> dict[str, str]:
    return rows.texts(raw_members.of(data.get(name)) or {})
