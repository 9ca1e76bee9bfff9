"""OpenCode's sessions: rows of its database (or of the folders of JSON files before it), one session a transcript.

Formats: `session`, `message` and `part` as of OpenCode 1.x (packages/opencode/src/session/session.sql.ts and
message-v2.ts), `session_message` as of 2.x (packages/schema/src/session-message.ts), and messages with their parts
within as of 0.1 to 0.3 (packages/opencode/src/session/message.ts); all at github.com/anomalyco/opencode.
"""

from __future__ import annotations

from service.importers.model import Format
from service.importers.opencode.reader import SOURCE, open_parser

FORMAT = Format("opencode", SOURCE, open_parser)
