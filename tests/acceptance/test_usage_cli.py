"""`backscroll usage`: tables for people, the API's JSON for programs, days of this machine's zone."""

from __future__ import annotations

import json

import pytest
from serve_process import Serve

PROJECT = "usage-from-a-terminal"
TWO_MODELS = ("claude-sonnet-4-5", "a-model-without-a-price")
NOON_MS = 1_777_896_000_000
"""2026-05-04 12:00 UTC."""
RANGE = ("--since", "2026-05-04", "--until", "2026-05-05", "--project", PROJECT)


@pytest.fixture(scope="module")
def used(serve: Serve) -> Serve:
    """A session of two models over two days, which the worker has rolled up."""
    messages = [
        {
            "sessionExternalId": PROJECT, "externalId": f"{PROJECT}-{n}", "role": "assistant", "model": TWO_MODELS[n % 2],
            "promptTokens": 1000, "completionTokens": 100_000, "createdAt": NOON_MS + n * 13 * 3_600_000,
            "parts": [{"type": "tool-call", "content": {"toolCallId": "t", "toolName": "Bash", "args": {}}}],
        }
        for n in range(2)
    ]  # fmt: skip
    session = {"externalId": PROJECT, "projectName": PROJECT, "title": "A day's work", "source": "pi"}
    with serve.api() as api:
        token = api.post("/sync/batch", json={"sessions": [session], "messages": messages}).headers[
            "x-commit"
        ]
        api.get("/api/usage/summary", params={"commit": token}).raise_for_status()
    return serve


def test_it_shows_days_with_a_total(used: Serve) -> None:
    """A line a day with a bar, the total, the range, and what has no price."""
    told = used.run("usage", *RANGE, "--tz", "UTC")
    assert told.returncode == 0, told.stderr
    lines = [line.strip() for line in told.stdout.splitlines() if line.strip()]
    assert lines[0].split() == [
        "day", "sessions", "messages", "input", "output", "cache", "write", "cache", "read", "tokens", "tools", "cost",
    ]  # fmt: skip
    assert lines[2].split()[:4] == ["2026-05-04", "1", "1", "1,000"]
    assert "$1.50" in lines[2]
    assert lines[3].split()[0] == "2026-05-05"
    assert "unknown*" in lines[3]
    assert lines[4].split()[:3] == ["total", "1", "2"]
    assert lines[5:] == ["2026-05-04 to 2026-05-05, UTC", "* without 1 message of no known price"]


@pytest.mark.parametrize(
    ("report", "shown"),
    [
        ("daily", "2026-05-04"), ("weekly", "2026-05-04"), ("monthly", "2026-05"), ("models", TWO_MODELS[0]),
        ("projects", PROJECT), ("sources", "pi"), ("sessions", "A day's work"), ("tools", "Bash"),
    ],
)  # fmt: skip
def test_it_shows_every_report(used: Serve, report: str, shown: str) -> None:
    """Each report is a table with its rows and a total; as JSON it is the answer of the API."""
    told = used.run("usage", report, *RANGE)
    assert told.returncode == 0, told.stderr
    assert shown in told.stdout
    assert "total" in told.stdout
    answer = json.loads(used.run("usage", report, *RANGE, "--json").stdout)
    assert answer["from"] == "2026-05-04"


def test_it_takes_the_zone_of_the_machine(used: Serve) -> None:
    """Days are those of TZ unless --tz says otherwise; flags count before and after the report's name."""
    answer = json.loads(used.run("usage", *RANGE, "--json", TZ="Asia/Tokyo").stdout)
    assert (answer["tz"], [day["messages"] for day in answer["days"]]) == ("Asia/Tokyo", [1, 1])
    before = json.loads(used.run("usage", *RANGE, "--tz", "Asia/Kathmandu", "models", "--json").stdout)
    assert (before["tz"], before["total"]) == ("Asia/Kathmandu", 2)
    first = json.loads(used.run("usage", *RANGE, "--json", "--by", "model, model", "weekly").stdout)
    assert {day.get("model") for day in first["days"]} == {*TWO_MODELS}
    astray = used.run("usage", "--by", "model", "models")
    assert (astray.returncode, "--by cuts days" in astray.stderr) == (2, True)


def test_it_says_when_nothing_was_used_and_what_it_does_not_know(used: Serve) -> None:
    """An empty range is a sentence that says how to look further; a mistake is the service's sentence."""
    told = used.run("usage", "--since", "2001-01-01", "--until", "2001-01-02", "--tz", "UTC")
    assert (
        told.stdout == "Nothing was used from 2001-01-01 to 2001-01-02 (UTC); --since looks further back.\n"
    )
    wrong = used.run("usage", "--tz", "Mars/Olympus")
    assert (wrong.returncode, wrong.stderr[:24]) == (1, "tz must be a time zone o")


def test_it_prices_anew(used: Serve) -> None:
    """`reprice` says how many hours it priced, and changes nothing where prices are the same."""
    before = used.run("usage", *RANGE, "--json").stdout
    told = used.run("usage", "reprice", "--since", "2026-05-04", "--json")
    assert json.loads(told.stdout)["hours"] >= 2, told.stderr
    later = used.run("usage", "--since", "2026-05-05", "--json", "reprice")
    assert json.loads(later.stdout)["hours"] < json.loads(told.stdout)["hours"]
    assert json.loads(used.run("usage", *RANGE, "--json").stdout)["days"] == json.loads(before)["days"]
    wrong = used.run("usage", "reprice", "--since", "soon")
    assert (wrong.returncode, wrong.stderr) == (1, "--since must be a date, such as 2026-01-31 or 90d.\n")
