"""Write requirements.lock and requirements-dev.lock: pyproject's dependencies and all that they need, as installed here.

    .venv/bin/python .ci/lock.py

No hashes and no local suffix, so that `torch` may be any build of its version.
"""

from __future__ import annotations

import importlib.metadata
import re
import tomllib
from collections.abc import Iterable
from itertools import chain
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).parent.parent
RUN_HEAD = """\
# The versions that are tested together; written by .ci/lock.py from pyproject.toml. No hashes and no local suffix:
# torch may be any build of this version (the README says how to have the one for CPUs).
"""
DEV_HEAD = """\
# What tests and checks need beside requirements.lock; written by .ci/lock.py.
-r requirements.lock
"""


def main() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    run = closure(project["dependencies"])
    dev = closure(chain(*project["optional-dependencies"].values()))
    (ROOT / "requirements.lock").write_text(RUN_HEAD + lines(run))
    (ROOT / "requirements-dev.lock").write_text(
        DEV_HEAD + lines({name: dev[name] for name in dev.keys() - run.keys()})
    )


def lines(versions: dict[str, str]) -> str:
    return "".join(f"{name}=={version}\n" for name, version in sorted(versions.items()))


def closure(requirements: Iterable[str]) -> dict[str, str]:
    """Name to version of these and all that they need, extras included."""
    versions: dict[str, str] = {}
    seen: set[str] = set()
    todo = list(requirements)
    while todo:
        wanted = Requirement(todo.pop())
        if str(wanted) in seen or not applies(wanted, ""):
            continue
        seen.add(str(wanted))
        found = importlib.metadata.distribution(wanted.name)
        versions[re.sub(r"[-_.]+", "-", wanted.name).lower()] = found.version.split("+")[0]
        for text in found.requires or []:
            needed = Requirement(text)
            if any(applies(needed, extra) for extra in ("", *wanted.extras)):
                needed.marker = None
                todo.append(str(needed))
    return versions


def applies(requirement: Requirement, extra: str) -> bool:
    return requirement.marker is None or requirement.marker.evaluate({"extra": extra})


if __name__ == "__main__":
    main()
