"""What a SpecStory message is made of: `<think>`, `<tool-use>` and folded blocks to parts, and the text between them.

Rule: nothing of a message is dropped but the tags and the rulers around its blocks. A tool's block says what went in
and what came out as markdown: both are kept as they stand, split where the output visibly begins.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterator

import msgspec

from service.model.message import Part

TAGS = ("tool-use", "think", "details")

_OPENS = re.compile(r"<(tool-use|think|details)\b")
_ENDING = re.compile(r"(?:</(?:tool-use|think|details)>)+\s*$")
_SUMMARY = re.compile(r"\s*<summary>(.*?)</summary>\n?", re.DOTALL)
_NAME = re.compile(r'data-tool-name="([^"]*)"')
_KIND = re.compile(r'data-tool-type="([^"]*)"')
_BOLD = re.compile(r"Tool use: \*\*(.{1,200}?)\*\*")
_OUTPUT = re.compile(r"^(?:```text\s*|\*\*(?:Result|Output|Error):\*\*.*)$", re.MULTILINE)


def parts(text: str) -> tuple[Part, ...]:
    """The parts of a message's body, in order.

    >>> [part.type for part in parts("Looking.\\n\\n<tool-use data-tool-name='x'>\\nls\\n</tool-use>\\n\\n---\\n\\nDone.")]
    ['text', 'tool-call', 'text']
    """
    found: list[Part] = []
    plain: list[str] = []
    for tag, body in pieces(text):
        if tag == "":
            plain.append(body)
            continue
        found += _text(plain)
        plain = []
        found += _thought(body) if tag == "think" else _tool(body)
    return (*found, *_text(plain))


def pieces(text: str) -> Iterator[tuple[str, str]]:
    """The blocks of a text with their tags, "" for what stands between; a block that never closes is plain.

    >>> list(pieces("a\\n<think>\\n<think>\\nb\\n</think>\\n</think>\\nc"))
    [('', 'a'), ('think', '<think>\\n<think>\\nb\\n</think>\\n</think>'), ('', 'c')]
    """
    lines = text.split("\n")
    borders = {tag: _Borders(tag, lines) for tag in TAGS}
    plain, at = 0, 0
    while at < len(lines):
        tag = _opened(lines, at)
        end = borders[tag].end(at) if tag else None
        if tag is None or end is None:
            at += 1
            continue
        if plain < at:
            yield "", "\n".join(lines[plain:at])
        yield tag, "\n".join(lines[at : end + 1])
        plain = at = end + 1
    if plain < len(lines):
        yield "", "\n".join(lines[plain:])


class _Borders:
    """Where blocks of one tag end: found by depth, in one pass over the lines."""

    def __init__(self, tag: str, lines: list[str]) -> None:
        self._closed: list[int] = []
        self._before: list[int] = []
        self._at_depth: dict[int, list[int]] = {}
        depth = 0
        for place, line in enumerate(lines):
            self._before.append(depth)
            if "<" not in line:
                continue
            # A tag elsewhere in a line is someone's text; only of a thought the end may stand behind its last words.
            depth += line.startswith(f"<{tag}")
            if (
                f"</{tag}>" in line
                and (line.startswith("</") or tag == "think")
                and f"</{tag}>" in _ending(line)
            ):
                depth -= 1
                self._closed.append(place)
                self._at_depth.setdefault(depth, []).append(place)

    def end(self, at: int) -> int | None:
        """The line that closes the block which opens at `at`; where inner ones do not balance, the first that could."""
        balanced = self._at_depth.get(self._before[at], [])
        for places in (balanced, self._closed):
            if (found := bisect_left(places, at)) < len(places):
                return places[found]
        return None


def _opened(lines: list[str], at: int) -> str | None:
    """The tag that opens on a line. Folded blocks are anyone's; only those of a tool's use are ours."""
    found = _OPENS.match(lines[at])
    if found is None or (found[1] == "details" and "Tool use:" not in "".join(lines[at : at + 2])):
        return None
    return found[1]


def _ending(line: str) -> str:
    found = _ENDING.search(line)
    return found[0] if found else ""


def _text(lines: list[str]) -> list[Part]:
    text = unruled("\n".join(lines))
    return [Part("text", msgspec.json.encode(text))] if text else []


def unruled(text: str) -> str:
    """The text without the rulers and empty lines at its ends.

    >>> unruled("\\n---\\n\\na\\n\\n---\\n\\nb\\n\\n---\\n")
    'a\\n\\n---\\n\\nb'
    """
    lines = text.split("\n")
    first, last = 0, len(lines)
    while first < last and lines[first].strip() in ("", "---"):
        first += 1
    while first < last and lines[last - 1].strip() in ("", "---"):
        last -= 1
    return "\n".join(lines[first:last]).strip("\n")


def _thought(body: str) -> list[Part]:
    body = re.sub(r"^<think>(?:<details>)?\s*(?:<summary>.*?</summary>)?\n?", "", body, flags=re.DOTALL)
    body = re.sub(r"\n?(?:</details>)?\s*</think>\s*$", "", body)
    return [Part("reasoning", msgspec.json.encode({"text": body}))] if body.strip() else []


def _tool(body: str) -> list[Part]:
    """A call, and its result where the block tells one."""
    head = body[: body.find("\n")] if "\n" in body else body
    inner = re.sub(r"^<tool-use[^>\n]*>\s*|\s*</tool-use>\s*$", "", body)
    inner = re.sub(r"^<details>|</details>\s*$", "", inner.strip())
    summary = _SUMMARY.match(inner)
    told = summary[1].strip() if summary else ""
    inner = inner[summary.end() :] if summary else inner
    named = _NAME.search(head) or _BOLD.search(told)
    name = named[1] if named else "unknown"
    output = _OUTPUT.search(inner)
    given = unruled(inner[: output.start()] if output else inner)
    call: dict[str, str] = {"toolName": name}
    arguments = {"summary": _without_name(told, name), "input": given}
    kind = _KIND.search(head)
    if kind:
        call["toolType"] = kind[1]
    called = {**call, "args": {key: value for key, value in arguments.items() if value}}
    found = [Part("tool-call", msgspec.json.encode({"toolName": name, **called}))]
    if output:
        result = {"toolName": name, "result": unruled(inner[output.start() :])}
        failed = {"isError": True} if output[0].startswith("**Error") else {}
        found.append(Part("tool-result", msgspec.json.encode({**result, **failed})))
    return found


def _without_name(summary: str, name: str) -> str:
    """What a summary says beyond the tool's name.

    >>> _without_name("Tool use: **read_file** • Read file: a.py", "read_file")
    'Read file: a.py'
    """
    return summary.removeprefix(f"Tool use: **{name}**").strip(" •\n")
