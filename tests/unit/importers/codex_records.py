"""Rollouts made up for tests: each function gives one record, `rollout` the file."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import msgspec

from service.importers.clock import from_iso

OWN = "019ed50c-2fb3-7002-a384-360bea6e7f04"
"""A session that began at 2026-06-17T10:06:46.195Z, as its id says."""
OTHER = "019ed000-0000-7000-a000-000000000001"
OLD_TURN = "019ed001-0000-7000-a000-000000000002"
OWN_TURN = "019ed50c-a0fa-7fc3-960f-b274cd3ba498"
PATH = f"/c/sessions/2026/06/17/rollout-2026-06-17T12-06-46-{OWN}.jsonl"

Json = dict[str, Any]


def rollout(*records: Json, start: str = "2026-06-17T10:07:00Z", step_ms: int = 10) -> bytes:
    """The records as lines; one without a time gets the next one."""
    begin = from_iso(start)
    assert begin is not None
    lines = []
    for at, record in enumerate(records):
        told = {"timestamp": _iso(begin + timedelta(milliseconds=step_ms * at)), **record}
        lines.append(msgspec.json.encode(told))
    return b"".join(line + b"\n" for line in lines)


def meta(id: str = OWN, **more: Any) -> Json:
    payload = {
        "id": id,
        "timestamp": "2026-06-17T10:06:46.240Z",
        "cwd": "/src/shop",
        "cli_version": "0.140.0",
    }
    return {
        "type": "session_meta",
        "payload": {**payload, "model_provider": "openai", "source": "cli", **more},
    }


def turn(model: str = "gpt-5.5", turn_id: str | None = OWN_TURN, **more: Any) -> Json:
    return {
        "type": "turn_context",
        "payload": {"turn_id": turn_id, "cwd": "/src/shop", "model": model, **more},
    }


def item(type: str, **members: Any) -> Json:
    return {"type": "response_item", "payload": {"type": type, **members}}


def event(type: str, **members: Any) -> Json:
    return {"type": "event_msg", "payload": {"type": type, **members}}


def message(role: str, *texts: str, **more: Any) -> Json:
    kind = "output_text" if role == "assistant" else "input_text"
    return item("message", role=role, content=[{"type": kind, "text": text} for text in texts], **more)


def asked(text: str) -> tuple[Json, Json]:
    """What a person said, as both copies in their usual order."""
    return message("user", text), event("user_message", message=text, images=[])


def answered(text: str) -> tuple[Json, Json]:
    return event("agent_message", message=text, phase="final_answer"), message("assistant", text)


def call(call_id: str, arguments: str = '{"cmd":"ls"}', name: str = "exec_command") -> Json:
    return item("function_call", name=name, arguments=arguments, call_id=call_id)


def output(call_id: str, result: Any = "Exit code: 0\nWall time: 0 seconds\nOutput:\nok") -> Json:
    return item("function_call_output", call_id=call_id, output=result)


def tokens(total: int, last: int | None, *, cached: int = 0, out: int = 1) -> Json:
    """A count in which the input is `total` so far and `last` of it of the last answer."""
    info: Json = {"total_token_usage": _counts(total, cached, out)}
    if last is not None:
        info["last_token_usage"] = _counts(last, cached, out)
    return event("token_count", info=info, rate_limits=None)


def call_id(number: int) -> str:
    return f"call_{number:024d}"


def _counts(input: int, cached: int, out: int) -> Json:
    return {
        "input_tokens": input,
        "cached_input_tokens": cached,
        "output_tokens": out,
        "total_tokens": input + out,
    }


def _iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
