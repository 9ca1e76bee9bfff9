"""Into which part of a set a session goes: by a hash of its name, so that it is the same today and tomorrow, in every
set and format, and however many sessions there are. All cases of a session, and its sub-agents', go into one part."""

from __future__ import annotations

import hashlib
from itertools import accumulate

from service.errors import RequestError

NAMES = {1: ("train",), 2: ("train", "test"), 3: ("train", "validation", "test")}
WRONG = "split must be two or three shares that add up to 1, such as 0.8,0.1,0.1."


def shares(text: str) -> dict[str, float]:
    """Names to shares. Errors: `RequestError`.

    >>> shares("0.8,0.1,0.1"), shares("80,20"), shares("")
    ({'train': 0.8, 'validation': 0.1, 'test': 0.1}, {'train': 0.8, 'test': 0.2}, {})
    """
    if not text.strip():
        return {}
    try:
        given = [float(piece) for piece in text.split(",")]
    except ValueError as error:
        raise RequestError(WRONG) from error
    whole = 100.0 if sum(given) > 1.5 else 1.0
    if len(given) not in NAMES or not all(0 <= share <= whole for share in given):
        raise RequestError(WRONG)
    if abs(sum(given) - whole) > 1e-6:
        raise RequestError(WRONG)
    return dict(zip(NAMES[len(given)], [share / whole for share in given], strict=True))


def part(root: str, of: dict[str, float]) -> str:
    """The name of the part; "" where a set has no parts.

    >>> part("ses_4a1f", {"train": 0.5, "test": 0.5}), part("ses_4a1f", {})
    ('train', '')
    """
    if not of:
        return ""
    place = int.from_bytes(hashlib.sha256(root.encode()).digest()[:8]) / 2**64
    bounds = zip(of, accumulate(of.values()), strict=True)
    return next((name for name, bound in bounds if place < bound), [name for name in of if of[name]][-1])
