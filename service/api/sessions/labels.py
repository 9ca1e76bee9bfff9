"""What PATCH takes: labels of sessions and messages.

Rule: what is absent stays. `null` or an empty text empties a label; where a thing cannot be empty (a title, a flag)
`null` says nothing. Unknown fields are ignored.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from service.api.gate import params
from service.errors import RequestError
from service.model import json_items
from service.storage.messages import MessagePatch
from service.storage.sessions import SessionPatch

EvalStatus = Literal["golden", "correct", "incorrect", "needs_review"]
Tags = Annotated[list[Annotated[str, Meta(max_length=200)]], Meta(max_length=200)]
Title = Annotated[str, Meta(max_length=10_000, extra_json_schema={"pattern": params.SAYS_SOMETHING})]
Status = Annotated[str, Meta(max_length=500)]
Text = Annotated[str, Meta(max_length=1_000_000)]
EMPTIED = ("notes", "status", "evalStatus", "expectedOutput")


class SessionLabels(msgspec.Struct, kw_only=True, rename="camel"):
    """Labels of a session; `tags` are all of them from now on."""

    title: Title | None = None
    tags: Tags | None = None
    notes: Text | None = None
    status: Status | None = None
    is_public: bool | None = None
    eval_ready: bool | None = None
    eval_status: EvalStatus | None = None
    expected_output: Text | None = None


class MessageLabels(msgspec.Struct, kw_only=True, rename="camel"):
    """Labels of a message; without an `evalReady` of its own it is as ready as its session."""

    tags: Tags | None = None
    notes: Text | None = None
    eval_ready: bool | None = None
    eval_status: EvalStatus | None = None
    expected_output: Text | None = None


class ManyLabels(msgspec.Struct, kw_only=True, rename="camel"):
    """Labels of several; `tags` are all of them from now on, `addTags` and `removeTags` leave the others."""

    tags: Tags | None = None
    add_tags: Tags = []
    remove_tags: Tags = []
    notes: Text | None = None
    status: Status | None = None
    eval_ready: bool | None = None
    eval_status: EvalStatus | None = None
    expected_output: Text | None = None


def read_session(body: bytes) -> SessionPatch:
    """Errors: `RequestError`.

    >>> patch = read_session(b'{"tags": ["a", " a "], "notes": null}')
    >>> patch.tags, sorted(patch.clear)
    (('a',), ['notes'])
    """
    given = json_items.read_object(body)
    labels = params.from_json(without_empty(given), SessionLabels)
    title = None if labels.title is None else labels.title.strip()
    if title == "":
        raise RequestError("title must not be empty.")
    return SessionPatch(
        title=title,
        notes=labels.notes,
        status=labels.status,
        is_public=labels.is_public,
        eval_ready=labels.eval_ready,
        eval_status=labels.eval_status,
        expected_output=labels.expected_output,
        tags=tags(given, labels.tags),
        clear=emptied(given),
    )


def read_message(body: bytes) -> MessagePatch:
    """Errors: `RequestError`."""
    given = json_items.read_object(body)
    labels = params.from_json(without_empty(given), MessageLabels)
    return MessagePatch(
        notes=labels.notes,
        eval_ready=labels.eval_ready,
        eval_status=labels.eval_status,
        expected_output=labels.expected_output,
        tags=tags(given, labels.tags),
        clear=emptied_of_message(given),
    )


def many_sessions(given: dict[str, Any]) -> SessionPatch:
    """Errors: `RequestError`.

    >>> many_sessions({"addTags": [" a "], "notes": None}).add_tags
    ('a',)
    """
    labels = params.from_json(without_empty(given), ManyLabels)
    return SessionPatch(
        notes=labels.notes,
        status=labels.status,
        eval_ready=labels.eval_ready,
        eval_status=labels.eval_status,
        expected_output=labels.expected_output,
        tags=tags(given, labels.tags),
        add_tags=trimmed(labels.add_tags),
        remove_tags=trimmed(labels.remove_tags),
        clear=emptied(given),
    )


def many_messages(given: dict[str, Any]) -> MessagePatch:
    """Errors: `RequestError`."""
    labels = params.from_json(without_empty(given), ManyLabels)
    return MessagePatch(
        notes=labels.notes,
        eval_ready=labels.eval_ready,
        eval_status=labels.eval_status,
        expected_output=labels.expected_output,
        tags=tags(given, labels.tags),
        add_tags=trimmed(labels.add_tags),
        remove_tags=trimmed(labels.remove_tags),
        clear=emptied_of_message(given),
    )


def emptied_of_message(given: dict[str, Any]) -> frozenset[str]:
    """A message's `evalReady` can be empty: then its session's counts."""
    unmarked = {"evalReady"} if "evalReady" in given and given["evalReady"] is None else set()
    return emptied(given) | unmarked


def emptied(given: dict[str, Any]) -> frozenset[str]:
    return frozenset(name for name in EMPTIED if name in given and given[name] in (None, ""))


def without_empty(given: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in given.items() if name not in emptied(given)}


def tags(given: dict[str, Any], sent: list[str] | None) -> tuple[str, ...] | None:
    """Each tag once, without white space around it; `null` takes all off."""
    if sent is None:
        return () if "tags" in given else None
    return trimmed(sent)


def trimmed(sent: list[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(tag.strip() for tag in sent if tag.strip()))
