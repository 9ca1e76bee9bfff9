"""What only `toolUseResult` says of a tool's result, and is small.

Rule: the result that the model read stands in the message. Beside it the program keeps its own account, mostly the
same again and long; of that the short facts are kept.
"""

from __future__ import annotations

from typing import Any

_NAMES = (
    "agentId",
    "agentType",
    "backgroundTaskId",
    "code",
    "durationMs",
    "durationSeconds",
    "exitCode",
    "interrupted",
    "isAsync",
    "returnCodeInterpretation",
    "shellId",
    "status",
    "success",
    "taskId",
    "totalDurationMs",
    "totalTokens",
    "totalToolUseCount",
    "truncated",
    "userModified",
    "worktreeBranch",
)
_MOST_CHARS = 300


def attrs(result: Any) -> dict[str, Any]:
    """
    >>> attrs({"stdout": "…", "interrupted": False, "exitCode": 1, "success": False})
    {'exitCode': 1, 'success': False}
    """
    if not isinstance(result, dict):
        return {}
    return {name: result[name] for name in _NAMES if name in result and _says(name, result[name])}


def _says(name: str, value: Any) -> bool:
    if isinstance(value, bool):
        return value or name == "success"
    return isinstance(value, int | float) or (isinstance(value, str) and 0 < len(value) <= _MOST_CHARS)
