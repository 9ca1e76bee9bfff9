"""Where the libraries live that read our exports: environments of their own, made once below a cache, none of them ours.

`EXPORTERS_CACHE` says where; by default `~/.cache/backscroll-exporters`. About 3 GB, most of it promptfoo's.
"""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

PYTHON = {
    "main": ("deepeval>=4.3,<4.4", "inspect_ai>=0.3,<0.4", "datasets>=5,<6", "langsmith>=0.14,<0.15", "openai>=1.109", "jsonschema>=4"),
    "ragas": ("ragas>=0.4,<0.5", "langchain-community<0.4"),
}  # fmt: skip
NODE = {"promptfoo": ("promptfoo@0.121.9",)}
QUIET = {
    "DEEPEVAL_TELEMETRY_OPT_OUT": "YES",
    "RAGAS_DO_NOT_TRACK": "true",
    "HF_HUB_OFFLINE": "1",
    "HF_DATASETS_OFFLINE": "1",
    "PROMPTFOO_DISABLE_TELEMETRY": "1",
    "PROMPTFOO_DISABLE_UPDATE": "1",
    "PROMPTFOO_DISABLE_REMOTE_GENERATION": "1",
}
"""None of them is to tell anybody of what it reads."""


class Missing(Exception):
    """An environment cannot be made here: its text says why."""


def cache() -> Path:
    told = os.environ.get("EXPORTERS_CACHE")
    return Path(told) if told else Path.home() / ".cache" / "backscroll-exporters"


def read(environment: str, script: Path, *arguments: Path) -> str:
    """What a script prints that runs with the libraries of an environment. Errors: `Missing`."""
    folder = made(environment)
    program = ["node"] if environment in NODE else [str(folder / "bin" / "python")]
    (folder / "home").mkdir(exist_ok=True)
    environ = (
        os.environ | QUIET | {"HOME": str(folder / "home"), "PROMPTFOO_CONFIG_DIR": str(folder / "home")}
    )
    environ.pop("PYTHONPATH", None)
    done = subprocess.run(
        [*program, str(script), *map(str, arguments)], cwd=folder, env=environ, capture_output=True, text=True, check=False
    )  # fmt: skip
    assert done.returncode == 0, done.stderr[-3000:]
    return done.stdout


def made(environment: str) -> Path:
    """The folder of an environment, made where it is not there yet."""
    folder, stamp = cache() / environment, cache() / environment / ".made"
    wanted = "\n".join(NODE.get(environment) or PYTHON[environment])
    if stamp.exists() and stamp.read_text() == wanted:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    if environment in NODE:
        run(
            environment,
            ["npm", "install", "--no-audit", "--no-fund", "--prefix", str(folder), *NODE[environment]],
        )
    else:
        run(environment, [sys.executable, "-m", "venv", str(folder)])
        pip = [
            str(folder / "bin" / "python"),
            "-m",
            "pip",
            "install",
            "--quiet",
            "--disable-pip-version-check",
        ]
        run(environment, [*pip, *PYTHON[environment]])
    stamp.write_text(wanted)
    return folder


def run(environment: str, command: list[str]) -> None:
    try:
        subprocess.run(command, check=True, capture_output=True, text=True)
    except FileNotFoundError as error:
        raise Missing(f"{command[0]} is not installed, which {environment} needs") from error
    except subprocess.CalledProcessError as error:
        raise Missing(f"{environment} cannot be installed here: {error.stderr.strip()[-300:]}") from error
