"""Bodies of /sync as writes: read leniently where nothing is lost, refused where something would be.

Rule: of a batch each item stands alone: what is wrong with one is told and hurts no other. What each field
takes stands in `item_fields.py`; how broken JSON is repaired and cut into items, in `json_items.py`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar, get_args

import msgspec

from service.api.sync.item_fields import ItemFields
from service.errors import RequestError
from service.model import json_items
from service.model.bounds import MAX_ID_CHARS, MAX_LINE_CHARS, MAX_NAME_CHARS
from service.model.message import MessageWrite, Role
from service.model.session import Kind, SessionWrite

T = TypeVar("T")
W = TypeVar("W", SessionWrite, MessageWrite)


class Batch(msgspec.Struct, frozen=True):
    """What a batch brings, in its order. Each error begins with its item's externalId, or else its position."""

    sessions: list[SessionWrite]
    messages: list[MessageWrite]
    errors: list[str]


def read_session(body: bytes) -> SessionWrite:
    """The body of /sync/session.

    Errors: RequestError; without an id `Missing externalId or sessionId`, as OpenSync says it.

    >>> read_session(b'{"sessionId": "s1", "source": "cursor", "cost": 0}').source
    'cursor-sync'
    """
    return _session(json_items.object_text(json_items.repaired(body)))


def read_message(body: bytes) -> MessageWrite:
    """The body of /sync/message. Errors: RequestError."""
    return _message(json_items.object_text(json_items.repaired(body)))


def read_batch(body: bytes) -> Batch:
    """The body of /sync/batch.

    Errors: RequestError when the body is no object, TooLarge when a list in it is too long to take.

    >>> read_batch(b'{"sessions": [{"externalId": "a"}, {"externalId": "b", "cost": -1}, 5]}').errors
    ['b: cost must not be negative.', 'sessions[2]: An item must be an object.']
    """
    text = json_items.object_text(json_items.repaired(body))
    batch = Batch([], [], [])
    for name, value in json_items.members(text):
        if name is None:
            raise RequestError("The body is not valid JSON: send an object with `sessions` and `messages`.")
        if name == "sessions":
            batch.sessions.extend(_read_items(name, value, _session, batch.errors))
        elif name == "messages":
            batch.messages.extend(_read_items(name, value, _message, batch.errors))
    return batch


def _read_items(name: str, text: bytes, read: Callable[[bytes], W], errors: list[str]) -> list[W]:
    """The items of one list that can be read; of each other one an error."""
    if text == b"null":
        return []
    if not text.startswith(b"["):
        errors.append(f"{name} must be a list.")
        return []
    writes: list[W] = []
    for place, item in enumerate(json_items.elements(text)):
        try:
            writes.append(read(item))
        except RequestError as error:
            errors.append(f"{_label(item) or f'{name}[{place}]'}: {error}")
    return writes


def _session(text: bytes) -> SessionWrite:
    item = ItemFields(text)
    external_id = item.id("externalId") or item.id("sessionId")
    if external_id is None:
        raise RequestError("Missing externalId or sessionId")
    parent = item.id("parentExternalId")
    return SessionWrite(
        external_id=external_id,
        title=item.text("title", most=MAX_LINE_CHARS),
        project_path=item.text("projectPath", most=MAX_LINE_CHARS),
        project_name=item.text("projectName", most=MAX_NAME_CHARS),
        model=item.text("model", most=MAX_NAME_CHARS),
        provider=item.text("provider", most=MAX_NAME_CHARS),
        source=item.source(),
        prompt_tokens=item.count("promptTokens"),
        completion_tokens=item.count("completionTokens"),
        cache_read_tokens=item.count("cacheReadTokens"),
        cache_write_tokens=item.count("cacheWriteTokens"),
        cost_usd=item.cost(),
        duration_ms=item.count("durationMs"),
        created_at=item.time("createdAt") or item.time("timestamp"),
        kind=item.one_of("kind", get_args(Kind)),
        parent_external_id=parent if parent != external_id else None,  # a tree has no loops
        status=item.text("status", most=MAX_NAME_CHARS),
        attrs=item.attrs(),
    )


def _message(text: bytes) -> MessageWrite:
    item = ItemFields(text)
    return MessageWrite(
        session_external_id=_needed(item.id("sessionExternalId"), "sessionExternalId"),
        external_id=_needed(item.id("externalId"), "externalId"),
        role=_needed(item.one_of("role", get_args(Role)), "role"),
        text=item.text("textContent"),
        model=item.text("model", most=MAX_NAME_CHARS),
        prompt_tokens=item.count("promptTokens"),
        completion_tokens=item.count("completionTokens"),
        cache_read_tokens=item.count("cacheReadTokens"),
        cache_write_tokens=item.count("cacheWriteTokens"),
        cost_usd=item.cost(),
        duration_ms=item.count("durationMs"),
        source=item.source(),
        created_at=item.time("createdAt") or item.time("timestamp"),
        parts=item.parts(),
        attrs=item.attrs(),
    )


def _needed(value: T | None, name: str) -> T:
    if value is None:
        raise RequestError(f"Missing {name}")
    return value


def _label(item: bytes) -> str:
    """The id of an item that could not be read, as far as it can be made out; else ""."""
    try:
        fields = dict(json_items.members(item)) if item.startswith(b"{") else {}
        for name in ("externalId", "sessionId"):
            found: Any = json_items.decoded(fields.get(name, b"null"), type=Any)
            if isinstance(found, str) and found.strip() and len(found) <= MAX_ID_CHARS:
                return found
    except RequestError:
        return ""
    return ""
