"""Events: what Codex showed while it worked. Nearly all of it stands again in the conversation's items.

Rule: an event makes a draft where it can be the only copy (older and newer versions write one of the two), or where
it knows more than the item: exit code, duration, failure. Beginnings, deltas and requests are left out.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec
from msgspec import Raw

from service.importers import record
from service.importers.codex import draft, reasons
from service.importers.codex.draft import Draft
from service.importers.codex.lines import Record, elements
from service.importers.codex.state import Memory
from service.importers.names import unknown_type
from service.model import raw_members
from service.model.message import Part

MAX_FACT_CHARS = 500


def said(event: Record, memory: Memory) -> Draft | str:
    """What an event says, or the reason for which it is left out."""
    name = event.type
    if reader := _READERS.get(name):
        return reader(event, memory)
    if name.endswith(("_delta", "_begin", "_started", "_updated", "_section_break", "_response")):
        return reasons.PROGRESS
    return unknown_type(name)


def item_completed(event: Record, memory: Memory) -> Draft | str:
    """What a finished item says: versions that write these write no events of the single kinds."""
    inner = event.inner("item")
    reader = _ITEMS.get(inner.type)
    return reader(inner, memory) if reader else unknown_type(inner.type.lower())


def note(text: str | None, **facts: Any) -> Draft | str:
    """A message of the program itself."""
    if not text:
        return reasons.EMPTY
    return Draft(kind="note", role="system", texts=(text,), attrs=_told(facts))


def _user(event: Record, memory: Memory) -> Draft | str:
    text = event.text("message")
    images = [
        record.part({"type": "image", "image_url": image}) for image in elements(event.payload.get("images"))
    ]
    parts = [part for part in images if part is not None]
    if not text and not parts:
        return reasons.EMPTY
    if parts and text:
        parts = [Part("text", msgspec.json.encode(text)), *parts]
    return Draft(kind="message", role="user", texts=(text,) if text else (), parts=tuple(parts))


def _agent(event: Record, memory: Memory) -> Draft | str:
    text = event.text("message")
    attrs = _told({"phase": event.text("phase")})
    return Draft(kind="message", role="assistant", texts=(text,), attrs=attrs) if text else reasons.EMPTY


def _thought(event: Record, memory: Memory) -> Draft | str:
    text = event.text("text")
    return Draft(kind="reasoning", role="assistant", texts=(text,)) if text else reasons.EMPTY


def _command(event: Record, memory: Memory) -> Draft:
    code = event.get("exit_code")
    code = code if isinstance(code, int) and not isinstance(code, bool) else None
    output = _first_text(event, "aggregated_output", "formatted_output", "stdout", "stderr")
    args: dict[str, Raw] = {name: event.payload[name] for name in ("command", "cwd") if name in event.payload}
    facts = {"exitCode": code, "status": event.text("status")}
    return _end(event, memory, "exec_command", args, output, code != 0 if code is not None else None, facts)


def _patch(event: Record, memory: Memory) -> Draft:
    success = event.get("success")
    output = _first_text(event, "stdout", "stderr")
    args = {"changes": event.payload["changes"]} if "changes" in event.payload else {}
    status = event.text("status")
    failed = not success if isinstance(success, bool) else status == "failed" if status else None
    return _end(event, memory, "apply_patch", args, output, failed, {"status": status})


def _mcp(event: Record, memory: Memory) -> Draft:
    invocation = raw_members.of(event.payload.get("invocation")) or event.payload
    server, tool = (record.text(record.value(invocation.get(name))) for name in ("server", "tool"))
    outcome = raw_members.of(event.payload.get("result")) or {}
    good = raw_members.of(outcome.get("Ok")) or outcome
    bad = outcome.get("Err") or event.payload.get("error")
    error = (
        True if bad and bytes(bad) != b"null" else record.value(good.get("isError") or good.get("is_error"))
    )
    args = {"arguments": invocation["arguments"]} if "arguments" in invocation else {}
    named = f"{server}.{tool}" if server and tool else tool or "mcp"
    output = bad if error is True and bad else good.get("content")
    failed = error if isinstance(error, bool) else False if "Ok" in outcome else None
    return _end(event, memory, named, args, output, failed, {"mcpServer": server, "mcpTool": tool})


def _dynamic(event: Record, memory: Memory) -> Draft:
    success = event.get("success")
    args = {"arguments": event.payload["arguments"]} if "arguments" in event.payload else {}
    failed = not success if isinstance(success, bool) else None
    tool = event.text("tool") or "tool"
    return _end(
        event, memory, tool, args, event.payload.get("content_items"), failed, {"error": event.text("error")}
    )


def _search(event: Record, memory: Memory) -> Draft:
    call_id = event.id("call_id") or event.id("id")
    own = draft.lasting(call_id)
    return Draft(
        kind="call",
        role="assistant",
        call_id=call_id,
        tool="web_search",
        parts=draft.call(call_id, "web_search", event.payload.get("action") or event.payload.get("query")),
        own_id=own and f"call:{own}",
        records=(own,) if own else (),
        attrs=_told({"query": event.text("query")}),
    )


def _image(event: Record, memory: Memory) -> Draft:
    call_id = event.id("call_id") or event.id("id")
    own = draft.lasting(call_id)
    args = {key: event.payload[key] for key in ("revised_prompt", "saved_path") if key in event.payload}
    return Draft(
        kind="call",
        role="assistant",
        call_id=call_id,
        tool="image_generation",
        parts=draft.call(call_id, "image_generation", Raw(msgspec.json.encode(args))),
        own_id=own and f"call:{own}",
        records=(own,) if own else (),
        attrs=_told({"savedPath": event.text("saved_path"), "status": event.text("status")}),
    )


def _end(
    event: Record,
    memory: Memory,
    tool: str,
    args: dict[str, Raw],
    output: Raw | None,
    error: bool | None,
    facts: dict[str, Any],
) -> Draft:
    """The end of a tool's run. Where no call was recorded the message holds the call too."""
    call_id = event.id("call_id") or event.id("id")
    called = memory.calls.get(call_id or "")
    own = draft.lasting(call_id)
    more = args.get("arguments") or Raw(msgspec.json.encode(args))
    return Draft(
        kind="output",
        role="tool",
        call_id=call_id,
        tool=called or tool,
        parts=() if called else draft.call(call_id, tool, more),
        result=output,
        error=error,
        own_id=own and f"{own}:output",
        records=(f"{own}:output",) if own else (),
        attrs=_told(facts),
        duration_ms=_duration_ms(event.get("duration")),
    )


def _aborted(event: Record, memory: Memory) -> Draft | str:
    reason = (event.text("reason") or "")[:MAX_FACT_CHARS]
    text = f"Turn aborted: {reason}" if reason else "Turn aborted"
    return note(text, event=event.type, durationMs=record.count(event.get("duration_ms")))


def _problem(event: Record, memory: Memory) -> Draft | str:
    return note(event.text("message") or event.text("summary"), event=event.type)


def _review(event: Record, memory: Memory) -> Draft | str:
    """A review's beginning (what for) and end (what it found, whole as a part)."""
    output = event.payload.get("review_output")
    members = raw_members.of(output) or {}
    text = event.text("user_facing_hint") or event.text("prompt") or event.text("review")
    text = record.text(record.value(members.get("overall_explanation"))) or text
    part = record.part({"type": "review_output", "content": output}) if members else None
    said = note(
        text or ("Review mode ended" if event.type.startswith("exited") else "Review mode"), event=event.type
    )
    return msgspec.structs.replace(said, parts=(part,)) if isinstance(said, Draft) and part else said


def _rolled_back(event: Record, memory: Memory) -> Draft | str:
    turns = record.count(event.get("num_turns"))
    return note(f"Rolled back {turns or 0} turns", event=event.type, turns=turns)


def _goal(event: Record, memory: Memory) -> Draft | str:
    goal = event.get("goal")
    objective = record.text(goal.get("objective")) if isinstance(goal, dict) else None
    if objective is None or objective == memory.goal:
        return reasons.CLIENT_STATE
    memory.goal = objective
    return note(objective, event=event.type)


def _user_item(item: Record, memory: Memory) -> Draft | str:
    texts = _texts_of(item)
    return Draft(kind="message", role="user", texts=("".join(texts),)) if texts else reasons.EMPTY


def _agent_item(item: Record, memory: Memory) -> Draft | str:
    texts = _texts_of(item)
    return Draft(kind="message", role="assistant", texts=tuple(texts)) if texts else reasons.EMPTY


def _plan_item(item: Record, memory: Memory) -> Draft | str:
    """The plan stands in the answer too, in a frame."""
    text = item.text("text")
    return (
        Draft(kind="message", role="assistant", texts=(text,), attrs={"event": "plan"})
        if text
        else reasons.EMPTY
    )


def _thought_item(item: Record, memory: Memory) -> Draft | str:
    texts = [
        text for name in ("summary_text", "raw_content") for text in item.get(name) or () if record.text(text)
    ]
    return (
        Draft(kind="reasoning", role="assistant", texts=tuple(texts))
        if texts
        else reasons.ENCRYPTED_REASONING
    )


def _texts_of(item: Record) -> list[str]:
    blocks = item.get("content")
    found = (
        [record.text(block.get("text")) for block in blocks if isinstance(block, dict)]
        if isinstance(blocks, list)
        else []
    )
    return [text for text in found if text]


def _first_text(event: Record, *names: str) -> Raw | None:
    return next((event.payload[name] for name in names if event.text(name)), None)


def _duration_ms(told: Any) -> int | None:
    """Of Rust's `{secs, nanos}`, or milliseconds."""
    if isinstance(told, dict):
        seconds, nanos = told.get("secs"), told.get("nanos")
        if isinstance(seconds, int) and isinstance(nanos, int):
            return record.count(seconds * 1000 + nanos / 1e6)
        return None
    return record.count(told)


def _told(facts: dict[str, Any]) -> dict[str, Any]:
    return {
        key: value[:MAX_FACT_CHARS] if isinstance(value, str) else value
        for key, value in facts.items()
        if value is not None
    }


def _left_out(reason: str) -> Callable[[Record, Memory], str]:
    return lambda event, memory: reason


_READERS: dict[str, Callable[[Record, Memory], Draft | str]] = {
    "user_message": _user,
    "agent_message": _agent,
    "agent_reasoning": _thought,
    "agent_reasoning_raw_content": _thought,
    "exec_command_end": _command,
    "patch_apply_end": _patch,
    "mcp_tool_call_end": _mcp,
    "dynamic_tool_call_response": _dynamic,
    "web_search_end": _search,
    "image_generation_end": _image,
    "item_completed": item_completed,
    "turn_aborted": _aborted,
    "error": _problem,
    "stream_error": _problem,
    "warning": _problem,
    "guardian_warning": _problem,
    "deprecation_notice": _problem,
    "background_event": _problem,
    "undo_completed": _problem,
    "entered_review_mode": _review,
    "exited_review_mode": _review,
    "thread_rolled_back": _rolled_back,
    "thread_goal_updated": _goal,
    "context_compacted": _left_out(reasons.COMPACTION_MARK),
    **dict.fromkeys(
        ("task_started", "turn_started", "task_complete", "turn_complete", "shutdown_complete"),
        _left_out(reasons.TURN_MARK),
    ),
    **dict.fromkeys(
        (
            "plan_update",
            "raw_response_item",
            "injected_message",
            "view_image_tool_call",
            "sub_agent_activity",
            "collab_agent_spawn_end",
            "collab_agent_interaction_end",
            "collab_waiting_end",
            "collab_close_end",
            "collab_resume_end",
            "turn_diff",
        ),
        _left_out(reasons.COPY),
    ),
    **dict.fromkeys(
        (
            "exec_approval_request",
            "apply_patch_approval_request",
            "request_permissions",
            "request_user_input",
            "elicitation_request",
            "guardian_assessment",
        ),
        _left_out(reasons.APPROVAL),
    ),
    **dict.fromkeys(("terminal_interaction", "mcp_startup_complete"), _left_out(reasons.PROGRESS)),
    **dict.fromkeys(
        (
            "session_configured",
            "skills_update_available",
            "thread_settings_applied",
            "model_reroute",
            "model_verification",
            "safety_buffering",
            "turn_moderation_metadata",
            "realtime_conversation_closed",
            "realtime_conversation_realtime",
            "realtime_conversation_sdp",
            "hook_completed",
        ),
        _left_out(reasons.CLIENT_STATE),
    ),
}
_ITEMS: dict[str, Callable[[Record, Memory], Draft | str]] = {
    "UserMessage": _user_item,
    "AgentMessage": _agent_item,
    "Plan": _plan_item,
    "Reasoning": _thought_item,
    "CommandExecution": _command,
    "FileChange": _patch,
    "McpToolCall": _mcp,
    "DynamicToolCall": _dynamic,
    "WebSearch": _search,
    "ImageGeneration": _image,
    **dict.fromkeys(
        ("HookPrompt", "SubAgentActivity", "CollabAgentToolCall", "ImageView"), _left_out(reasons.COPY)
    ),
    **dict.fromkeys(("Sleep", "Extension"), _left_out(reasons.PROGRESS)),
    "ContextCompaction": _left_out(reasons.COMPACTION_MARK),
}
