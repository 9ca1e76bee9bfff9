"""What an eval set is made of, before it has any format. Texts are as they are stored, arguments as they were spelled."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

TurnMode = Literal["per_turn", "full", "final_only"]
Speaker = Literal["system", "user", "assistant", "tool"]


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """A tool call. Its id is the only one of its kind in a session."""

    id: str
    name: str
    args: dict[str, Any]
    args_json: str
    """The same as JSON text, as the model spelled it."""


class Said(msgspec.Struct, frozen=True, kw_only=True):
    """A message: of the assistant with its calls, of a tool with the id of the call that it answers."""

    role: Speaker
    text: str = ""
    reasoning: str = ""
    calls: tuple[Call, ...] = ()
    call_id: str = ""
    tool_name: str = ""
    is_error: bool = False
    answered: bool = True
    """Of a tool: whether a result was recorded at all."""
    message_id: int = 0
    """The stored message that it comes from."""


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """What a person said, and all that was answered until they spoke again."""

    ordinal: int
    """From 0 in the session, whatever is left out of it."""
    asked: tuple[Said, ...]
    """The person's messages, with what the program said among them."""
    answer: tuple[Said, ...]
    message_ids: tuple[int, ...]


class About(msgspec.Struct, frozen=True, kw_only=True):
    """Facts of a session."""

    id: str
    name: str
    """Its external id; where another source has a session of that id too, with its source behind."""
    root: str
    """The external id at the top of its tree: its own, or that of the session whose sub-agents' sub-agent it is."""
    source: str
    created_at_ms: int
    title: str = ""
    project: str = ""
    project_path: str = ""
    model: str = ""
    provider: str = ""
    tags: tuple[str, ...] = ()
    status: str = ""
    expected: str = ""
    prompt_tokens: int = 0
    completion_tokens: int = 0


class Case(msgspec.Struct, frozen=True, kw_only=True):
    """What to ask, and what was answered."""

    id: str
    about: About
    mode: TurnMode
    ordinal: int
    context: tuple[Said, ...]
    """What was said before."""
    asked: tuple[Said, ...]
    answer: tuple[Said, ...]
    expected: str = ""
    status: str = ""
    tags: tuple[str, ...] = ()
    model: str = ""
    created_at_ms: int = 0
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float | None = None
    duration_ms: int | None = None
    split: str = ""

    @property
    def before(self) -> tuple[Said, ...]:
        """All that stands before the answer."""
        return self.context + self.asked

    @property
    def conversation(self) -> tuple[Said, ...]:
        return self.context + self.asked + self.answer

    @property
    def input(self) -> str:
        """What the person said: in this turn, or (`full`) in all of them."""
        return texts(self.before if self.mode == "full" else self.asked, "user")

    @property
    def output(self) -> str:
        """What the assistant said, whole: in this turn, or (`full`) in all of them."""
        return texts(self.conversation if self.mode == "full" else self.answer, "assistant")

    @property
    def final(self) -> str:
        """What the assistant said in the last turn."""
        return texts(self.answer, "assistant")


def texts(said: tuple[Said, ...], role: Speaker) -> str:
    """
    >>> texts((Said(role="user", text="a"), Said(role="assistant", text="b"), Said(role="user", text="c")), "user")
    'a\\n\\nc'
    """
    return "\n\n".join(each.text for each in said if each.role == role and each.text)


def calls_of(said: tuple[Said, ...]) -> list[tuple[Call, Said | None]]:
    """Each call with its result."""
    results = {each.call_id: each for each in said if each.role == "tool"}
    return [(call, results.get(call.id)) for each in said for call in each.calls]
