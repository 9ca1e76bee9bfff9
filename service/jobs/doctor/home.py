"""The home: room on the disk, the key file, the models."""

from __future__ import annotations

import shutil
from pathlib import Path

from indexing.embedder import ModelUnavailable, model_name
from indexing.embedder.names import locate
from indexing.embedder.prepared import directory_of
from service.jobs.doctor.finding import Finding, fail, ok, warn
from service.settings import Settings

GIB = 1024**3
LEAST_BYTES, LITTLE_BYTES = GIB // 4, 2 * GIB
NO_MODEL = "none"
"""The setting of who wants words only."""


def examine(settings: Settings) -> list[Finding]:
    """Needs no database."""
    return [
        judge_disk(free_bytes(settings.home)),
        examine_key_file(settings.key_file),
        *examine_model(settings),
    ]


def free_bytes(home: Path) -> int:
    """Room on the disk where the home is, or will be."""
    place = next(path for path in (home, *home.parents) if path.exists())
    return shutil.disk_usage(place).free


def judge_disk(free_bytes: int) -> Finding:
    """
    >>> judge_disk(100 * GIB).state, judge_disk(GIB).state, judge_disk(1000).state
    ('ok', 'warn', 'fail')
    """
    found = f"{free_bytes / GIB:.1f} GiB free"
    if free_bytes < LEAST_BYTES:
        return fail("disk", found, "Make room now: Postgres stops when it cannot write.")
    if free_bytes < LITTLE_BYTES:
        return warn(
            "disk", found, "Make room soon; `backscroll reindex` needs about as much again as the text index."
        )
    return ok("disk", found)


def examine_key_file(file: Path) -> Finding:
    try:
        mode = file.stat().st_mode & 0o777
    except FileNotFoundError:
        return warn("key file", f"{file} is missing", "Start `backscroll serve`: it writes a new one.")
    if mode & 0o077:
        return fail(
            "key file",
            f"others can read {file} (mode {mode:04o})",
            f"Run `chmod 600 {file}`, or `backscroll doctor --repair`.",
        )
    return ok("key file", f"mode {mode:04o}")


def close_key_file(settings: Settings) -> None:
    """Take the key file's rights from everybody but its owner."""
    if settings.key_file.exists():
        settings.key_file.chmod(0o600)


def examine_model(settings: Settings) -> list[Finding]:
    """The model itself, and what the API embeds queries with."""
    setting = settings.embedding_model
    if setting == NO_MODEL:
        return [ok("model", "none, as set: words only")]
    try:
        name, place = model_name(setting), locate(setting)
    except ModelUnavailable as error:
        return [fail("model", "it cannot be found", str(error))]
    if isinstance(place, Path) and not (place / "modules.json").exists():
        return [
            fail(
                "model", f"{place} holds no sentence-transformers model", "Check BACKSCROLL_EMBEDDING_MODEL."
            )
        ]
    prepared = (directory_of(settings.models_dir, setting) / "embedder.json").exists()
    query = (
        ok("query model", "prepared")
        if prepared
        else warn(
            "query model",
            "not prepared yet: searches go by words",
            "The worker prepares it within a minute of its start.",
        )
    )
    return [ok("model", name), query]
