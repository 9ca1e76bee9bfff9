"""aider: the chat history of a repository (`.aider.chat.history.md`), a session for each of its runs."""

from __future__ import annotations

from service.importers.aider.history import SOURCE, AiderParser
from service.importers.model import Format

FORMAT = Format("aider", SOURCE, AiderParser)
