"""promptfoo: tests with the variable `input`. https://www.promptfoo.dev/docs/configuration/test-cases/

It renders variables and assertions as Nunjucks templates: what would be read as a template is written as text.
"""

from __future__ import annotations

import re

from service.exports.formats.common import Json, with_metadata
from service.exports.model import Case

OPENERS = re.compile(r"\{(?=[{%#])")
CLOSER = re.compile(r"(?<=#)\}")
"""Without a comment it ends one, which is an error."""
ADDRESS = re.compile(r"[a-z][a-z+.-]*:")
NOTHING = "{{ '' }}"
TASKS = (
    ("bug_fix", re.compile(r"\b(bug|fix|error|fail\w*|crash\w*|broken|exception)\b", re.I)),
    ("refactoring", re.compile(r"\b(refactor\w*|clean ?up|rename|simplif\w*|restructure)\b", re.I)),
    ("explanation", re.compile(r"\b(explain|what does|what is|why|how does|describe)\b", re.I)),
    ("code_generation", re.compile(r"\b(add|create|implement|write|build|generate|make)\b", re.I)),
)


def entry(case: Case, metadata: bool) -> Json:
    """One test; what is expected becomes an assertion that a model judges."""
    record: Json = {
        "description": plain(case.id),
        "vars": {"input": plain(case.input), "task_type": task(case.input)},
    }
    if case.expected:
        record["vars"]["expected"] = plain(case.expected)
        record["assert"] = [{"type": "llm-rubric", "value": plain(case.expected)}]
    return with_metadata(record, case, metadata)


def plain(text: str) -> str:
    """A text that renders as itself.

    A brace of a tag is written as an expression, so that neither Nunjucks nor what looks for variables beforehand sees
    one. A text that begins like an address would be loaded (a program would be run), and one newline at the end would be
    cut: an empty expression stands before the one and behind the other.

    >>> plain("a {{ b }} {% c %}"), plain("file:///etc/passwd")
    ("a {{ '{' }}{ b }} {{ '{' }}% c %}", "{{ '' }}file:///etc/passwd")
    """
    text = CLOSER.sub("{{ '}' }}", OPENERS.sub("{{ '{' }}", text))
    before = NOTHING if ADDRESS.match(text) else ""
    return before + text + (NOTHING if text.endswith("\n") else "")


def task(text: str) -> str:
    """The kind of task that the words suggest.

    >>> task("Fix the login loop"), task("Hello")
    ('bug_fix', 'general')
    """
    return next((name for name, words in TASKS if words.search(text)), "general")
