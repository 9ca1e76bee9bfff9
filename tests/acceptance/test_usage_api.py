"""Usage over HTTP: what the routes answer is what plain SQL says of the messages; files, zones, waiting, mistakes."""

from __future__ import annotations

import io
import json
import threading
from collections.abc import Iterator
from typing import Any

import httpx
import polars as pl
import pytest
from http_service import HttpService

from service.api.usage import freshness
from service.jobs import rollup

RANGE = "from=2026-05-03&to=2026-05-06"
SONNET, UNKNOWN = "claude-sonnet-4-5", "a-model-without-a-price"
MINUTE_MS, HOUR_MS = 60_000, 3_600_000
BEGIN_MS = 1_777_845_600_000
"""2026-05-03 22:00 UTC: 18:00 in New York, 03:45 of the 4th in Kathmandu."""

Json = dict[str, Any]


def message(session: str, n: int, at_ms: int, **told: Any) -> Json:
    return {
        "sessionExternalId": session, "externalId": f"{session}-{n}", "createdAt": at_ms,
        "role": "assistant" if told else "user", "textContent": "x", **told,
    }  # fmt: skip


def planted() -> Json:
    """Three sessions of two sources over two and a half days, a message every 7 minutes."""
    sessions = [
        {"externalId": "a", "source": "pi", "projectName": "shop", "title": "Carts"},
        {"externalId": "b", "source": "codex-cli", "projectPath": "/srv/wiki", "title": "=HYPERLINK(1)"},
        {"externalId": "c", "source": "pi", "projectName": "shop"},
    ]
    messages = []
    for n in range(500):
        session, at_ms = "abc"[n % 3], BEGIN_MS + n * 7 * MINUTE_MS
        if n % 2:
            messages.append(message(session, n, at_ms))
            continue
        told: Json = {
            "model": UNKNOWN if n % 5 == 0 else SONNET,
            "promptTokens": 10 + n,
            "completionTokens": 1000 - n,
        }
        told |= {"durationMs": 100 + n} if n % 4 else {}
        if n % 10 == 0:
            call = {"toolCallId": f"t{n}", "toolName": "Bash", "args": {}}
            told["parts"] = [{"type": "tool-call", "content": call}]
        messages.append(message(session, n, at_ms, **told))
    return {"sessions": sessions, "messages": messages}


@pytest.fixture(scope="module")
def client(service: HttpService) -> Iterator[httpx.Client]:
    """A workspace with what is planted, rolled up."""
    with service.client() as client:
        answer = client.post("/sync/batch", json=planted())
        assert answer.json()["errors"] == []
        roll_up(service, client)
        yield client


def roll_up(service: HttpService, client: httpx.Client) -> int:
    """The workspace of this client; those of other tests may wait."""
    workspace_id = service.caller(client).workspace_id
    return service.do(rollup.roll_up_workspace(service.resources.db, workspace_id, wait=True))


def asked(client: httpx.Client, path: str) -> Json:
    answer = client.get(f"/api/{path}")
    assert answer.status_code == 200, answer.text
    body: Json = answer.json()
    return body


SUMS = """
    select count(*)::int as messages, count(distinct m.session_id)::int as sessions,
        coalesce(sum(prompt_tokens), 0)::int as "inputTokens", coalesce(sum(completion_tokens), 0)::int as "outputTokens",
        round(percentile_cont(0.5) within group (order by m.duration_ms))::int as "durationMsP50",
        round(percentile_cont(0.95) within group (order by m.duration_ms))::int as "durationMsP95",
        count(*) filter (where m.model = 'a-model-without-a-price')::int as "unpricedMessages",
        (coalesce(sum(prompt_tokens) filter (where m.model like 'claude%'), 0) * 3
            + coalesce(sum(completion_tokens) filter (where m.model like 'claude%'), 0) * 15)::float / 1000000 as "costUsd"
"""


def by_sql(service: HttpService, client: httpx.Client, columns: str) -> dict[tuple[Any, ...], Json]:
    """Sums of the messages by `columns`, as plain SQL has them; $3 and $15 a million tokens."""
    keys = [column.split(" as ")[0] for column in columns.split(", ")]
    statement = f"""{SUMS}, {columns} from messages m join (
        select id, source, coalesce(project_name, project_path) as project from sessions) s on s.id = m.session_id
        group by {", ".join(keys)}"""
    names = [column.split(" as ")[1] for column in columns.split(", ")]
    found = service.rows(service.caller(client).workspace_id, statement)
    return {tuple(str(row.pop(name)) for name in names): row for row in found}


def figures(row: Json, like: Json) -> Json:
    """The figures of an answer that SQL told too; a cost to six places."""
    return {name: row.get(name) for name in like}


@pytest.mark.parametrize("tz", ["UTC", "America/New_York", "Asia/Kathmandu", "Australia/Eucla"])
def test_it_sums_days_as_sql_does(service: HttpService, client: httpx.Client, tz: str) -> None:
    """Each day of a zone, also one whose midnight lies within an hour of UTC: sums, sessions, percentiles, costs."""
    expected = by_sql(service, client, f"(m.created_at at time zone '{tz}')::date as day")
    answer = asked(client, f"usage/daily?{RANGE}&tz={tz}")
    assert [day["day"] for day in answer["days"]] == [f"2026-05-0{n}" for n in (3, 4, 5, 6)]
    busy = {(day["day"],): day for day in answer["days"] if day["messages"]}
    assert set(busy) == set(expected)
    assert len(busy) >= 2
    for key, like in expected.items():
        assert figures(busy[key], like) == like | {"costUsd": round(like["costUsd"], 6)}
    assert (answer["tz"], answer["from"], answer["to"]) == (tz, "2026-05-03", "2026-05-06")


def test_it_cuts_days_by_names(service: HttpService, client: httpx.Client) -> None:
    """By source and project: every combination that occurs on every day, an empty one all zeros."""
    expected = by_sql(service, client, "m.created_at::date as day, s.source as source, s.project as project")
    days = asked(client, f"usage/daily?{RANGE}&by=source,project")["days"]
    assert len(days) == 4 * 2
    for day in days:
        like = expected.get((day["day"], day["source"], day["project"]))
        assert day["messages"] == (like["messages"] if like else 0)
        assert not like or day["sessions"] == like["sessions"]
    assert {day["project"] for day in days} == {"shop", "/srv/wiki"}
    owner = asked(client, f"usage/daily?{RANGE}&by=user")["days"]
    assert {day["user"][0] for day in owner} == {"w"}


@pytest.mark.parametrize(
    ("limits", "where"),
    [
        ("source=codex", "source = 'codex-cli'"), ("project=shop", "project = 'shop'"), ("model=claude-sonnet-4-5", "m.model is not null"),
        ("source=pi&source=codex-cli", "true"), ("user=nobody", "false"), ("service=sandbox", "false"),
    ],
)  # fmt: skip
def test_it_counts_what_the_filters_let_through(client: httpx.Client, limits: str, where: str) -> None:
    """Filters by name; several values are any of them; a name that nobody has lets nothing through."""
    count = sum(day["messages"] for day in asked(client, f"usage/daily?{RANGE}&{limits}")["days"])
    whole = asked(client, f"usage/summary?{RANGE}&{limits}")
    assert whole["messages"] == count
    expected = {
        "true": 500,
        "false": 0,
        "source = 'codex-cli'": 167,
        "project = 'shop'": 333,
        "m.model is not null": 200,
    }
    assert count == expected[where]


def test_it_ranks_models_projects_and_sources(service: HttpService, client: httpx.Client) -> None:
    """The costliest first, with parts that add up; what has no price is counted and costs nothing."""
    models = asked(client, f"usage/models?{RANGE}")
    assert [row["model"] for row in models["models"]] == [SONNET, UNKNOWN]
    assert models["models"][1]["costUsd"] == 0
    assert models["models"][1]["unpricedMessages"] == 50
    assert sum(row["tokenShare"] for row in models["models"]) == pytest.approx(1)
    for kind, column in (("projects", "s.project as project"), ("sources", "s.source as source")):
        expected = by_sql(service, client, column)
        answer = asked(client, f"usage/{kind}?{RANGE}")
        assert answer["total"] == len(answer[kind]) == len(expected)
        for row in answer[kind]:
            like = expected[row[kind.removesuffix("s")],]
            assert figures(row, like) == like | {"costUsd": round(like["costUsd"], 6)}
        assert [row["costUsd"] for row in answer[kind]] == sorted(
            (row["costUsd"] for row in answer[kind]), reverse=True
        )
    assert asked(client, f"usage/models?{RANGE}&limit=1")["total"] == 2


def test_it_tells_sessions_and_what_kind_they_were(client: httpx.Client) -> None:
    """Each session with its sums, time and kind; kinds add up to the sessions."""
    answer = asked(client, f"usage/sessions?{RANGE}&limit=2")
    assert (answer["total"], len(answer["sessions"])) == (3, 2)
    first = answer["sessions"][0]
    assert asked(client, f"sessions/{first['id']}")["session"]["externalId"] == first["externalId"]
    assert first["spanMs"] == first["lastAt"] - first["firstAt"] > 50 * HOUR_MS
    assert answer["archetypes"] == {"chat": 0, "marathon": 3, "bumpy": 0, "quick": 0, "steady": 0}


def test_it_counts_tools_and_hours(client: httpx.Client) -> None:
    """Calls by tool, of the range only; the heatmap holds every message once."""
    tools = asked(client, f"usage/tools?{RANGE}")
    assert [(row["tool"], row["calls"], row["sessions"]) for row in tools["tools"]] == [("Bash", 50, 3)]
    assert (
        tools["all"]["calls"]
        == 50
        == sum(day["toolCalls"] for day in asked(client, f"usage/daily?{RANGE}")["days"])
    )
    assert asked(client, "usage/tools?from=2026-05-07&to=2026-05-09")["tools"] == []
    cells = asked(client, f"usage/heatmap?{RANGE}&tz=America/New_York")["cells"]
    assert len(cells) == 168
    assert sum(cell["messages"] for cell in cells) == 500
    assert next(cell for cell in cells if cell["messages"])["weekday"] == 1


def test_it_wraps_a_day(client: httpx.Client) -> None:
    """Totals of the day, its top models and projects, its longest session and the streak that it ends."""
    day = asked(client, "wrapped?date=2026-05-05&tz=Asia/Kathmandu")
    row = asked(client, "usage/daily?from=2026-05-05&to=2026-05-05&tz=Asia/Kathmandu")["days"][0]
    assert {name: day["totals"][name] for name in row if name != "day"} == {
        n: v for n, v in row.items() if n != "day"
    }
    assert day["streak"] == {"days": 2, "from": "2026-05-04", "to": "2026-05-05"}
    assert [model["model"] for model in day["topModels"]] == [SONNET, UNKNOWN]
    assert [project["project"] for project in day["topProjects"]] == ["shop", "/srv/wiki"]
    assert day["longestSession"]["spanMs"] > 23 * HOUR_MS
    empty = asked(client, "wrapped?date=2026-05-08")
    assert empty["totals"]["messages"] == empty["streak"]["days"] == 0
    assert "longestSession" not in empty


@pytest.mark.parametrize("tz", ["UTC", "Asia/Kathmandu"])
def test_it_finds_streaks(client: httpx.Client, tz: str) -> None:
    """Days with a message, in the zone; what is long over is no current streak."""
    streaks = asked(client, f"usage/streaks?tz={tz}")
    assert streaks["current"] == {"days": 0}
    days = 3 if tz == "Asia/Kathmandu" else 4
    assert streaks["longest"]["days"] == streaks["activeDays"] == days


def test_it_gives_the_days_as_a_file(client: httpx.Client) -> None:
    """CSV, Parquet and JSON hold what the answer holds, under a name of their own."""
    days = asked(client, f"usage/daily?{RANGE}&by=project,model")["days"]
    for format in ("csv", "parquet", "json"):
        answer = client.get(f"/api/usage/export?{RANGE}&by=project,model&format={format}")
        assert answer.headers["content-disposition"] == (
            f'attachment; filename="usage-2026-05-03-to-2026-05-06.{format}"'
        )
        if format == "csv":
            assert answer.headers["content-type"] == "text/csv; charset=utf-8"
        if format == "json":
            assert answer.json()["days"] == days
            continue
        read = pl.read_csv if format == "csv" else pl.read_parquet
        rows = read(io.BytesIO(answer.content)).with_columns(pl.col("day").cast(pl.String)).to_dicts()
        assert [{name: value for name, value in row.items() if value is not None} for row in rows] == days
    assert client.head(f"/api/usage/export?{RANGE}").content == b""


def test_it_answers_304_while_nothing_changed(service: HttpService, api: httpx.Client) -> None:
    """The ETag holds until a message arrives and is rolled up."""
    api.post("/sync/batch", json={"messages": [message("s", 1, BEGIN_MS)]})
    roll_up(service, api)
    etag = api.get(f"/api/usage/summary?{RANGE}").headers["etag"]
    assert api.get(f"/api/usage/summary?{RANGE}", headers={"If-None-Match": etag}).status_code == 304
    api.post("/sync/batch", json={"messages": [message("s", 2, BEGIN_MS)]})
    roll_up(service, api)
    assert api.get(f"/api/usage/summary?{RANGE}", headers={"If-None-Match": etag}).status_code == 200


def test_it_waits_for_a_write(
    service: HttpService, api: httpx.Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With `commit` an answer contains that write: it waits for the rollup, and says 503 when that does not come."""
    token = api.post("/sync/batch", json={"messages": [message("s", 1, BEGIN_MS)]}).headers["x-commit"]
    path = f"/api/usage/daily?{RANGE}&commit={token}"
    monkeypatch.setattr(freshness, "WAIT_S", 0.05)
    refused = api.get(path)
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "1")
    monkeypatch.setattr(freshness, "WAIT_S", 5.0)
    rolling = threading.Timer(0.2, roll_up, [service, api])
    rolling.start()
    assert sum(day["messages"] for day in api.get(path).json()["days"]) == 1
    rolling.join()


@pytest.mark.parametrize(
    ("query", "sentence"),
    [
        ("daily?tz=Mars/Olympus", "tz must be a time zone of the IANA list, such as UTC or Europe/Berlin."),
        *[
            (f"daily?tz={name}", "tz must be a time zone of the IANA list, such as UTC or Europe/Berlin.")
            for name in ("Factory", "localtime", "posix/Europe/Berlin", "right/Europe/Berlin", "../../etc/passwd")
        ],
        ("daily?from=2026-05-02&to=2026-05-01", "from (2026-05-02) must not be after to (2026-05-01)."),
        ("daily?by=colour", "by must be a list of at most 7, each of it one of metric, model, project, provider, service, source, user."),
        ("daily?from=1999-01-01&to=2026-01-01", "A range has at most 3,660 days: let from be later."),
        ("daily?from=soon", "from must be a date: epoch milliseconds, ISO 8601 or YYYY-MM-DD."),
        ("daily?to=9999-12-31", "to must lie between 1970-01-02 and 9998-12-30."),
        ("daily?to=253402300799999&tz=Asia/Tokyo", "to must lie between 1970-01-02 and 9998-12-30."),
        ("daily?from=253402300799999&tz=Asia/Tokyo", "from must lie between 1970-01-02 and 9998-12-30."),
        ("daily?per=fortnight", "per must be one of day, month, week."),
        ("models?limit=1e30", "limit must be a whole number from 0 to 1000."),
        ("export?format=xls", "format must be one of csv, json, parquet."),
    ],
)  # fmt: skip
def test_it_says_what_cannot_be_asked(api: httpx.Client, query: str, sentence: str) -> None:
    """Each mistake is a 400 with one sentence that names the parameter."""
    answer = api.get(f"/api/usage/{query}")
    assert (answer.status_code, answer.json()) == (400, {"error": sentence})


def test_it_keeps_rates_to_fifteen_places(service: HttpService, api: httpx.Client) -> None:
    """What is told is what is kept, so that the same rates again price nothing anew; one that would become 0 is refused."""
    rate = {"service": "box", "metric": "seconds"}
    third = api.put("/api/usage/rates", json={"rates": [{**rate, "usdPerUnit": 1 / 3}]})
    assert third.json()["rates"][0]["usdPerUnit"] == 0.333333333333333
    api.post("/api/usage", json={"records": [{**rate, "idempotencyKey": "k", "quantity": 3}]})
    roll_up(service, api)
    api.put("/api/usage/rates", json=third.json())
    assert roll_up(service, api) == 0
    for wrong, sentence in (
        (1e-20, "usdPerUnit must be 0 or at least 1E-15: less would be nothing."),
        (-1, "usdPerUnit must be a number from 0 to 1000000.0."),
    ):
        answer = api.put("/api/usage/rates", json={"rates": [{**rate, "usdPerUnit": wrong}]})
        assert (answer.status_code, answer.json()) == (400, {"error": sentence})


def test_it_answers_for_an_empty_workspace(api: httpx.Client) -> None:
    """Before anything was sent every report answers, with zeros and thirty days, or twelve weeks or months."""
    for report in (
        "daily",
        "summary",
        "models",
        "projects",
        "sources",
        "sessions",
        "tools",
        "heatmap",
        "streaks",
    ):
        assert asked(api, f"usage/{report}")["computedAt"] > 0
    days = asked(api, "usage/daily?by=model")["days"]
    assert len(days) == 30
    for per in ("week", "month"):
        assert len(asked(api, f"usage/daily?per={per}")["days"]) == 12
    assert json.dumps(days).count("model") == 0
    assert asked(api, "wrapped")["totals"]["totalTokens"] == 0


def test_it_refuses_an_answer_without_end(service: HttpService, api: httpx.Client) -> None:
    """More rows than fifty thousand are not answered: the sentence says what to do."""
    models = [message("s", n, BEGIN_MS, model=f"m{n}", promptTokens=1) for n in range(20)]
    api.post("/sync/batch", json={"messages": models})
    roll_up(service, api)
    answer = api.get("/api/usage/daily?from=2018-01-01&to=2026-06-01&by=model")
    assert (answer.status_code, answer.json()["error"][:45]) == (
        400,
        "The answer would have more than 50,000 rows: ",
    )
