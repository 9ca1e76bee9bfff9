"""Logs: one event a line on standard error, JSON unless a person watches.

Rule: an event is a name with facts: ids, counts, times, types of errors. What people wrote, what they searched for
and keys never stand in one. Libraries' own logging (uvicorn, the pool) comes out in the same form, from warnings on
unless the level is debug.
"""

from __future__ import annotations

import logging
import sys
from typing import Any

import structlog
from structlog.typing import EventDict

from service.errors import SettingError

LEVELS = {name: getattr(logging, name.upper()) for name in ("debug", "info", "warning", "error", "critical")}


def configure(level: str = "info") -> None:
    """Set up this process's logs. Errors: `SettingError` for an unknown level."""
    if level.lower() not in LEVELS:
        raise SettingError(f"BACKSCROLL_LOG_LEVEL must be one of {', '.join(LEVELS)}, not {level!r}.")
    least = LEVELS[level.lower()]
    shared: list[Any] = [
        structlog.contextvars.merge_contextvars,
        structlog.processors.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        without_trace,
    ]
    render: Any = (
        structlog.dev.ConsoleRenderer() if sys.stderr.isatty() else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[*shared, render],
        wrapper_class=structlog.make_filtering_bound_logger(least),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=True,
    )
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=[first_line, *shared], processors=[without_internals, render]
        )
    )
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(least if least <= logging.DEBUG else max(least, logging.WARNING))


def without_trace(logger: Any, method: str, event: EventDict) -> EventDict:
    """An exception by its type alone: its text may hold what a statement was given."""
    found = event.pop("exc_info", None)
    error = (
        found[1]
        if isinstance(found, tuple)
        else found
        if isinstance(found, BaseException)
        else sys.exc_info()[1]
        if found
        else None
    )
    if error is not None:
        event["exception"] = type(error).__name__
    return event


def first_line(logger: Any, method: str, event: EventDict) -> EventDict:
    """What a library says, without the details below it, which may quote a statement's values."""
    event["event"] = str(event["event"]).partition("\n")[0]
    return event


def without_internals(logger: Any, method: str, event: EventDict) -> EventDict:
    """What structlog hands on between its two halves."""
    return structlog.stdlib.ProcessorFormatter.remove_processors_meta(logger, method, event)
