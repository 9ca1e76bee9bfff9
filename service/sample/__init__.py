"""The bundled sample: made-up coding sessions of the last six weeks, tagged `sample`.

`sessions.jsonl` holds a session a line, `{"session": …, "messages": […]}`, in the form of /sync/session and
/sync/message, but with `agoMs` (milliseconds before it is loaded) for `createdAt`, so that a sample is never old.
`python -m service.sample.write` writes it from `stories/`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

TAG = "sample"
"""Every session of the sample has it: it is how the sample is taken out again."""
FILE = Path(__file__).with_name("sessions.jsonl")

Wire = dict[str, Any]


def read(now_ms: int) -> Iterator[tuple[Wire, list[Wire]]]:
    """Each session and its messages as a client would send them now; the oldest first, parents before children."""
    with FILE.open(encoding="utf-8") as lines:
        for line in lines:
            entry = json.loads(line)
            yield _dated(entry["session"], now_ms), [_dated(message, now_ms) for message in entry["messages"]]


def _dated(item: Wire, now_ms: int) -> Wire:
    rest = {name: value for name, value in item.items() if name != "agoMs"}
    return rest | {"createdAt": now_ms - item["agoMs"]}
