"""POST and DELETE /api/auth/session: a browser's way to hold a key without a script being able to read it."""

from __future__ import annotations

from datetime import timedelta
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from service.api import shapes
from service.api.gate import auth, origins, params, tickets
from service.api.gate.params import Nothing
from service.api.gate.routes import Answer, Call, answer, route
from service.errors import Unauthorized
from service.model import json_items
from service.storage import administration, people

SIGNED_IN = timedelta(days=30)


class SignIn(msgspec.Struct, kw_only=True):
    """The key; or none here, and the key as `Authorization: Bearer`."""

    key: Annotated[str, Meta(max_length=auth.LONGEST_KEY)] | None = None


class SignedIn(msgspec.Struct, kw_only=True, rename="camel"):
    workspace: str
    user: str
    scopes: list[str]
    expires_at: Annotated[int | UnsetType, Meta(description="When the key ends, if it does.")] = UNSET
    ok: bool = True


class SignedOut(msgspec.Struct):
    ok: bool = True


@route(
    "POST", "/api/auth/session", scope=None, summary="Sign in", takes=SignIn, takes_nothing=True, gives=SignedIn,
    description="Takes a key and sets the cookie `backscroll_session` (HttpOnly, SameSite=Strict, 30 days or until the key ends). "
    "A request with it and without Authorization is admitted as with the key, for pages of this service only.",
    example_body={"key": "osk_..."},
    example={"workspace": "local", "user": "local", "scopes": ["ingest", "read"], "ok": True},
    errors=(400, 401, 403, 413, 503),
)  # fmt: skip
async def sign_in(call: Call, asked: Nothing) -> Answer:
    # From another's page it would sign a person in to the other's workspace, who then writes there.
    origins.check_host(call.headers, call.desk.hosts)
    origins.check_page(call.headers, writes=False)
    key = given_key(call)
    caller = await call.desk.keys.of_key(key, now=call.now)
    call.desk.ledger.used(caller)
    async with call.resources.db.system() as conn:
        workspace, user = await people.names(conn, caller)
        secret = await people.cookie_secret(conn)
    signed_in = SignedIn(workspace=workspace, user=user, scopes=administration.in_order(caller.scopes))
    if caller.expires_at is not None:
        signed_in.expires_at = shapes.epoch_ms(caller.expires_at)
    ends_at = min(caller.expires_at or call.now + SIGNED_IN, call.now + SIGNED_IN)
    ticket = tickets.seal(
        key,
        of_house=secret,
        workspace_id=caller.workspace_id,
        key_id=caller.key_id,
        ends_s=int(ends_at.timestamp()),
    )
    age_s = max(1, int((ends_at - call.now).total_seconds()))
    return answer(signed_in, headers={"Set-Cookie": set_cookie(ticket, age_s=age_s, secure=call.secure)})


@route(
    "DELETE", "/api/auth/session", scope=None, summary="Sign out", gives=SignedOut,
    description="Clears the cookie of this browser. The key goes on; `backscroll key revoke` ends it and all that signed in with it.",
    example={"ok": True}, errors=(403,),
)  # fmt: skip
async def sign_out(call: Call, asked: Nothing) -> Answer:
    origins.check_host(call.headers, call.desk.hosts)
    origins.check_page(call.headers, writes=auth.cookie(call.headers) is not None)
    return answer(SignedOut(), headers={"Set-Cookie": set_cookie("", age_s=0, secure=call.secure)})


def given_key(call: Call) -> str:
    """Of the header or else of the body. Errors: `Unauthorized`, `RequestError`."""
    if auth.shows_key(call.headers):
        return auth.bearer(call.headers)
    given = params.from_json(json_items.read_object(call.body), SignIn) if call.body.strip() else SignIn()
    if not given.key:
        raise Unauthorized("Missing Authorization header")
    return auth.key_like(given.key.strip())


def set_cookie(value: str, *, age_s: int, secure: bool) -> str:
    """
    >>> set_cookie("1.2", age_s=60, secure=True)
    'backscroll_session=1.2; HttpOnly; SameSite=Strict; Path=/; Max-Age=60; Secure'
    """
    cookie = f"{auth.COOKIE}={value}; HttpOnly; SameSite=Strict; Path=/; Max-Age={age_s}"
    return cookie + ("; Secure" if secure else "")
