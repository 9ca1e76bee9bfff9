"""What the program says in a person's name: environment, instructions, skills. Not a person's words.

Rule: a text is context when it begins with a mark that Codex puts there; a message is context when all its texts are.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_TAGS = (
    "apps_instructions",
    "collaboration_mode",
    "environment_context",
    "goal_context",
    "hook_prompt",
    "model_switch",
    "multi_agent_mode",
    "permissions instructions",
    "personality_spec",
    "plugins_instructions",
    "realtime_conversation",
    "skill",
    "skills_instructions",
    "subagent_notification",
    "turn_aborted",
    "user_action",
    "user_instructions",
    "user_shell_command",
)
_MARK = re.compile(rf"\s*(?:<(?:{'|'.join(_TAGS)})[\s>]|# AGENTS\.md instructions\b)", re.IGNORECASE)
_CWD = re.compile(
    r"<cwd>\s*([^<\n]{1,4096}?)\s*</cwd>|^\s*Current working directory: (.{1,4096})$", re.MULTILINE
)
_ASIDE = re.compile(r"<(oai-mem-citation|proposed_plan)>.*?</\1>", re.DOTALL)


def is_context(texts: Sequence[str]) -> bool:
    """
    >>> is_context(["<environment_context>\\n  <cwd>/src</cwd>"]), is_context(["<b>please</b> fix it"])
    (True, False)
    """
    return bool(texts) and all(_MARK.match(text) for text in texts)


def working_directory(texts: Sequence[str]) -> str | None:
    """
    >>> working_directory(["<environment_context>\\n  <cwd>/src</cwd>\\n</environment_context>"])
    '/src'
    """
    for text in texts:
        if found := _CWD.search(text[:20_000]):
            return found[1] or found[2]
    return None


def shown(text: str) -> str:
    """The text as Codex shows it: without the citations and plans that it takes out before.

    >>> shown("Done. <oai-mem-citation>a:1</oai-mem-citation>")
    'Done.'
    """
    return (
        _ASIDE.sub("", text) if "</oai-mem-citation>" in text or "</proposed_plan>" in text else text
    ).strip()
