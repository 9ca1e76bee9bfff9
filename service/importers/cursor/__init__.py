"""Cursor's sessions: the composers of its window, and the chats of its command line; one session a transcript.

Cursor documents neither. What is read here is what several independent readers found (composerData `_v` 3 to 18,
bubbles `_v` 2 and 3, `store.db` of 2026). Times and tokens of single messages are often absent, and then unknown.
"""

from __future__ import annotations

from service.importers.cursor.reader import SOURCE, open_parser
from service.importers.model import Format

FORMAT = Format("cursor", SOURCE, open_parser)
