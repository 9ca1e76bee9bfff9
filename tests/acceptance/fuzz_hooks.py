"""What schemathesis has to be told of this service, which no OpenAPI says. Loaded by `fuzzing.py`, never by pytest.

- A line of /api/import is sent as NDJSON.
- Things that contradict each other (two of which one is wanted, a range from its end) are told in a sentence, and no
  schema can forbid them: in data that is meant to be right one of them is taken out. Queries of a stream are JSON in a
  parameter: there, one of ours is put in, and the stream ends when it is answered.
- Cursors, commit tokens and time zones are words of which a schema can say no more than that they are text. One that
  nobody gave out is refused; so in data that is meant to be right they are taken out, unless the service has said them.
- A query has texts only. There a list of one is its value and a number is its digits, so that data which is wrong on paper
  by that alone is right as it is sent: such a query is not asked. So it is with a parameter that is empty or null, which
  counts as absent, and with a date that has another form than those of the schema (a year, `7d`).
- A parameter of NUL alone is refused: in data that is meant to be right it is taken out.
- Every second id in a path is one of something that is there, so that what lies behind a 404 is reached too.
"""

from __future__ import annotations

import itertools
import json
import os
from datetime import UTC, datetime, time
from typing import Any

import schemathesis
from schemathesis import Case, HookContext, Response
from schemathesis.generation import GenerationMode

from indexing.dates import parse_ms
from service.api.gate.params import ISO_DATE
from service.api.usage.ingest import LEAST_USD
from service.reporting import question

ZONES = {"UTC", "Europe/Berlin", "Asia/Tokyo"}
OPAQUE = ("cursor", "commit", "tz")
QUERIES = (
    "stats",
    '{"id": "a", "query": "sessions.list", "args": {"limit": 3}}',
    "index.status",
    "evals.list",
)
ONE_OF = {
    "/api/similar": [("message", "session", "text")],
    "/api/evals/labels": [("search", "filter", "messages", "ids")],
}
"""Of which one is wanted, by path."""
YEAR_MS = 365 * 86_400_000
LATEST_MS = round(datetime.combine(question.LATEST, time.min, UTC).timestamp() * 1000)
SETS = ("/api/export/evals", "/api/evals/preview")
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
        for name in [name for name, value in (case.query or {}).items() if of_nul_alone(value)]:
            del case.query[name]
        for given in (case.query, case.body):
            agree(case.path, given)


@schemathesis.hook
def filter_case(context: HookContext, case: Case) -> bool:
    meta = case.meta
    if meta is None or meta.generation.mode == GenerationMode.POSITIVE:
        return True
    declared = {each.name: each.definition.get("schema", {}) for each in case.operation.query}
    given = case.query if isinstance(case.query, dict) else {}
    return not any(
        on_paper_only(declared[name], value) or taken_anyway(declared[name], value)
        for name, value in given.items()
        if name in declared
    )


def taken_anyway(schema: dict[str, Any], value: Any) -> bool:
    """Whether a parameter that may be wrong on paper is absent as it is sent, or a date."""
    if says_nothing(value):
        return True
    last = value[-1] if isinstance(value, list) else value
    is_date = any(each.get("pattern") == ISO_DATE for each in schema.get("anyOf", []))
    return is_date and parse_ms(str(last), now_ms=0) is not None


def says_nothing(value: Any) -> bool:
    """Whether nothing of a value is left in a query.

    >>> says_nothing({"a": [None, ""]}), says_nothing([0])
    (True, False)
    """
    if isinstance(value, (list, dict)):
        return all(map(says_nothing, value.values() if isinstance(value, dict) else value))
    return value is None or value == ""


def on_paper_only(schema: dict[str, Any], value: Any) -> bool:
    """Whether a value is not of the type that the schema wants, and nothing of that is left in a query."""
    kinds = {each.get("type") for each in schema.get("anyOf", [schema])}
    if isinstance(value, list):
        return len(value) == 1 and "array" not in kinds
    return value is not None and not isinstance(value, dict) and kinds <= {"array", "null"}


def of_nul_alone(value: Any) -> bool:
    """Whether a parameter, or one of several values of it, is NUL and nothing else."""
    several = value if isinstance(value, list) else [value]
    return any(isinstance(each, str) and each != "" and not each.strip("\0") for each in several)


def agree(path: str, given: Any) -> None:
    """Take out of data that is meant to be right what contradicts the rest of it."""
    if not isinstance(given, dict):
        return
    if path == "/api/live":
        given |= {"q": [QUERIES[next(turns) % len(QUERIES)]], "once": "true"}
        given.pop("lastEventId", None)
    if path.startswith(("/api/usage", "/api/wrapped")):
        for name in ("from", "to", "date"):
            day = str(given.get(name, YEAR_MS))
            if day.isdigit() and not YEAR_MS <= int(day) < LATEST_MS:
                del given[name]  # a day's reports begin with the second day of 1970, and end before 9999 does
        if "from" in given:
            given["to"] = given["from"]  # no range is turned around, or too long
    if path == "/api/usage/rates":
        for rate in given.get("rates", []):
            if isinstance(rate, dict) and 0 < rate.get("usdPerUnit", 0) < LEAST_USD:
                rate["usdPerUnit"] = 0
    for several in ONE_OF.get(path, ()):
        for name in [name for name in several if given.get(name) is not None][1:]:
            del given[name]
        if all(given.get(name) is None for name in several):
            given[several[-1]] = "x"
    if path in SETS:
        if given.get("q") is None:
            given.pop("filter", None)
        given.pop("split", None)


@schemathesis.hook
def after_call(context: HookContext, case: Case, response: Response) -> None:
    said.update(response.headers.get("x-commit", ()))
    if "application/json" in response.headers.get("content-type", ())[:1]:
        answer = response.json()
        said.update({answer[name] for name in ("nextCursor",) if name in answer})
