"""Claude Code's transcripts: `projects/<folder>/<session>.jsonl`, and those of its sub-agents.

Rule: a session is what its file is named after; a sub-agent is a session of its own below it, wherever it is told: in
a file of its own, in the parent's progress records, or in line as a sidechain.
"""

from __future__ import annotations

from service.importers.claude_code.naming import SOURCE
from service.importers.claude_code.parser import ClaudeCodeParser
from service.importers.model import Format

FORMAT = Format(name="claude-code", source=SOURCE, open=ClaudeCodeParser)
