"""Made-up rows of OpenCode's tables, and what is found in them."""

from __future__ import annotations

import json
from typing import Any

from feeding import feed, messages

from service.importers import rows
from service.importers.model import Found
from service.importers.opencode import FORMAT
from service.model.message import MessageWrite

PATH = "/data/opencode.db#ses_1"
T0 = 1_780_000_000_000
SESSION = {
    "id": "ses_1",
    "project_id": "prj_1",
    "parent_id": None,
    "slug": "calm-otter",
    "directory": "/home/dev/gateway",
    "title": "Rate limiter",
    "version": "1.2.10",
    "share_url": None,
    "summary_additions": 12,
    "time_created": T0,
    "time_updated": T0 + 9000,
}


def row(table: str, **columns: Any) -> bytes:
    return rows.encode(table, columns) + b"\n"


def session(**columns: Any) -> bytes:
    return row("session", **{**SESSION, **columns})


def message(id: str, at: int = 1000, **data: Any) -> bytes:
    told = {"role": "user", "time": {"created": T0 + at}, **data}
    return row("message", id=id, session_id="ses_1", time_created=T0 + at, data=json.dumps(told))


def part(message: str, id: str, **data: Any) -> bytes:
    return row("part", id=id, message_id=message, session_id="ses_1", data=json.dumps(data))


def tool(message: str, id: str, **state: Any) -> bytes:
    return part(message, id, type="tool", callID=f"call_{id}", tool="bash", state=state)


def talk() -> bytes:
    """A question, an answer with a tool in it, another question."""
    return b"".join(
        [
            session(),
            row("project", id="prj_1", worktree="/home/dev/gateway", name="gateway"),
            message("msg_1", agent="build", model={"providerID": "anthropic", "modelID": "sonnet"}),
            part("msg_1", "prt_1", type="text", text="Limit requests per key."),
            message(
                "msg_2",
                2000,
                role="assistant",
                parentID="msg_1",
                modelID="sonnet",
                providerID="anthropic",
                cost=0.0125,
                finish="stop",
                time={"created": T0 + 2000, "completed": T0 + 6000},
                tokens={"input": 10, "output": 20, "reasoning": 0, "cache": {"read": 300, "write": 40}},
            ),
            part("msg_2", "prt_2", type="step-start"),
            part("msg_2", "prt_3", type="reasoning", text="A bucket per key.", time={"start": 1}),
            part("msg_2", "prt_4", type="text", text="I look first."),
            tool(
                "msg_2", "prt_5", status="completed", input={"command": "ls"}, output="app.py\n", title="ls"
            ),
            part("msg_2", "prt_6", type="text", text="Done."),
            part("msg_2", "prt_7", type="patch", hash="abc", files=["/home/dev/gateway/app.py"]),
            part("msg_2", "prt_8", type="step-finish", reason="stop", cost=0.0125, tokens={"input": 10}),
            message("msg_3", 9000),
            part("msg_3", "prt_9", type="text", text="Thank you."),
        ]
    )


def found_in(data: bytes) -> list[Found]:
    return feed(FORMAT, data, PATH)


def written(data: bytes) -> dict[str, MessageWrite]:
    return {id: write for (_, id), write in messages(found_in(data)).items()}


def contents(write: MessageWrite) -> list[tuple[str, Any]]:
    return [(part.type, json.loads(part.content)) for part in write.parts or ()]
