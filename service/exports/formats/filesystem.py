"""A text a case, to read and to search with what is at hand."""

from __future__ import annotations

import re

from service.exports.formats.common import iso
from service.exports.model import Case, Said

RULE = "=" * 80
UNSAFE = re.compile(r"[^A-Za-z0-9._-]+")


def text(case: Case, metadata: bool) -> str:
    """The case with its facts in front."""
    head = "\n".join(f"{name}: {value}" for name, value in facts(case) if value)
    said = "\n\n".join(filter(None, map(rendered, case.conversation)))
    expected = f"\n\n{RULE}\nEXPECTED\n{RULE}\n{case.expected}" if case.expected else ""
    return f"{RULE}\n{head}\n{RULE}\n\n{said}{expected}\n" if metadata else f"{said}{expected}\n"


def facts(case: Case) -> list[tuple[str, object]]:
    return [
        ("SESSION", case.about.name),
        ("TITLE", case.about.title),
        ("SOURCE", case.about.source),
        ("MODEL", case.model),
        ("DATE", iso(case.created_at_ms)),
        ("TOKENS", case.prompt_tokens + case.completion_tokens),
        ("STATUS", case.status),
        ("TAGS", ", ".join(case.tags)),
        ("PROJECT", case.about.project),
        ("SPLIT", case.split),
    ]


def rendered(said: Said) -> str:
    """A message under its role; each call in a line."""
    if said.role == "tool":
        return f"TOOL RESULT {said.tool_name}{' (error)' if said.is_error else ''}:\n{said.text}"
    calls = "\n".join(f"CALL {call.name} {call.args_json}" for call in said.calls)
    body = "\n".join(filter(None, (said.text, calls)))
    return f"{said.role.upper()}:\n{body}" if body else ""


def file_name(id: str, taken: set[str]) -> str:
    """The name of a case's file: readable, and no other's.

    >>> taken = set()
    >>> file_name("a/b:0", taken), file_name("a_b:0", taken)
    ('a_b_0.txt', 'a_b_0~2.txt')
    """
    stem = UNSAFE.sub("_", id).strip("._")[:120] or "case"
    name, number = stem, 2
    while name.lower() in taken:
        name, number = f"{stem}~{number}", number + 1
    taken.add(name.lower())
    return f"{name}.txt"
