"""Texts on their way into a model: made valid, and put into batches that waste little on padding."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

BATCH_SIZE = 16


def batches(texts: Sequence[str], *, size: int = BATCH_SIZE) -> Iterator[list[int]]:
    """Positions in `texts`, `size` at a time, the longest texts first; each position once.

    Texts of like length share a batch, since a batch is as wide as its longest. Longest first, so that memory
    is asked for once.

    >>> list(batches(["a", "ccc", "bb"], size=2))
    [[1, 2], [0]]
    """
    order = sorted(range(len(texts)), key=lambda position: len(texts[position]), reverse=True)
    for start in range(0, len(order), size):
        yield order[start : start + size]


def repair(text: str) -> str:
    """The text with lone surrogates (half an emoji) replaced by U+FFFD and paired ones joined.

    >>> repair("caf\\u00e9 \\ud83d!") == "caf\\u00e9 \\ufffd!", repair("\\ud83d\\ude00") == "\\U0001f600"
    (True, True)
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    return text
