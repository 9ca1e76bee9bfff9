"""Made-up records of Claude Code, for tests: each call makes the next one of a conversation."""

from __future__ import annotations

from itertools import count
from typing import Any

import msgspec

SESSION = "0b5c0f3e-0000-4000-8000-000000000001"
OTHER = "0b5c0f3e-0000-4000-8000-000000000002"
PATH = f"/home/u/.claude/projects/-src-app/{SESSION}.jsonl"


class Conversation:
    """Records in their order, a second apart, each the child of the one before it."""

    def __init__(self, session: str = SESSION) -> None:
        self.session = session
        self.records: list[dict[str, Any]] = []
        self._numbers = count(1)
        self._parent: str | None = None

    @property
    def data(self) -> bytes:
        return lines(*self.records)

    def add(self, type: str, **fields: Any) -> dict[str, Any]:
        number = next(self._numbers)
        record = {
            "parentUuid": self._parent,
            "isSidechain": False,
            "cwd": "/src/app",
            "sessionId": self.session,
            "version": "2.1.0",
            "gitBranch": "main",
            "type": type,
            "uuid": f"u{number}",
            "timestamp": f"2026-03-01T10:{number // 60:02}:{number % 60:02}.000Z",
        } | fields
        self.records.append(record)
        self._parent = record["uuid"]
        return record

    def user(self, content: Any, **fields: Any) -> dict[str, Any]:
        return self.add("user", message={"role": "user", "content": content}, **fields)

    def assistant(
        self, *blocks: Any, id: str = "msg_1", request: str | None = "req_1", usage: Any = None, **fields: Any
    ) -> dict[str, Any]:
        message = {
            "id": id, "type": "message", "role": "assistant", "model": "claude-opus-4-5", "content": list(blocks),
            "stop_reason": None, "usage": usage or {"input_tokens": 3, "output_tokens": 1},
        }  # fmt: skip
        said = {"requestId": request} if request else {}
        return self.add("assistant", **({"message": message} | said | fields))

    def answer_to(self, call: str, content: Any = "ok", **fields: Any) -> dict[str, Any]:
        return self.user([result(call, content)], **fields)

    def agent(self, agent: str, message: dict[str, Any], **fields: Any) -> dict[str, Any]:
        """A sub-agent's row in a progress record."""
        data = {"type": "agent_progress", "agentId": agent, "prompt": "…", "message": message}
        return self.add("progress", data=data, toolUseID="agent_1", **fields)


def lines(*records: dict[str, Any]) -> bytes:
    return b"".join(msgspec.json.encode(record) + b"\n" for record in records)


def text(said: str) -> dict[str, Any]:
    return {"type": "text", "text": said}


def thinking(said: str) -> dict[str, Any]:
    return {"type": "thinking", "thinking": said, "signature": "c2ln"}


def call(id: str, name: str = "Bash", **arguments: Any) -> dict[str, Any]:
    return {"type": "tool_use", "id": id, "name": name, "input": arguments}


def result(id: str, content: Any = "ok", *, error: bool = False) -> dict[str, Any]:
    return {"tool_use_id": id, "type": "tool_result", "content": content, "is_error": error}
