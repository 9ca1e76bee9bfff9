"""Gemini CLI: a session as a document (`~/.gemini/tmp/<project>/chats/session-*.json`) or, in newer versions, as a log
(`session-*.jsonl`; of sub-agents `chats/<parent id>/<id>.jsonl`).

Rule: a record replaces an earlier one of its id. A log's checkpoint (`$set` of all messages) adds those that are new;
it changes none, since what it says anew of older ones was shortened for the model. A rewind takes nothing away.
"""

from __future__ import annotations

from service.importers.gemini import log
from service.importers.model import Format

FORMAT = Format("gemini", log.SOURCE, log.opened)
