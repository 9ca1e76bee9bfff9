"""The form in which a reader of a notebook says where to read.

Without any set-up it is the sample; where the environment names a service (`BACKSCROLL_URL`, `BACKSCROLL_API_KEY`), it is
that; `marimo run notebooks/daily_usage.py -- --parquet FOLDER` reads Parquet.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeVar

import marimo as mo

from service.client import Client
from service.errors import BackscrollError
from service.looking import trial
from service.looking.places import Folder, Place, Service
from service.settings import from_environment

SAMPLE, SERVICE, PARQUET = "the bundled sample", "a service", "Parquet"
Answer = TypeVar("Answer")
PLACES = (SAMPLE, SERVICE, PARQUET)


def form() -> Any:
    """What to read: the value of it, or `usual` before it is sent, is for `opened`."""
    told = usual()
    fields: dict[str, Any] = {
        "where": mo.ui.dropdown(list(PLACES), value=told["where"], label="Read from"),
        "url": mo.ui.text(value=told["url"], label="URL", full_width=True),
        "key": mo.ui.text(kind="password", label="key (empty: the one of this machine)"),
        "path": mo.ui.text(value=told["path"], label="folder or file of Parquet", full_width=True),
    }
    return mo.md("{where} {url} {key} {path}").batch(**fields).form(submit_button_label="Read")


def usual() -> dict[str, str]:
    """What the environment and the command line name; the sample where they name nothing."""
    path = str(mo.cli_args().get("parquet") or "") if mo.running_in_notebook() else ""
    named = any(os.environ.get(f"BACKSCROLL_{name}") for name in ("URL", "API_KEY", "HOME"))
    where = PARQUET if path else SERVICE if named else SAMPLE
    return {"where": where, "url": from_environment().base_url, "key": "", "path": path}


def opened(asked: Mapping[str, str] | None, *, searched: bool = False) -> Place:
    """The place that a form's value names, which answers; `searched`: once the sample can be searched by meaning. Errors: as `answered`."""
    return answered(lambda: reached(asked, searched=searched))


def answered(question: Callable[[], Answer]) -> Answer:
    """The answer; a reader in a browser gets a refusal's sentence in place of the cell's output, and no traceback.

    Errors: a program gets the error.
    """
    try:
        return question()
    except BackscrollError as error:
        if mo.running_in_notebook():
            mo.stop(True, mo.callout(str(error), kind="warn"))
        raise


def reached(asked: Mapping[str, str] | None, *, searched: bool) -> Place:
    """Errors: `SettingError`, `Unreachable`, `Unauthorized`."""
    told = {**usual(), **(asked or {})}
    if told["where"] == PARQUET:
        return Folder(Path(told["path"]).expanduser())
    if told["where"] == SERVICE:
        settings = from_environment()
        usual_one = told["url"] == settings.base_url and not told["key"]
        client = Client.of(settings) if usual_one else Client(told["url"], told["key"])
        client.sessions(limit=1)
        return Service(client, f"the service at {told['url']}")
    client = trial.sample_client()
    if searched:
        trial.wait_for(lambda: trial.understood(client))
    return Service(client, SAMPLE)
