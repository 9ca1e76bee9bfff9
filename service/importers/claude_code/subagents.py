"""Sub-agents: which sidechain a record belongs to, and what the parent's tool call says of it.

Rule: a sidechain in the parent's own file is known by its root, the first record of its chain of parents. Chains and
calls are remembered for a while only, the latest ones: a chain goes on where it was left.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import msgspec

from service.importers import record
from service.importers.claude_code.blocks import Block
from service.importers.model import State

_MOST_LINKS = 2_048
_KEPT_LINKS = 200
_MOST_TASKS = 48
_TOOLS = ("Task", "Agent")


class Chains:
    """The root of each record of a sidechain. Roots are few, records many: state keeps a root once."""

    def __init__(self, state: State | None = None) -> None:
        self._roots: dict[str, str] = {}
        for root, names in (state or {}).items():
            self._roots.update(dict.fromkeys(names, root))

    @property
    def state(self) -> State:
        kept: State = {}
        for name, root in list(self._roots.items())[-_KEPT_LINKS:]:
            kept.setdefault(root, []).append(name)
        return kept

    def root(self, name: str, parent: str | None) -> str:
        """The root of the record's chain; the record itself where no parent of it is known."""
        root = self._roots.get(name) or self._roots.get(parent or "") or name
        if name not in self._roots:
            self._roots[name] = root
            if len(self._roots) > 2 * _MOST_LINKS:
                self._roots = dict(list(self._roots.items())[_MOST_LINKS:])
        return root


class Task(msgspec.Struct, omit_defaults=True, rename="camel"):
    """A call that starts a sub-agent."""

    title: str | None = None
    agent_type: str | None = None
    prompt: str | None = None
    """A digest of it: the first message of an in-line sidechain says the same."""


class Tasks:
    def __init__(self, state: State | None = None) -> None:
        self._tasks: dict[str, Task] = msgspec.convert(state or {}, dict[str, Task])

    @property
    def state(self) -> State:
        return {call: msgspec.to_builtins(task) for call, task in self._tasks.items()}

    def note(self, block: Block) -> None:
        """A tool call of the parent."""
        if block.type != "tool_use" or block.value.get("name") not in _TOOLS:
            return
        call, given = record.identifier(block.value.get("id")), block.value.get("input")
        if call is None or not isinstance(given, dict):
            return
        self._tasks[call] = Task(
            title=record.text(given.get("description"), most=record.MAX_NAME_CHARS),
            agent_type=record.text(given.get("subagent_type"), most=record.MAX_NAME_CHARS),
            prompt=_digest(given.get("prompt")),
        )
        if len(self._tasks) > _MOST_TASKS:
            del self._tasks[next(iter(self._tasks))]

    def of(self, call: Any) -> Task | None:
        return self._tasks.get(call) if isinstance(call, str) else None

    def with_prompt(self, text: str | None) -> tuple[str, Task] | None:
        """The call that started the sub-agent to which this was said first."""
        digest = _digest(text)
        if digest is None:
            return None
        return next(((call, task) for call, task in self._tasks.items() if task.prompt == digest), None)


def _digest(prompt: Any) -> str | None:
    said = record.text(prompt)
    return blake2b(said.strip().encode(), digest_size=8).hexdigest() if said else None
