"""The text index holds each document once, in whatever order its ids come and go."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from text_documents import message, titles

from indexing.fulltext import open_writer


@pytest.mark.parametrize("seed", range(3))
def test_it_replaces_documents_in_any_order_of_ids(seed: int, tmp_path: Path) -> None:
    """Put again, taken out, opened again: every id that is in is in once, and no other."""
    chance, held = random.Random(seed), set[int]()
    for _ in range(4):
        writer = open_writer(tmp_path)
        try:
            for _ in range(6):
                some = chance.sample(range(60), 8)
                if chance.random() < 0.3:
                    writer.remove(messages=some)
                    held -= set(some)
                else:
                    writer.put([message(id, f"word {id}") for id in some])
                    held |= set(some)
                if chance.random() < 0.5:
                    writer.commit("c")
            writer.commit("c")
            assert list(writer.ids("message")) == sorted(held)
        finally:
            writer.close()


def test_it_replaces_titles_beside_messages_of_the_same_ids(tmp_path: Path) -> None:
    """Sessions and messages are numbered apart."""
    writer = open_writer(tmp_path)
    try:
        writer.put([message(5, "five"), titles(3, "three")])
        writer.put([message(3, "three"), titles(3, "three again"), titles(2, "two")])
        writer.commit("c")
        assert list(writer.ids("message")) == [3, 5]
        assert list(writer.ids("session")) == [2, 3]
    finally:
        writer.close()
