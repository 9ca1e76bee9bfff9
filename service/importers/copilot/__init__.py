"""GitHub Copilot CLI: the events of a session (`events.py`), what is noted of it beside them (`workspace.py`), and the
documents of its first versions (`document.py`)."""

from __future__ import annotations

from service.importers.copilot import events
from service.importers.model import Format

FORMAT = Format("copilot", events.SOURCE, events.opened)
