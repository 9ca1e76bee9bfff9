"""Credentials that the authors of other detectors planted for their own tests, read from a checkout. Nothing of it is kept."""

from __future__ import annotations

from typing import NamedTuple


class Planted(NamedTuple):
    rule: str
    text: str
    secret: str
    """"" where only the whole text is known to hold one."""
