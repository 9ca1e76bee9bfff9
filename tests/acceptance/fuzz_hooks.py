"""What schemathesis has to be told of this service, which no OpenAPI says. Loaded by `fuzzing.py`, never by pytest.

- A line of /api/import is sent as NDJSON.
- Cursors, commit tokens and time zones are words of which a schema can say no more than that they are text. One that
  nobody gave out is refused; so in data that is meant to be right they are taken out, unless the service has said them.
- Every second id in a path is one of something that is there, so that what lies behind a 404 is reached too.
"""

from __future__ import annotations

import itertools
import json
import os
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.generation import GenerationMode

ZONES = {"UTC", "Europe/Berlin", "Asia/Tokyo"}
OPAQUE = ("cursor", "commit", "tz")
PLANTED: dict[str, str] = json.loads(os.environ.get("FUZZ_PLANTED", "{}"))
"""By a route's path an id of something that is there."""
turns = itertools.count()
said: set[str] = set(ZONES)
"""What the service gave out to be handed back."""


@schemathesis.serializer("application/x-ndjson")
def ndjson(context: Any, value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode() + b"\n"


@schemathesis.hook
def before_call(context: HookContext, case: Case, kwargs: dict[str, Any]) -> None:
    meta = case.meta
    if meta is not None and meta.generation.mode == GenerationMode.POSITIVE:
        there = PLANTED.get(case.path)
        if there and case.method != "DELETE" and next(turns) % 2:
            case.path_parameters = dict.fromkeys(case.path_parameters, there)
        for given in (case.query, case.body):
            if isinstance(given, dict):
                for name in OPAQUE:
                    if name in given and str(given[name]) not in said:
                        del given[name]


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    said.update(response.headers.get("x-commit", ()))
    if "application/json" in response.headers.get("content-type", ())[:1]:
        answer = response.json()
        said.update({answer[name] for name in ("nextCursor",) if name in answer})
