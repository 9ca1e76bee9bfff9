"""Attachments: what the program put into the conversation beside people's words.

Rule: what the model read and is short is kept, as a system message; lists of tools and other bookkeeping are left out,
and so are whole files, whose text is long and not of this conversation.
"""

from __future__ import annotations

from typing import Any

from service.importers import names, record
from service.importers.claude_code import reasons
from service.model.readable import readable

_MOST_CHARS = 4_000
_TEXTS = ("content", "prompt", "stderr", "systemMessage", "message", "snippet")
"""Members that are what was said, the best first."""
_CONTEXT_EVENTS = frozenset({"SessionStart", "UserPromptSubmit"})
"""Hooks whose output goes to the model."""
_BOOKKEEPING = frozenset(
    {
        "agent_listing_delta",
        "already_read_file",
        "auto_mode",
        "auto_mode_exit",
        "bagel_console",
        "budget_usd",
        "command_permissions",
        "companion_intro",
        "deferred_tools_delta",
        "deferred_tools_record",
        "dynamic_skill",
        "edited_image_file",
        "hook_cancelled",
        "hook_deferred_tool",
        "hook_permission_decision",
        "mcp_instructions_delta",
        "model",
        "output_style",
        "output_token_usage",
        "skill_listing",
        "structured_output",
        "thinking_stripped",
        "token_usage",
        "tool_listing_delta",
    }
)


def text(attachment: dict[str, Any]) -> str | None:
    """What is kept of an attachment; None of one that is left out, for the `reason` below.

    >>> text({"type": "hook_additional_context", "hookName": "SessionStart", "content": ["Use uv", "Run tests"]})
    'Use uv\\nRun tests'
    """
    said = None if _is_bookkeeping(attachment) else _said(attachment)
    return said if said and len(said) <= _MOST_CHARS else None


def reason(attachment: dict[str, Any]) -> str:
    kind = attachment.get("type")
    if kind == "hook_success":
        return reasons.HOOK
    if _is_bookkeeping(attachment) or not _said(attachment):
        return names.told("attachment", kind)
    return names.told(reasons.LARGE, kind)


def _is_bookkeeping(attachment: dict[str, Any]) -> bool:
    if attachment.get("type") == "hook_success":
        told = record.text(attachment.get("hookEvent")) in _CONTEXT_EVENTS
        return not told or record.text(attachment.get("content")) is None
    return record.text(attachment.get("type")) in _BOOKKEEPING


def _said(attachment: dict[str, Any]) -> str:
    blocking = attachment.get("blockingError")
    if isinstance(blocking, dict):
        attachment = blocking | {"content": blocking.get("blockingError")}
    for name in _TEXTS:
        said = attachment.get(name)
        if said_here := record.text(said):
            return said_here
        if isinstance(said, list) and said and all(isinstance(element, str) for element in said):
            return "\n".join(said)
    return readable({name: value for name, value in attachment.items() if name not in ("type", "toolUseID")})
