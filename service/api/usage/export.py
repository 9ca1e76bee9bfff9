"""The daily facts as a file, streamed."""

from __future__ import annotations

from typing import Annotated

from litestar.response.base import ASGIResponse
from litestar.response.streaming import ASGIStreamingResponse
from msgspec import Meta

from service.api.gate.routes import Call, route
from service.api.usage import asked as asking
from service.api.usage import examples
from service.api.usage.asked import DaysAsked
from service.api.usage.freshness import reached
from service.errors import RequestError
from service.reporting import files, reports
from service.reporting.files import Format


class ExportAsked(DaysAsked, kw_only=True):
    format: Annotated[Format, Meta(description="`json` is the answer of /api/usage/daily.")] = "csv"


@route(
    "GET", "/api/usage/export", scope="read", summary="Export usage", asks=ExportAsked, gives="text/csv", gives_too=tuple(files.MEDIA_TYPES.values()),
    description="What GET /api/usage/daily answers, as a file: CSV (a text that a spreadsheet would run begins with an "
    "apostrophe), Parquet (application/vnd.apache.parquet) or JSON.",
    example=examples.CSV, errors=(400,),
)  # fmt: skip
async def export_usage(call: Call, asked: ExportAsked) -> ASGIResponse:
    question = asking.read(asked, now=call.now)
    await reached(call)
    async with call.rows(still=True) as conn:
        (body,) = await reports.daily(conn, call.workspace_id, [question])
    if isinstance(body, RequestError):
        raise body
    return ASGIStreamingResponse(
        iterator=files.pieces(body, question, asked.format),
        media_type=files.MEDIA_TYPES[asked.format],
        headers={"Content-Disposition": f'attachment; filename="{files.name(question, asked.format)}"'},
        status_code=200,
    )
