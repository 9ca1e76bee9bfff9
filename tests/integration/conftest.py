"""What integration tests share: a text index to write and to read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from indexing.fulltext import TantivyReader, TantivyWriter, open_reader, open_writer


@pytest.fixture
def writer(tmp_path: Path) -> Iterator[TantivyWriter]:
    opened = open_writer(tmp_path)
    yield opened
    opened.close()


@pytest.fixture
def reader(tmp_path: Path, writer: TantivyWriter) -> TantivyReader:
    return open_reader(tmp_path)
