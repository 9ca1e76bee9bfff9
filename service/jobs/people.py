"""Who may do what, changed by whoever runs the service: names become rows, and what must not be is refused in a sentence.

Rule: a name that is left out means the only one there is; an unknown one is answered with those that there are.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, TypeVar

import msgspec

from service.errors import Conflict, NotFound, RequestError, SettingError
from service.storage import administration, audit, people
from service.storage.administration import Key, Member, User, Workspace
from service.storage.database import Database

LONGEST_NAME = 200
KEYS_FORGOTTEN_S = 1.5
"""After so long no process remembers a key that is gone: each looks again after a second."""
SPAN = re.compile(r"([1-9]\d{0,5})([dh])")
MOST_LISTED = 20

Report = Callable[[int], None]
"""Told how many sessions were deleted so far."""


class Named(Protocol):
    @property
    def name(self) -> str: ...


N = TypeVar("N", bound=Named)


class NewKey(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """A key that was made; the one time that it is told."""

    key: str
    id: str
    workspace: str
    user: str
    scopes: Sequence[str]
    name: str = ""
    expires_at: datetime | None = None


async def create_workspace(db: Database, name: str, *, kind: str, owner: str | None) -> Workspace:
    """Errors: `Conflict`, `NotFound`, `RequestError`, `SettingError`."""
    name = plain_name(name)
    user = one(await administration.users(db), owner, "user", "--owner")
    if any(each.name == name for each in await administration.workspaces(db)):
        raise Conflict(f"There is a workspace `{name}` already: choose another name.")
    await people.create_workspace(db, name=name, user=user.name, kind=kind)
    return one(await administration.workspaces(db), name, "workspace", "NAME")


async def find_workspace(db: Database, name: str | None) -> Workspace:
    """By its name, or the only one. Errors: `NotFound`, `SettingError`."""
    return one(await administration.workspaces(db), name, "workspace", "--workspace")


async def delete_workspace(db: Database, workspace: Workspace, *, report: Report = lambda done: None) -> int:
    """Delete it with all that it holds; how many sessions. Safe to repeat where it was cut short.

    First the keys, so that nothing more comes in; then the sessions in slices; then the rest.
    """
    await administration.close_workspace(db, workspace.id)
    if workspace.members:
        await asyncio.sleep(KEYS_FORGOTTEN_S)
    done = 0
    while some := await administration.delete_some_sessions(db, workspace.id):
        done += some
        report(done)
    await administration.delete_workspace(db, workspace.id)
    return done


async def create_user(db: Database, name: str) -> User:
    """Errors: `Conflict`, `RequestError`."""
    name = plain_name(name)
    await administration.create_user(db, name)
    return one(await administration.users(db), name, "user", "NAME")


async def set_member(db: Database, *, workspace: str | None, user: str | None, role: str) -> Member:
    """Make a user a member, or give a member another role. Errors: `Conflict`, `NotFound`, `SettingError`."""
    place = await find_workspace(db, workspace)
    who = one(await administration.users(db), user, "user", "--user")
    if place.kind == "personal" and who.name not in place.members and place.members:
        raise Conflict(
            f"`{place.name}` is somebody's own workspace: make one for several with `backscroll workspace create NAME`."
        )
    await administration.set_member(db, place.id, who.id, role)
    return await find_member(db, place, who.name)


async def remove_member(db: Database, *, workspace: str | None, user: str | None) -> Member:
    """With their keys; what they brought stays. Errors: `Conflict`, `NotFound`, `SettingError`."""
    place = await find_workspace(db, workspace)
    member = await find_member(db, place, user)
    await administration.remove_member(db, place.id, member.user_id)
    return member


async def find_member(db: Database, place: Workspace, user: str | None) -> Member:
    """Errors: `NotFound`, `SettingError`."""
    there = await administration.members(db, place.id)
    who = one(await administration.users(db), user or only([each.user for each in there]), "user", "--user")
    for member in there:
        if member.user_id == who.id:
            return member
    raise NotFound(
        f"`{who.name}` is no member of `{place.name}`: `backscroll member add` makes one. "
        f"Its members are {listed([each.user for each in there])}."
    )


async def create_key(
    db: Database,
    *,
    workspace: str | None,
    user: str | None,
    scopes: Sequence[str],
    expires_at: datetime | None,
    name: str,
) -> NewKey:
    """Errors: `Conflict` when the member's role does not allow a scope; `NotFound`, `RequestError`, `SettingError`."""
    place = await find_workspace(db, workspace)
    member = await find_member(db, place, user)
    name = plain_name(name) if name.strip() else ""
    for scope in scopes:
        if scope not in people.ALLOWED[member.role]:
            raise Conflict(
                f"`{member.user}` is a {member.role} of `{place.name}`: a key with the scope {scope} takes an owner or admin."
            )
    key = people.new_key()
    async with db.workspace(place.id) as conn:
        id = await people.create_key(
            conn, place.id, member.user_id, key=key, name=name, scopes=list(scopes), expires_at=expires_at
        )
    return NewKey(key, key_name(id), place.name, member.user, list(scopes), name, expires_at)


async def list_keys(db: Database, workspace: str | None) -> list[Key]:
    """Of one workspace, or of all. Errors: `NotFound`."""
    return await administration.keys(db, (await find_workspace(db, workspace)).id if workspace else None)


async def revoke_key(db: Database, ref: str) -> tuple[Key, bool]:
    """The key, and whether it was not revoked before. Errors: `NotFound`."""
    for key in await administration.keys(db):
        if ref in (key_name(key.id), str(key.id)):
            return key, await administration.revoke_key(db, key)
    raise NotFound("There is no key of this id: `backscroll key list` shows them, as k1, k2.")


async def acts(db: Database, *, workspace: str | None, limit: int) -> list[audit.Line]:
    """The newest lines of the audit log, of one workspace or of all. Errors: `NotFound`."""
    place = await find_workspace(db, workspace) if workspace else None
    async with db.system() as conn:
        return await audit.last(conn, limit=limit, workspace_id=place.id if place else None)


def key_name(id: int) -> str:
    return f"k{id}"


def expiry(text: str, *, now: datetime) -> datetime:
    """The moment that `30d`, `12h` or a day (its beginning in UTC) means. Errors: `SettingError`.

    >>> expiry("30d", now=datetime(2026, 1, 1, tzinfo=UTC)).isoformat(), expiry("2027-01-01", now=datetime(2026, 1, 1, tzinfo=UTC)).year
    ('2026-01-31T00:00:00+00:00', 2027)
    """
    try:
        if span := SPAN.fullmatch(text):
            at = now + (timedelta(days=int(span[1])) if span[2] == "d" else timedelta(hours=int(span[1])))
        else:
            at = datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC)
    except (ValueError, OverflowError) as error:
        raise SettingError("An expiry is days, hours or a date: 30d, 12h or 2027-01-01.") from error
    if at <= now:
        raise SettingError("An expiry lies ahead: a key that has expired already opens nothing.")
    return at


def one(there: Sequence[N], name: str | None, kind: str, flag: str) -> N:
    """The one of that name, or the only one. Errors: `NotFound`, `SettingError` when it is not said which."""
    names = [each.name for each in there]
    if name is None:
        name = only(names)
    if name is None and not names:
        raise NotFound(f"There is no {kind} yet: `backscroll {kind} create NAME` makes one.")
    if name is None:
        raise SettingError(f"Say which {kind} with {flag}: there are {listed(names)}.")
    for each in there:
        if each.name == name:
            return each
    raise NotFound(
        f"There is no {kind} of this name: there are {listed(names)}."
        if names
        else f"There is no {kind} yet: `backscroll {kind} create NAME` makes one."
    )


def only(names: Sequence[str]) -> str | None:
    return names[0] if len(names) == 1 else None


def listed(names: Sequence[str]) -> str:
    """
    >>> listed(["a", "b"]), listed([])
    ('`a`, `b`', 'none')
    """
    shown = ", ".join(f"`{name}`" for name in names[:MOST_LISTED]) or "none"
    return shown + (f" and {len(names) - MOST_LISTED} more" if len(names) > MOST_LISTED else "")


def plain_name(name: str) -> str:
    """A name as it is kept. Errors: `RequestError`.

    >>> plain_name(" ann ")
    'ann'
    """
    name = name.strip()
    if not 0 < len(name) <= LONGEST_NAME or not name.isprintable():
        raise RequestError(f"A name is one line of 1 to {LONGEST_NAME} characters that can be printed.")
    return name
