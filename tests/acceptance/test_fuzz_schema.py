"""Every route asked from its own description, by schemathesis: examples, coverage, fuzzing, stateful."""

from __future__ import annotations

import httpx
from fuzzing import fuzz

SECONDS = 25


def test_it_answers_as_its_schema_says_whatever_is_sent(api: httpx.Client) -> None:
    """No 5xx, every answer conforms to /schema, wrong data is refused; `make fuzz` asks for longer, and that right data is taken."""
    report = fuzz(api, seconds=SECONDS, takes_right=False)
    print(report.summary)
    assert report.passed, report.summary
