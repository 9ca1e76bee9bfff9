"""The notebooks, headless: on a service, on Parquet, on the sample without any set-up, and as Jupyter's."""

from __future__ import annotations

import functools
import json
import os
import runpy
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from http_service import HttpService

from analytics import charts
from service import sample as bundled
from service.client import Client
from service.errors import RequestError, SettingError, Unauthorized
from service.jobs import rollup, sample
from service.looking import picking, places, sets
from service.looking.places import Folder, Place, Service

ROOT = Path(__file__).parents[2]
NAMES = sorted(file.stem for file in (ROOT / "notebooks").glob("*.py"))
PNG = b"\x89PNG\r\n\x1a\n"
TOLD = 40
"""Characters of a message that stand nowhere else."""

GUARD = """
import os, sys

def note(event, given):
    place = given[0] if event == "socket.getaddrinfo" else given[1] if event in ("socket.connect", "socket.sendto") else None
    host = place[0] if isinstance(place, tuple) else place
    host = host.decode(errors="replace") if isinstance(host, bytes) else str(host or "")
    if host and not host.startswith("/"):
        with open(os.environ["SPOKEN_TO"], "a") as file:
            print(host, file=file)

sys.addaudithook(note)
"""
"""Notes whom a Python process, and those that it starts, speak to."""

Run = tuple[tuple[Any, ...], dict[str, Any]]


@pytest.fixture(scope="module")
def place(service: HttpService) -> Iterator[Service]:
    """The sample in a service, rolled up and searchable by words."""
    workspace = service.workspace()
    key = service.key(workspace)
    with Client(service.url, key, use_proxy=False) as client:
        sample.load(client)
        service.do(rollup.roll_up_workspace(service.resources.db, workspace[0], wait=True))
        client.search("x", type="fulltext")  # waits until what was loaded is indexed
    with Client(service.url, key, use_proxy=False) as client:
        yield Service(client, "a service with the sample")


@pytest.fixture(scope="module")
def folder(place: Service, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the notebooks read of it, kept as Parquet."""
    target = tmp_path_factory.mktemp("facts")
    places.keep_year(place, target)
    sets.write(
        place.client, {"q": "test", "format": "parquet", "split": "0.6,0.2,0.2"}, target / "cases.parquet"
    )  # type: ignore[arg-type]
    return target


@pytest.fixture(scope="module")
def ran(place: Service) -> Callable[[str], Run]:
    """Each notebook as it stands, run once."""
    return functools.cache(lambda name: run(name, place))


def run(name: str, place: Place, **given: Any) -> Run:
    """A notebook's outputs and names, as it runs without a browser."""
    app = runpy.run_path(str(ROOT / "notebooks" / f"{name}.py"))["app"]
    outputs, made = app.run(defs={"place": place, **given})
    return outputs, dict(made)


def shown(outputs: tuple[Any, ...]) -> str:
    """What a reader would see, as one text of HTML."""
    from marimo import as_html

    return "\n".join(as_html(output).text for output in outputs if output is not None)


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_and_draws(ran: Callable[[str], Run], name: str, tmp_path: Path) -> None:
    """Headless, it states its conclusions from the data, and each chart is a picture, the first in a dark theme too."""
    outputs, made = ran(name)
    assert len(made["conclusions"].splitlines()) >= 3
    assert len(made["pictures"]) >= 2
    drawn = [(chart, False) for chart in made["pictures"].values()]
    for chart, dark in [(drawn[0][0], True), *drawn]:
        file = charts.picture(chart, tmp_path / "chart.png", dark=dark)
        assert file.read_bytes().startswith(PNG)
        assert file.stat().st_size > 5_000
    assert shown(outputs)


@pytest.mark.parametrize("name", NAMES)
def test_it_shows_no_message_text(ran: Callable[[str], Run], name: str) -> None:
    """By default nothing that anybody wrote stands in what is shown, titles neither."""
    page = shown(ran(name)[0])
    for session, messages in bundled.read(0):
        assert session["title"] not in page
        for message in messages:
            text = message.get("textContent", "")
            assert len(text) < TOLD or json.dumps(text[:TOLD])[1:-1] not in page


@pytest.mark.parametrize("name", NAMES)
def test_it_runs_on_parquet(ran: Callable[[str], Run], folder: Path, name: str) -> None:
    """Of a folder it says what it says of the service; searches, which a folder cannot answer, are left out and it says so."""
    outputs, made = run(name, Folder(folder))
    if name == "search_quality":
        assert "queries need a service" in shown(outputs)
        return
    assert made["pictures"]
    if name == "eval_builder":
        assert "cases" in made["conclusions"]
        return
    assert tail(made["conclusions"]) == tail(ran(name)[1]["conclusions"])


def tail(conclusions: str) -> list[str]:
    """All but the first line, which names the place."""
    return conclusions.splitlines()[1:]


@pytest.mark.parametrize("tz", ["UTC", "Asia/Kathmandu"])
def test_it_shows_the_figures_of_the_api(place: Service, tz: str) -> None:
    """Totals are those of GET /api/usage/daily, burn rate and estimate those of /api/usage/summary, in any zone."""
    from marimo import ui

    controls = {
        "tz": ui.text(value=tz),
        "span": ui.slider(7, 366, value=60),
        "by": ui.dropdown(["model"], value="model"),
    }
    figures = run("daily_usage", place, **controls)[1]["figures"]
    client = place.client
    assert client is not None
    today = date.fromisoformat(client.usage("daily", tz=tz)["to"])
    asked = {"from": str(today - timedelta(days=59)), "to": str(today), "tz": tz}
    days = client.usage("daily", **asked)["days"]
    for name in (
        "messages",
        "inputTokens",
        "cacheReadTokens",
        "cacheWriteTokens",
        "outputTokens",
        "totalTokens",
        "toolCalls",
        "toolErrors",
    ):
        assert figures[name] == sum(day[name] for day in days), name
    assert figures["messages"] > 300
    assert figures["costUsd"] == pytest.approx(sum(day["costUsd"] for day in days), abs=1e-4)
    summary = client.usage("summary", **asked)
    assert figures["activeDays"] == summary["activeDays"]
    assert figures["cacheHitShare"] == pytest.approx(summary["cacheHitShare"], abs=1e-6)
    assert figures["tokensPerDay"] == pytest.approx(summary["burnRate"]["tokensPerDay"], abs=1)
    assert figures["costUsdPerDay"] == pytest.approx(summary["burnRate"]["costUsdPerDay"], abs=1e-4)
    assert figures["projectedUsd"] == pytest.approx(summary["projection"]["costUsd"], abs=1e-3)


def test_it_reads_a_file_of_the_usage_export(
    place: Service, ran: Callable[[str], Run], tmp_path: Path
) -> None:
    """The one file of /api/usage/export is enough for the totals of daily_usage; what it lacks is said, not made up."""
    client = place.client
    assert client is not None
    today = datetime.now(UTC).date()
    asked = {"from": str(today - timedelta(days=365)), "by": "source,model", "format": "parquet"}
    answer = client._http.get("/api/usage/export", params=asked)
    (tmp_path / "usage.parquet").write_bytes(answer.content)
    outputs, made = run("daily_usage", Folder(tmp_path / "usage.parquet"))
    assert made["figures"] == pytest.approx(ran("daily_usage")[1]["figures"], abs=1e-4)
    assert "A file of days has no hours" in shown(outputs)


def test_it_says_in_a_sentence_what_is_refused(place: Service, tmp_path: Path) -> None:
    """A key that is none, a set that is empty, a file that cannot be written: an error with a sentence, and no file is harmed."""
    client = place.client
    assert client is not None
    with pytest.raises(Unauthorized, match="key"):
        picking.opened({"where": picking.SERVICE, "url": client.url, "key": "osk_no", "path": ""})
    kept = tmp_path / "set.json"
    kept.write_text("mine")
    with pytest.raises(RequestError, match="split must be"):
        sets.write(client, {"q": "test", "split": "0.5"}, kept)
    with pytest.raises(SettingError, match="cannot be written"):
        sets.write(client, {"q": "test"}, tmp_path / "none" / "set.json")
    assert [(file.name, file.read_text()) for file in tmp_path.iterdir()] == [("set.json", "mine")]


def test_it_scores_your_marks(place: Service) -> None:
    """Marks give nDCG for each of the three lists, over several queries, and the best is named."""
    client = place.client
    assert client is not None
    marks = {}
    for query in ("redirect loop", "websocket test"):
        found = client.search(query, group_by="message", limit=2)["results"]
        marks[query] = [hit["messageId"] for hit in found]
    made = run("search_quality", place, marks=marks)[1]
    by_list = {
        row["list"]: row for row in made["scored"].filter(pl.col("query") == "redirect loop").to_dicts()
    }
    assert by_list["hybrid"]["nDCG"] == pytest.approx(1)
    assert set(by_list) == {"hybrid", "words", "meaning"}
    assert "By your marks of 2 queries" in made["conclusions"]


@pytest.fixture(scope="module")
def jupyter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with each notebook as Jupyter's, made by `marimo export ipynb` with nothing sent to anybody."""
    folder = tmp_path_factory.mktemp("ipynb")
    program = (
        "import runpy, sys\n"
        "for name, source in zip(sys.argv[1::2], sys.argv[2::2]):\n"
        "    sys.argv = ['marimo', 'export', 'ipynb', source, '-o', name]\n"
        "    try: runpy.run_module('marimo', run_name='__main__')\n"
        "    except SystemExit as end: assert not end.code, end\n"
    )
    files = [text for name in NAMES for text in (f"{name}.ipynb", str(ROOT / "notebooks" / f"{name}.py"))]
    alone(folder, "-c", program, *files)
    return folder


def alone(folder: Path, *arguments: str) -> None:
    """Run Python in a folder that is its home, with nothing set, and hold that it spoke to this machine only."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith("BACKSCROLL_")}
    (folder / "sitecustomize.py").write_text(GUARD)
    spoken = folder / "spoken-to"
    told = bare | {
        "PYTHONPATH": f"{folder}:{ROOT}",
        "TMPDIR": str(folder),
        "HOME": str(folder),
        "SPOKEN_TO": str(spoken),
    }
    done = subprocess.run(
        [sys.executable, *arguments], env=told, capture_output=True, text=True, check=False, cwd=folder
    )
    assert done.returncode == 0, done.stderr
    hosts = set(spoken.read_text().split()) if spoken.exists() else set()
    assert hosts <= {"127.0.0.1", "::1", "localhost"}


@pytest.mark.parametrize("name", NAMES)
def test_it_becomes_a_jupyter_notebook(jupyter: Path, name: str) -> None:
    """`marimo export ipynb` writes it, with all cells."""
    cells = json.loads((jupyter / f"{name}.ipynb").read_text())["cells"]
    assert sum(cell["cell_type"] == "code" for cell in cells) > 8


def test_it_runs_on_the_sample_without_any_set_up(tmp_path: Path) -> None:
    """As a program, with nothing set: it starts a service with the sample, reads it, and speaks to nobody else."""
    tmp_path.chmod(0o755)
    alone(tmp_path, str(ROOT / "notebooks" / "daily_usage.py"))
    assert (tmp_path / "spoken-to").read_text().split().count("127.0.0.1") > 3


def test_it_answers_the_ten_questions(place: Service, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each block of docs/analytics.md runs on the kept facts and gives rows; what the API tells too is the same."""
    monkeypatch.chdir(folder)
    page = (ROOT / "docs" / "analytics.md").read_text()
    names: dict[str, Any] = {}
    answers = []
    for block in page.split("```python\n")[1:]:
        exec(block.partition("```")[0], names)
        answers.append(names.pop("answer", None))
    assert answers.pop(0) is None
    assert [number for number, answer in enumerate(answers, 1) if answer is None or answer.is_empty()] == []
    assert len(answers) == 10
    client = place.client
    assert client is not None
    since = {"from": str(datetime.now(UTC).date() - timedelta(days=365))}
    models = {row["model"]: row["costUsd"] for row in client.usage("models", **since)["models"]}
    assert dict(answers[0].select("model", "costUsd").iter_rows()) == pytest.approx(models, abs=1e-4)
    tools = {row["tool"]: (row["calls"], row["errors"]) for row in client.usage("tools", **since)["tools"]}
    told = {row["tool"]: (row["calls"], row["part"]) for row in answers[6].iter_rows(named=True)}
    assert told == {tool: tools[tool] for tool in told}
    assert len(told) >= 5
