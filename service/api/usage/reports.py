"""Reports over HTTP: what was used by day, in sum, by model, project, source, session and tool; when; the day in one page."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable, Sequence

import msgspec

from service.api.gate import etags
from service.api.gate.routes import Answer, Call, route
from service.api.usage import asked as asking
from service.api.usage import examples
from service.api.usage.asked import Asked, DaysAsked, RangeAsked, RankingAsked, StreaksAsked, WrappedAsked
from service.api.usage.freshness import reached
from service.errors import RequestError
from service.reporting import bodies, pages, reports
from service.reporting.question import Question
from service.storage.database import Connection

Report = Callable[[Connection, int, Sequence[Question]], Awaitable[Sequence[msgspec.Struct | RequestError]]]


@route(
    "GET", "/api/usage/daily", scope="read", summary="Get usage by day", asks=DaysAsked, gives=bodies.UsageDaily,
    description="What was used on each day of a time zone, empty days included; with `by`, on each day by each combination "
    "of names that occurs. docs/metrics.md defines every figure.",
    live="usage.daily", example=examples.DAILY, errors=(304, 400),
)  # fmt: skip
async def get_usage_daily(call: Call, asked: DaysAsked) -> Answer:
    return await told(call, asked, reports.daily)


@route(
    "GET", "/api/usage/summary", scope="read", summary="Get usage in sum", asks=RangeAsked, gives=bodies.UsageSummary,
    description="A range as one: totals, active days, the burn rate, kinds of sessions, and an estimate of the month.",
    live="usage.summary", example=examples.SUMMARY, errors=(304, 400),
)  # fmt: skip
async def get_usage_summary(call: Call, asked: RangeAsked) -> Answer:
    return await told(call, asked, pages.summary)


@route(
    "GET", "/api/usage/models", scope="read", summary="Get usage by model", asks=RankingAsked, gives=bodies.UsageModels,
    description="What was used of each provider's models, the costliest first.",
    live="usage.models", example=examples.MODELS, errors=(304, 400),
)  # fmt: skip
async def get_usage_models(call: Call, asked: RankingAsked) -> Answer:
    return await told(call, asked, reports.models)


@route(
    "GET", "/api/usage/projects", scope="read", summary="Get usage by project", asks=RankingAsked,
    gives=bodies.UsageProjects, description="What was used in each project, the costliest first.",
    live="usage.projects", example=examples.PROJECTS, errors=(304, 400),
)  # fmt: skip
async def get_usage_projects(call: Call, asked: RankingAsked) -> Answer:
    return await told(call, asked, reports.projects)


@route(
    "GET", "/api/usage/sources", scope="read", summary="Get usage by source", asks=RankingAsked,
    gives=bodies.UsageSources, description="What was used by each tool that sent sessions, the costliest first.",
    live="usage.sources", example=examples.SOURCES, errors=(304, 400),
)  # fmt: skip
async def get_usage_sources(call: Call, asked: RankingAsked) -> Answer:
    return await told(call, asked, reports.sources)


@route(
    "GET", "/api/usage/sessions", scope="read", summary="Get usage by session", asks=RankingAsked,
    gives=bodies.UsageSessions,
    description="What each session used within the range, the costliest first, and what kind of work it was.",
    example=examples.SESSIONS, errors=(304, 400),
)  # fmt: skip
async def get_usage_sessions(call: Call, asked: RankingAsked) -> Answer:
    return await told(call, asked, pages.sessions)


@route(
    "GET", "/api/usage/tools", scope="read", summary="Get usage by tool", asks=RankingAsked, gives=bodies.UsageTools,
    description="Which tools were called, how often that failed and how long it took. Of the filters source, project and "
    "user count.",
    example=examples.TOOLS, errors=(304, 400),
)  # fmt: skip
async def get_usage_tools(call: Call, asked: RankingAsked) -> Answer:
    return await told(call, asked, reports.tools)


@route(
    "GET", "/api/usage/heatmap", scope="read", summary="Get usage by hour", asks=RangeAsked, gives=bodies.UsageHeatmap,
    description="What was used by weekday and hour of the day in the time zone: all 168 cells.",
    example=examples.HEATMAP, errors=(304, 400),
)  # fmt: skip
async def get_usage_heatmap(call: Call, asked: RangeAsked) -> Answer:
    return await told(call, asked, reports.heatmap)


@route(
    "GET", "/api/usage/streaks", scope="read", summary="Get streaks", asks=StreaksAsked, gives=bodies.UsageStreaks,
    description="Days in a row with a message: the streak of today, and the longest of all time.",
    example=examples.STREAKS, errors=(304, 400),
)  # fmt: skip
async def get_usage_streaks(call: Call, asked: StreaksAsked) -> Answer:
    return await told(call, asked, reports.streaks)


@route(
    "GET", "/api/wrapped", scope="read", summary="Get the day in one page", asks=WrappedAsked, gives=bodies.Wrapped,
    description="A day: totals, top models, top projects, the longest session, and the streak that it ends.",
    live="wrapped.today", example=examples.WRAPPED, errors=(304, 400),
)  # fmt: skip
async def get_wrapped(call: Call, asked: WrappedAsked) -> Answer:
    return await told(call, asked, pages.wrapped)


async def told(call: Call, asked: Asked, report: Report) -> Answer:
    """A report's answer to what is asked, or 304 where the client holds it."""
    body = await body_of(call, asked, report)
    etag = etags.of(call.resources.db.epoch, version(body))
    if etags.matches(call.headers.get("if-none-match", ""), etag):
        return Answer(b"", status=304, headers=etags.headers(etag))
    return Answer(msgspec.json.encode(body), headers=etags.headers(etag))


def version(body: msgspec.Struct) -> str:
    """Of the figures, whenever they were computed."""
    figures = msgspec.json.encode(msgspec.structs.replace(body, computed_at=0))
    return hashlib.blake2b(figures, digest_size=12).hexdigest()


async def body_of(call: Call, asked: Asked, report: Report) -> msgspec.Struct:
    """Errors: `RequestError`; `NotYet` when the facts do not contain the write that was named."""
    question = asking.read(asked, now=call.now)
    await reached(call)
    async with call.rows(still=True) as conn:
        (body,) = await report(conn, call.workspace_id, [question])
    if isinstance(body, RequestError):
        raise body
    return body
