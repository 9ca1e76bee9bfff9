"""One request and its answer, as the edge sees it; what the routes learn of it, they write here."""

from __future__ import annotations

from datetime import datetime

import msgspec

from service.api.gate.auth import NOBODY
from service.api.gate.capacity import Load
from service.storage.people import Caller


class Exchange(msgspec.Struct, kw_only=True):
    request_id: str
    at: datetime
    started_s: float
    """On the monotonic clock."""
    method: str
    load: Load
    """What it takes of what this process can take on."""
    parent: str = ""
    """The caller's `traceparent`."""
    route: str = "-"
    """The route's template, `/api/sessions/{id}`; `-` where none was found."""
    caller: Caller = NOBODY
    status: int = 0
    answered_s: float = 0.0
    """When the answer began, on the monotonic clock; 0: it has not. A stream's end says nothing of slowness."""
    is_stream: bool = False
    """The answer is a stream: it lasts as long as its reader likes."""
