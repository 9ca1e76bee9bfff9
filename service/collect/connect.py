"""Settings of the OpenSync plugins, so that they send here.

Rule: what else stands in a plugin's file stays as it is, and nobody else may read the file, since it holds the key.
"""

from __future__ import annotations

import json
import os
import shlex
import tempfile
from pathlib import Path
from typing import Any

import msgspec

from service.errors import SettingError


class Plugin(msgspec.Struct, frozen=True):
    """How a client is told where to send."""

    file: str
    """Below the home folder."""
    variables: str | None
    """What its environment variables begin with; None where it reads its file only."""
    usual: dict[str, bool]
    """What is set where the file does not say: without it the plugin sends nothing, or leaves things out."""


_USUAL = {"autoSync": True, "syncToolCalls": True, "syncThinking": True}
PLUGINS = {
    "claude-code": Plugin(".config/claude-code-sync/config.json", "CLAUDE_SYNC", _USUAL),
    "opencode": Plugin(".opensync/credentials.json", None, {}),
    "droid": Plugin(".config/droid-sync/config.json", "DROID_SYNC", _USUAL),
    "pi": Plugin(".config/pi-opensync-plugin/config.json", "PI_OPENSYNC", _USUAL),
}


def merged(text: str, plugin: Plugin, *, url: str, key: str) -> str:
    """The file's new text. Errors: ValueError when the old one is no JSON object.

    >>> json.loads(merged('{"autoSync": false, "x": 1}', PLUGINS["opencode"], url="u", key="k"))
    {'autoSync': False, 'x': 1, 'convexUrl': 'u', 'apiKey': 'k'}
    """
    known: Any = json.loads(text) if text.strip() else {}
    if not isinstance(known, dict):
        raise ValueError("not an object")
    return (
        json.dumps({**plugin.usual, **known, "convexUrl": url, "apiKey": key}, indent=2, ensure_ascii=False)
        + "\n"
    )


def exports(plugin: Plugin, *, url: str, key: str) -> list[str]:
    """Lines for a shell that say the same. Errors: SettingError for a plugin that reads no variables."""
    if plugin.variables is None:
        raise SettingError(
            f"This plugin reads ~/{plugin.file} and no environment variables: leave --print out."
        )
    told = {"CONVEX_URL": url, "API_KEY": key, "TOOL_CALLS": "true", "THINKING": "true"}
    return [f"export {plugin.variables}_{name}={shlex.quote(value)}" for name, value in told.items()]


def write(home: Path, plugin: Plugin, *, url: str, key: str, trial: bool = False) -> Path:
    """Write the plugin's file (unless it is a trial), mode 0600, and say where. Errors: SettingError."""
    file = (home / plugin.file).resolve()
    try:
        text = merged(file.read_text(encoding="utf-8") if file.exists() else "", plugin, url=url, key=key)
        if not trial:
            file.parent.mkdir(parents=True, exist_ok=True)
            _replace(file, text)
    except ValueError:
        raise SettingError(
            f"{file} is no JSON object: mend it or move it away, then say this again."
        ) from None
    except OSError as error:
        raise SettingError(f"{file} cannot be written ({error.strerror}).") from error
    return file


def _replace(file: Path, text: str) -> None:
    """All at once, so that a plugin never reads half of it; `mkstemp` makes files of mode 0600."""
    descriptor, beside = tempfile.mkstemp(dir=file.parent, prefix=f".{file.name}.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as out:
            out.write(text)
        os.replace(beside, file)
    except OSError:
        os.unlink(beside)
        raise
