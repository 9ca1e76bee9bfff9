"""Real transcripts, day by day, beside what ccusage 20.0.24 says of them: tokens equal, cost within half a percent.

What differs stands in tests/data/ccusage-differences.csv, with its cause. tests/data/ccusage.json holds ccusage's
`daily` (offline, UTC) as input, cache read, cache write, output, USD; `make test-clients` asks the real one again.
docs/ccusage.md shows both; with BACKSCROLL_UPDATE_CCUSAGE=1 it is written here.
"""

from __future__ import annotations

import csv
import json
import os
import subprocess
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from http_service import HttpService
from import_machine import CODE_OK, Machine

from analytics import schema, zones
from analytics.reports.cuts import cut
from service.jobs.rollup import roll_up_workspace
from service.storage.usage import facts

ROOT = Path(__file__).resolve().parents[2]
SHARED = ROOT.parent / "shared" / "data" / "transcripts"
DATA = ROOT / "tests" / "data"
PAGE = ROOT / "docs" / "ccusage.md"
VERSION = "20.0.24"
HOMES = {"CLAUDE_CONFIG_DIR": str(SHARED / "claude-home"), "CODEX_HOME": str(SHARED / "codex-home")}
COMMANDS = {"claude-code": "claude", "codex-cli": "codex"}
NEAR = 0.005

Days = dict[str, dict[str, list[Any]]]

pytestmark = pytest.mark.skipif(
    not SHARED.is_dir(), reason="real transcripts lie beside the project, in ../shared, and are not here"
)


def told() -> Days:
    read: Days = json.loads((DATA / "ccusage.json").read_text())
    return read


def test_it_counts_what_ccusage_counts(service: HttpService, tmp_path: Path) -> None:
    """All four counts of all days are equal, and no other day has any; cost is near, but for the lines of the table."""
    machine = Machine(service, tmp_path)
    code, _, err = machine.run("import", "--json", **HOMES)
    assert code == CODE_OK, err
    ours = counted(service, machine)
    theirs = told()
    for source, days in theirs.items():
        assert {day: counts[:4] for day, counts in ours[source].items() if any(counts[:4])} == {
            day: counts[:4] for day, counts in days.items()
        }
    differ = {
        (source, day): (usd, ours[source][day][4])
        for source, days in theirs.items()
        for day, (*_, usd) in days.items()
        if abs(ours[source][day][4] - usd) > NEAR * usd
    }
    with (DATA / "ccusage-differences.csv").open() as file:
        known = {
            (line["source"], line["day"]): (float(line["ccusage_usd"]), float(line["ours_usd"]))
            for line in csv.DictReader(file)
            if line["cause"]
        }
    assert {key: pytest.approx(pair, abs=1e-6) for key, pair in known.items()} == differ
    page = rendered(ours, theirs)
    if os.environ.get("BACKSCROLL_UPDATE_CCUSAGE"):
        PAGE.write_text(page)
    assert PAGE.read_text() == page


@pytest.mark.clients
def test_it_is_compared_with_what_ccusage_says_today(tmp_path: Path) -> None:
    """The real ccusage, from npm, says of the transcripts what tests/data/ccusage.json does."""
    subprocess.run(
        ["npm", "install", "--prefix", str(tmp_path), f"ccusage@{VERSION}"], check=True, capture_output=True
    )
    said = {source: asked(tmp_path / "node_modules/.bin/ccusage", name) for source, name in COMMANDS.items()}
    assert said == told()


def asked(program: Path, tool: str) -> dict[str, list[Any]]:
    command = [str(program), tool, "daily", "--json", "--offline", "--timezone", "UTC"]
    out = subprocess.run(command, env=os.environ | HOMES, check=True, capture_output=True, text=True).stdout
    counts = ("inputTokens", "cacheReadTokens", "cacheCreationTokens", "outputTokens")
    return {
        day["date"]: [
            *(day[name] for name in counts),
            round(day["totalCost" if "totalCost" in day else "costUSD"], 7),
        ]
        for day in json.loads(out)["daily"]
    }


def counted(service: HttpService, machine: Machine) -> Days:
    """Our days in UTC, by source."""
    db, workspace_id = service.resources.db, service.caller(machine.api).workspace_id

    async def read() -> pl.DataFrame:
        await roll_up_workspace(db, workspace_id)
        start, end = datetime(2020, 1, 1, tzinfo=UTC), datetime(2030, 1, 1, tzinfo=UTC)
        async with db.workspace(workspace_id) as conn:
            return await facts.read(conn, workspace_id, start=start, end=end)

    found = zones.with_day(
        service.do(read()), "hour", first=date(2020, 1, 1), last=date(2029, 12, 31), zone=UTC
    )
    days: Days = {}
    for row in cut(found, ["day", "source"]).iter_rows(named=True):
        counts = [row[name] for name in schema.TOKENS]
        days.setdefault(row["source"], {})[str(row["day"])] = [*counts, row["cost_nano_usd"] / 1e9]
    return days


def rendered(ours: Days, theirs: Days) -> str:
    """docs/ccusage.md."""
    with (DATA / "ccusage-differences.csv").open() as file:
        causes = {(line["source"], line["day"]): line["cause"] for line in csv.DictReader(file)}
    lines = [
        "# Beside ccusage",
        "",
        f"129 real transcripts, day by day in UTC, as [ccusage](https://www.npmjs.com/package/ccusage) {VERSION} (`daily --offline`) and Backscroll",
        "count them. The four kinds of tokens are equal on every day, so that they stand here once; of the cost both figures do. A test holds this page",
        "against what is counted; what differs by more than half a percent has its cause below.",
        "",
        "| day | source | input | cache read | cache write | output | ccusage, $ | Backscroll, $ | differs by |",
        "|---|---|--:|--:|--:|--:|--:|--:|--:|",
    ]
    for source, days in theirs.items():
        for day, (*tokens, usd) in days.items():
            mine = ours[source][day][4]
            differs = f"{mine / usd - 1:+.3%}" if abs(mine - usd) > 5e-7 else "0"
            counts = " | ".join(f"{each:,}" for each in tokens)
            lines.append(f"| {day} | {source} | {counts} | {usd:.6f} | {mine:.6f} | {differs} |")
    lines += ["", *(f"- {source}, {day}: {cause}." for (source, day), cause in causes.items())]
    return "\n".join(lines) + "\n"
