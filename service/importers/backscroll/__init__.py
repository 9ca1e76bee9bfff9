"""Sessions that Backscroll itself exported as `jsonl`: a line for each session, then one for each of its messages."""

from __future__ import annotations

from service.importers.backscroll.lines import SOURCE, ExportParser
from service.importers.model import Format

FORMAT = Format("backscroll", SOURCE, ExportParser)
