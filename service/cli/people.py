"""workspace, user, member, key: people and what they may open. On the database itself, so it needs no key."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, TypeVar

import click

from service.cli.flags import with_json, with_settings
from service.settings import Settings

if TYPE_CHECKING:
    from service.storage.database import Database

T = TypeVar("T")
ROLES = click.Choice(["owner", "admin", "member"])
SCOPES = click.Choice(["ingest", "read", "admin"])
of_workspace = click.option("--workspace", help="Its name; not needed where there is one only.")
of_user = click.option("--user", help="Their name; not needed where there is one only.")


@click.group()
def workspace() -> None:
    """Workspaces: each holds sessions of its own and shows them to its members only.

    \b
    backscroll workspace create team --owner ann
    """


@workspace.command("create")
@click.argument("name")
@with_settings
@with_json
@click.option("--shared/--personal", default=True, help="For several members, or for its owner alone.")
@click.option("--owner", help="A user; not needed where there is one only.")
def create_workspace(settings: Settings, as_json: bool, name: str, shared: bool, owner: str | None) -> None:
    """Make a workspace with its owner.

    \b
    backscroll workspace create team --owner ann
    """
    from service.jobs import people

    kind = "shared" if shared else "personal"
    made = ask(settings, lambda db: people.create_workspace(db, name, kind=kind, owner=owner))
    tell(made, as_json, f"Made the {kind} workspace {made.name}; its owner is {made.members[0]}.")


@workspace.command("list")
@with_settings
@with_json
def list_workspaces(settings: Settings, as_json: bool) -> None:
    """List workspaces and their members.

    \b
    backscroll workspace list
    """
    from service.cli import output
    from service.storage import administration

    found = ask(settings, administration.workspaces)
    if as_json:
        output.print_json({"workspaces": plain(found)})
        return
    rows = [(each.name, each.kind, ", ".join(each.members), shown(each.created_at)) for each in found]
    output.print_table(["workspace", "kind", "members", "made"], rows, cut=["members"])


@workspace.command("delete")
@click.argument("name")
@with_settings
@with_json
@click.option("--yes", is_flag=True, help="Do not ask.")
@click.pass_context
def delete_workspace(context: click.Context, settings: Settings, as_json: bool, name: str, yes: bool) -> None:
    """Delete a workspace with its sessions, keys and all that was made from them. There is no way back.

    \b
    backscroll workspace delete team
    """
    from service.jobs import people

    async def delete(db: Database) -> int:
        return await people.delete_workspace(db, await people.find_workspace(db, name))

    found = ask(settings, lambda db: people.find_workspace(db, name))
    if not yes:
        typed = click.prompt(f"This deletes all of it. Type {found.name} to go on", default="", err=True)
        if typed != found.name:
            click.echo("Nothing was deleted.", err=True)
            context.exit(1)
    count = ask(settings, delete)
    tell({"workspace": found.name, "sessions": count}, as_json, f"Deleted {found.name}: {count} sessions.")


@click.group()
def user() -> None:
    """Users: people and programs that keys belong to.

    \b
    backscroll user create ann
    """


@user.command("create")
@click.argument("name")
@with_settings
@with_json
def create_user(settings: Settings, as_json: bool, name: str) -> None:
    """Make a user, who is a member of nothing yet.

    \b
    backscroll user create ann
    """
    from service.jobs import people

    made = ask(settings, lambda db: people.create_user(db, name))
    tell(made, as_json, f"Made the user {made.name}.")


@user.command("list")
@with_settings
@with_json
def list_users(settings: Settings, as_json: bool) -> None:
    """List users and where they are members.

    \b
    backscroll user list
    """
    from service.cli import output
    from service.storage import administration

    found = ask(settings, administration.users)
    if as_json:
        output.print_json({"users": plain(found)})
        return
    rows = [(each.name, ", ".join(each.workspaces), shown(each.created_at)) for each in found]
    output.print_table(["user", "workspaces", "made"], rows, cut=["workspaces"])


@click.group()
def member() -> None:
    """Members: which user may open which workspace, and how far.

    \b
    backscroll member add --workspace team --user bob
    """


@member.command("add")
@with_settings
@with_json
@of_workspace
@of_user
@click.option("--role", type=ROLES, default="member", show_default=True,
              help="Owners and admins may have keys with the scope admin.")  # fmt: skip
def add_member(settings: Settings, as_json: bool, workspace: str | None, user: str | None, role: str) -> None:
    """Make a user a member of a workspace, or give a member another role.

    \b
    backscroll member add --workspace team --user bob --role admin
    """
    from service.jobs import people

    made = ask(settings, lambda db: people.set_member(db, workspace=workspace, user=user, role=role))
    tell(made, as_json, f"{made.user} is {made.role} of {made.workspace}.")


@member.command("remove")
@with_settings
@with_json
@of_workspace
@of_user
def remove_member(settings: Settings, as_json: bool, workspace: str | None, user: str | None) -> None:
    """Take a user out of a workspace: their keys end within a second, what they brought stays.

    \b
    backscroll member remove --workspace team --user bob
    """
    from service.jobs import people

    gone = ask(settings, lambda db: people.remove_member(db, workspace=workspace, user=user))
    tell(gone, as_json, f"{gone.user} is no member of {gone.workspace} any more.")


@member.command("list")
@with_settings
@with_json
@click.option("--workspace", help="Only of this one.")
def list_members(settings: Settings, as_json: bool, workspace: str | None) -> None:
    """List members and their roles.

    \b
    backscroll member list --workspace team
    """
    from service.cli import output
    from service.jobs import people
    from service.storage import administration

    async def found(db: Database) -> list[administration.Member]:
        place = (await people.find_workspace(db, workspace)).id if workspace else None
        return await administration.members(db, place)

    there = ask(settings, found)
    if as_json:
        output.print_json({"members": plain(there)})
        return
    rows = [(each.workspace, each.user, each.role, shown(each.created_at)) for each in there]
    output.print_table(["workspace", "user", "role", "since"], rows)


@click.group()
def key() -> None:
    """Keys: what a program or a browser shows to open a workspace.

    \b
    backscroll key create --workspace team --user ann --scope read --expires 30d
    """


@key.command("create")
@with_settings
@with_json
@of_workspace
@of_user
@click.option("--scope", "scopes", type=SCOPES, multiple=True, default=("ingest", "read"), show_default=True,
              help="ingest sends, read searches and reads, admin does all. May be repeated.")  # fmt: skip
@click.option("--expires", help="When it ends: 30d, 12h or 2027-01-01; never unless said.")
@click.option("--name", default="", help="What it is for.")
def create_key(
    settings: Settings, as_json: bool, workspace: str | None, user: str | None, scopes: tuple[str, ...],
    expires: str | None, name: str,
) -> None:  # fmt: skip
    """Make a key, and print it: this once, since only its hash is kept.

    \b
    backscroll key create --workspace team --user ann --scope read --expires 30d --name laptop
    """
    from service.jobs import people

    ends = people.expiry(expires, now=datetime.now(UTC)) if expires else None
    unique = tuple(dict.fromkeys(scopes))
    made = ask(
        settings,
        lambda db: people.create_key(
            db, workspace=workspace, user=user, scopes=unique, expires_at=ends, name=name
        ),
    )
    tell(made, as_json, made.key)
    until = f" until {shown(made.expires_at)}" if made.expires_at else ""
    click.echo(
        f"{made.id} opens {made.workspace} for {made.user}{until}: {', '.join(made.scopes)}. It is shown this once.",
        err=True,
    )


@key.command("list")
@with_settings
@with_json
@click.option("--workspace", help="Only of this one.")
def list_keys(settings: Settings, as_json: bool, workspace: str | None) -> None:
    """List keys: whose, what they open, when they end and when they were last used.

    \b
    backscroll key list --workspace team
    """
    from service.cli import output
    from service.jobs import people

    now = datetime.now(UTC)
    found = ask(settings, lambda db: people.list_keys(db, workspace))
    if as_json:
        lines = [plain(each) | {"id": people.key_name(each.id), "state": each.state(now)} for each in found]
        output.print_json({"keys": lines})
        return
    rows = [
        (people.key_name(each.id), each.state(now), each.workspace, each.user, " ".join(each.scopes), each.name,
         shown(each.created_at), shown(each.expires_at), shown(each.last_used_at))
        for each in found
    ]  # fmt: skip
    columns = ["id", "state", "workspace", "user", "scopes", "name", "made", "ends", "last used"]
    output.print_table(columns, rows, cut=["name"])


@key.command("revoke")
@click.argument("id")
@with_settings
@with_json
def revoke_key(settings: Settings, as_json: bool, id: str) -> None:
    """End a key, and the browsers that signed in with it, within a second.

    \b
    backscroll key revoke k7
    """
    from service.jobs import people

    found, now = ask(settings, lambda db: people.revoke_key(db, id))
    name = people.key_name(found.id)
    tell(
        {"id": name, "revoked": now}, as_json, f"{name} is revoked." if now else f"{name} was revoked before."
    )


def ask(settings: Settings, work: Callable[[Database], Coroutine[Any, Any, T]]) -> T:
    """What `work` gives, on the database of these settings."""
    import asyncio

    from service.postgres import database_url
    from service.storage.database import open_database

    async def opened() -> T:
        db = await open_database(database_url(settings), pool_size=2, name="backscroll-people")
        try:
            return await work(db)
        finally:
            await db.close()

    return asyncio.run(opened())


def tell(value: Any, as_json: bool, sentence: str) -> None:
    from service.cli import output

    if as_json:
        output.print_json(plain(value))
    else:
        click.echo(output.clean(sentence))


def plain(value: Any) -> Any:
    """As JSON values; times in epoch milliseconds, unknown ones left out."""
    import msgspec

    return in_ms(msgspec.to_builtins(value, builtin_types=(datetime,)))


def in_ms(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: in_ms(each) for name, each in value.items() if each is not None}
    if isinstance(value, (list, tuple)):
        return [in_ms(each) for each in value]
    return round(value.timestamp() * 1000) if isinstance(value, datetime) else value


def shown(at: datetime | None) -> str:
    """The day, in this machine's zone; "" for never."""
    return f"{at.astimezone():%Y-%m-%d}" if at else ""


VERBS = (workspace, user, member, key)
