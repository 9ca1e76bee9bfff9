"""What docs/deploy says to other programs is so: metrics and labels that exist, settings that exist, files that parse."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from service.api.gate.capacity import Capacity, Load
from service.api.gate.exchange import Exchange
from service.api.gate.meters import Meters
from service.cli import main
from service.live.figures import Figures
from service.settings import PREFIX, Settings
from service.storage.database import PoolUse

ROOT = Path(__file__).parents[2]
DEPLOY = ROOT / "docs" / "deploy"
FILES = sorted(DEPLOY.iterdir())
SETTING = re.compile(rf"{PREFIX}[A-Z_]+")
SELECTOR = re.compile(r"\b((?:backscroll|process)_[a-z_]+)(?:\{([^}]*)\})?")
LABEL = re.compile(r'(\w+)(?:=~|!~|!=|=)"')
SCRAPED = {"job", "instance"}
"""Labels that Prometheus adds."""


def exposed() -> dict[str, set[str]]:
    """Every sample of /metrics with its labels."""
    meters = Meters()
    meters.observe(
        Exchange(
            load=Load(Capacity(requests=1, body_bytes=1)),
            request_id="",
            at=None,
            started_s=0.0,
            method="GET",
            status=200,
        ),
        0.1,
    )  # type: ignore[arg-type]
    meters.slow("-")
    meters.imported({"sessions": 1})
    meters.database(up=True)
    meters.lags({"text": 0})
    meters.queue(waiting=0, taken=0)
    meters.pool(PoolUse(most=1, open=1, in_use=0, waiting=0))
    meters.workers([])
    meters.live(Figures(), entries=0)
    samples = [
        sample
        for family in text_string_to_metric_families(meters.text().decode())
        for sample in family.samples
        if not sample.name.endswith("_created")
    ]
    return {sample.name: set(sample.labels) for sample in samples}


def asked() -> dict[str, str]:
    """Every expression of the dashboard and the alerts, by where it stands."""
    dashboard = json.loads((DEPLOY / "grafana-dashboard.json").read_text())
    found = {
        f"{panel['title']} {target['refId']}": target["expr"]
        for panel in dashboard["panels"]
        for target in panel.get("targets", ())
    }
    return found | {rule["alert"]: rule["expr"] for rule in alerts()}


def alerts() -> list[dict[str, Any]]:
    groups = yaml.safe_load((DEPLOY / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


@pytest.mark.parametrize(("place", "expression"), asked().items(), ids=asked())
def test_it_watches_metrics_that_exist(place: str, expression: str) -> None:
    """Each metric that the dashboard or an alert names is exposed, with each label by which it is picked or grouped."""
    known = exposed()
    named = SELECTOR.findall(expression)
    assert named or "up{" in expression, place
    for name, labels in named:
        assert name in known, place
        assert set(LABEL.findall(labels)) <= known[name] | SCRAPED, place
    grouped = {label for group in re.findall(r"by \(([^)]*)\)", expression) for label in group.split(", ")}
    assert grouped <= SCRAPED.union(*(known[name] for name, _ in named)), place


def test_it_watches_every_metric_of_ours() -> None:
    """What /metrics exposes stands in the dashboard or in an alert."""
    text = " ".join(asked().values())
    watched = {name for name, _ in SELECTOR.findall(text)}
    families = {re.sub(r"_(bucket|count|sum)$", "", name) for name in exposed()}
    named = {re.sub(r"_(bucket|count|sum)$", "", name) for name in watched}
    assert {name for name in families if name.startswith("backscroll_")} - named == set()


def test_it_says_what_to_do_at_every_alert() -> None:
    """An alert has a severity, a sentence of what is so and one of what to do."""
    for rule in alerts():
        assert rule["labels"]["severity"] in ("page", "ticket"), rule["alert"]
        assert rule["annotations"].keys() == {"summary", "what_to_do"}, rule["alert"]


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.name)
def test_it_names_settings_that_exist(file: Path) -> None:
    """Each BACKSCROLL_ variable of a file is a setting."""
    known = {PREFIX + name.upper() for name in Settings.__struct_fields__}
    assert set(SETTING.findall(file.read_text())) <= known


def test_it_starts_verbs_that_exist() -> None:
    """What the unit, the image and the containers start are verbs of ours."""
    compose = yaml.safe_load((DEPLOY / "compose.yaml").read_text())["services"]
    started = [
        word
        for service in compose.values()
        if service.get("image") == "backscroll"
        for word in service["command"][:1]
    ]
    started += re.findall(
        r"^ExecStart=\S+/backscroll (\w+)", (DEPLOY / "backscroll.service").read_text(), re.M
    )
    started += json.loads(re.findall(r"^CMD (\[.*\])", (DEPLOY / "Containerfile").read_text(), re.M)[0])
    assert set(started) == {"serve", "api", "worker", "migrate"} <= set(main.commands)


def test_it_copies_what_the_package_is_made_of() -> None:
    """The image has every package that pyproject.toml installs."""
    copied = set(re.findall(r"^COPY (\w+) \w+$", (DEPLOY / "Containerfile").read_text(), re.M))
    assert copied == {"analytics", "indexing", "migrations", "service"}
    assert all((ROOT / name / "__init__.py").exists() for name in copied)


def test_it_lets_proxies_tell_that_they_are_proxies() -> None:
    """nginx sends the header by which a request is known as one from elsewhere, and the name that was asked for."""
    text = (DEPLOY / "nginx.conf").read_text()
    for line in (
        "proxy_set_header Host $host;",
        "proxy_set_header X-Forwarded-For $remote_addr;",
        "proxy_set_header X-Forwarded-Proto $scheme;",
        "proxy_buffering off;",
    ):
        assert line in text


@pytest.mark.skipif(shutil.which("systemd-analyze") is None, reason="systemd-analyze is not installed")
def test_it_has_a_unit_that_systemd_understands(tmp_path: Path) -> None:
    """`systemd-analyze verify` finds no fault, with a program in place of ours."""
    unit = tmp_path / "backscroll.service"
    text = (DEPLOY / "backscroll.service").read_text()
    unit.write_text(re.sub(r"^ExecStart=\S+", f"ExecStart={shutil.which('true')}", text, flags=re.M))
    ended = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", "--recursive-errors=no", str(unit)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert (ended.returncode, ended.stderr) == (0, "")
