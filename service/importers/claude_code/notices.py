"""Records of type `system`: what the program said, to the person or to the model.

Rule: what has words is a system message; errors of hooks and of the API are words. Counters and timers are
not.
"""

from __future__ import annotations

from typing import Any

from service.importers import names, record
from service.importers.claude_code import reasons

_NAMES = ("subtype", "level", "toolUseID")


def text(values: dict[str, Any]) -> str | None:
    """The words of a record; None of one that has none.

    >>> text({"subtype": "api_error", "error": {"status": 529, "error": {"message": "Overloaded"}}})
    'API error 529: Overloaded'
    >>> text({"subtype": "stop_hook_summary", "hookErrors": ["lint failed"], "stopReason": ""})
    'lint failed'
    """
    if said := record.text(values.get("content")):
        return said
    if values.get("subtype") == "stop_hook_summary":
        return _hooks(values)
    return _error(values.get("error")) if "error" in values else None


def reason(values: dict[str, Any]) -> str:
    subtype = values.get("subtype")
    if subtype == "stop_hook_summary":
        return reasons.QUIET_HOOK
    return reasons.EMPTY if isinstance(values.get("content"), str) else names.told("system record", subtype)


def attrs(values: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {
        name: said
        for name in _NAMES
        if (said := record.text(values.get(name), most=record.MAX_NAME_CHARS)) is not None
    }
    compact = values.get("compactMetadata") or values.get("microcompactMetadata")
    if isinstance(compact, dict):
        found["compact"] = {
            name: compact[name]
            for name in ("trigger", "preTokens", "postTokens", "durationMs")
            if isinstance(compact.get(name), str | int) and len(str(compact[name])) <= 100
        }
    if isinstance(values.get("retryAttempt"), int):
        found["retryAttempt"] = values["retryAttempt"]
    return found


def _hooks(values: dict[str, Any]) -> str | None:
    errors = values.get("hookErrors")
    said = [
        error if isinstance(error, str) else record.text(error.get("message") or error.get("error")) or ""
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, str | dict)
    ]
    if stopped := record.text(values.get("stopReason")):
        said.append(stopped)
    return "\n".join(part for part in said if part.strip()) or None


def _error(error: Any) -> str | None:
    """The innermost message, with the status in front."""
    if not isinstance(error, dict):
        return record.text(error)
    status, said = error.get("status"), None
    inner: Any = error
    for _ in range(4):
        if not isinstance(inner, dict):
            break
        said = record.text(inner.get("message")) or record.text(inner.get("formatted")) or said
        inner = inner.get("error") or inner.get("cause")
    number = f" {status}" if isinstance(status, int) else ""
    return f"API error{number}: {said}" if said else (f"API error{number}" if number else None)
