"""OpenAI-style chats: JSON Lines of conversations or of messages, or one JSON document of either."""

from __future__ import annotations

from service.importers.chat.conversations import SOURCE, ChatParser
from service.importers.model import Format

FORMAT = Format("chat", SOURCE, ChatParser)
