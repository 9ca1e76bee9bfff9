"""Writes `sessions.jsonl` from the stories: `python -m service.sample.write`.

Chance decides ids, moments and token counts, from a seed that is the story's key: the file comes out the same
every time, and a new story leaves the other lines as they are.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from random import Random
from typing import Any
from uuid import UUID

from service.sample import FILE, usage
from service.sample.stories import ALL
from service.sample.story import Story, Turn

SEED = "backscroll"
DAY_MS = 24 * 60 * 60 * 1000
PROJECTS = "/home/dev/projects"
PROVIDERS = {"claude": "anthropic", "gpt": "openai", "gemini": "google"}
COUNTS = ("promptTokens", "cacheReadTokens", "cacheWriteTokens", "completionTokens")

Wire = dict[str, Any]


def main() -> None:
    FILE.write_text(text(), encoding="utf-8", newline="\n")


def text() -> str:
    """The whole file, the oldest session first."""
    oldest_first = sorted(ALL, key=lambda story: -story.days_ago)
    return "".join(
        json.dumps(entry(story), ensure_ascii=False, separators=(",", ":")) + "\n" for story in oldest_first
    )


def entry(story: Story) -> Wire:
    """One line: the session with the sums of its messages, and the messages."""
    messages = list(_messages(story))
    session = {
        "externalId": session_id(story.key),
        "title": story.title,
        "projectPath": f"{PROJECTS}/{story.project}",
        "projectName": story.project,
        "model": story.model,
        "provider": next(name for prefix, name in PROVIDERS.items() if story.model.startswith(prefix)),
        "source": story.source,
        **{name: total for name in COUNTS if (total := sum(message.get(name, 0) for message in messages))},
        "cost": round(sum(message.get("cost", 0) for message in messages), 6),
        "durationMs": messages[0]["agoMs"] - messages[-1]["agoMs"],
        "agoMs": messages[0]["agoMs"],
        "kind": story.kind,
    }
    if story.parent:
        session["parentExternalId"] = session_id(story.parent)
    return {"session": session, "messages": messages}


def session_id(key: str) -> str:
    """An external id in the manner of the tool that kept the session."""
    story = next(story for story in ALL if story.key == key)
    number = Random(f"{SEED} session {key}").getrandbits(128)
    if story.parent:
        return f"agent-{number >> 96:08x}"
    return f"ses_{number >> 24:026x}" if story.source == "opencode" else str(UUID(int=number, version=4))


def _messages(story: Story) -> Iterator[Wire]:
    chance = Random(f"{SEED} {story.key}")
    ago_ms = int(story.days_ago * DAY_MS)
    open_calls: list[Wire] = []
    for n, turn in enumerate(story.turns):
        took_ms = _took_ms(turn, chance) if n else 0
        ago_ms -= took_ms
        identity = _identity(story, chance)
        message = {**identity, "agoMs": ago_ms, "parts": _parts(turn, open_calls, chance)}
        if turn.text:
            message["textContent"] = turn.text
        if turn.role == "assistant":
            spent = usage.of(turn, list(story.turns[:n]), model=story.model, chance=chance)
            message |= {"model": story.model, "durationMs": took_ms, "cost": spent.cost_usd(story.model)}
            counts = (spent.prompt, spent.cache_read, spent.cache_write, spent.completion)
            message |= {name: count for name, count in zip(COUNTS, counts, strict=True) if count}
        yield message | {"role": turn.role, "source": story.source}


def _identity(story: Story, chance: Random) -> Wire:
    number = chance.getrandbits(128)
    own = f"msg_{number >> 24:026x}" if story.source == "opencode" else str(UUID(int=number, version=4))
    return {"sessionExternalId": session_id(story.key), "externalId": own}


def _took_ms(turn: Turn, chance: Random) -> int:
    """People read, try and type for minutes; models take 5 to 40 seconds, the longer they write; tools up to 4 minutes."""
    if turn.role == "user":
        return int(50_000 + len(turn.text) * 150 + chance.random() * 400_000)
    if turn.role == "assistant":
        return int(5_000 + (len(turn.text) + len(turn.thinking)) * 20 + chance.random() * 15_000)
    return int(150 + chance.random() ** 3 * 240_000)


def _parts(turn: Turn, open_calls: list[Wire], chance: Random) -> list[Wire]:
    """The message's parts. `open_calls` are those that wait for their result: filled here, and emptied by a tool turn."""
    if turn.role == "tool":
        return _results(turn, open_calls)
    parts: list[Wire] = [{"type": "reasoning", "content": {"text": turn.thinking}}] if turn.thinking else []
    parts += [{"type": "text", "content": turn.text}] if turn.text else []
    for made in turn.calls:
        content = {
            "toolCallId": f"call_{chance.getrandbits(96):024x}",
            "toolName": made.tool,
            "args": made.args,
        }
        open_calls.append(content)
        parts.append({"type": "tool-call", "content": content})
    return parts


def _results(turn: Turn, open_calls: list[Wire]) -> list[Wire]:
    """A result for each open call; the first calls, of which the story tells none, were simply done."""
    untold = len(open_calls) - len(turn.results)
    texts = [("Done.", False)] * untold + [(result.text, result.is_error) for result in turn.results]
    parts = [
        {
            "type": "tool-result",
            "content": {
                "toolCallId": made["toolCallId"],
                "toolName": made["toolName"],
                "result": said,
                "isError": is_error,
            },
        }
        for made, (said, is_error) in zip(open_calls, texts, strict=True)
    ]
    open_calls.clear()
    return parts


if __name__ == "__main__":
    main()
