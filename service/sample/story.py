"""The nouns of the sample: a story is a session as a person would tell it, without ids, times and counts."""

from __future__ import annotations

from typing import Any, Literal

import msgspec


class Call(msgspec.Struct, frozen=True):
    tool: str
    args: dict[str, Any]


class Result(msgspec.Struct, frozen=True):
    text: str
    is_error: bool = False


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message. A `tool` turn answers the calls of the turn before it, in their order; where it has fewer results,
    they are those of the last calls."""

    role: Literal["user", "assistant", "tool"]
    text: str = ""
    thinking: str = ""
    calls: tuple[Call, ...] = ()
    results: tuple[Result, ...] = ()


class Story(msgspec.Struct, frozen=True, kw_only=True):
    """A session. `key` is unique and seeds what chance decides; `days_ago` is when it began."""

    key: str
    title: str
    source: str
    model: str
    project: str
    days_ago: float
    turns: tuple[Turn, ...]
    kind: str = "agent"
    parent: str = ""
    """The key of the session that sent this one out."""


def user(text: str) -> Turn:
    return Turn(role="user", text=text)


def agent(text: str = "", *calls: Call, thinking: str = "") -> Turn:
    return Turn(role="assistant", text=text, thinking=thinking, calls=calls)


def call(tool: str, /, **args: Any) -> Call:
    return Call(tool, args)


def got(*texts: str) -> Turn:
    """What the tools of the last turn gave back."""
    return Turn(role="tool", results=tuple(map(Result, texts)))


def failed(text: str) -> Turn:
    """What the tool of the last turn gave back when it failed."""
    return Turn(role="tool", results=(Result(text, is_error=True),))
