"""What a turn of the sample would have cost: token counts from lengths of text, prices as the providers listed them.

Four disjoint counts: `promptTokens` are those outside the cache.
"""

from __future__ import annotations

from random import Random

import msgspec

from service.sample.story import Turn

CHARS_PER_TOKEN = 3.6
SYSTEM_PROMPT_TOKENS = 11_000
TOLD = 12
"""A story tells about a twelfth of what tools gave back, and a third of what the model wrote while it thought."""
CACHE_BLOCK_TOKENS = 128
"""OpenAI and Google cache in whole blocks."""

PRICES = {
    "claude-haiku-4-5": (1.0, 0.1, 1.25, 5.0),
    "claude-opus-4-5": (5.0, 0.5, 6.25, 25.0),
    "claude-sonnet-4-5": (3.0, 0.3, 3.75, 15.0),
    "gemini-2.5-pro": (1.25, 0.125, 0.0, 10.0),
    "gpt-5-codex": (1.25, 0.125, 0.0, 10.0),
    "gpt-5.2": (1.75, 0.175, 0.0, 14.0),
}
"""USD a million tokens: input, read from the cache, written to it, output."""


class Usage(msgspec.Struct, frozen=True):
    prompt: int
    cache_read: int
    cache_write: int
    completion: int

    def cost_usd(self, model: str) -> float:
        counts = (self.prompt, self.cache_read, self.cache_write, self.completion)
        return round(sum(n * price for n, price in zip(counts, PRICES[model], strict=True)) / 1_000_000, 6)


def of(turn: Turn, before: list[Turn], *, model: str, chance: Random) -> Usage:
    """What the assistant's `turn` used, after the turns `before` it: all that it saw, most of it from the cache."""
    seen = SYSTEM_PROMPT_TOKENS + sum(map(_tokens, before))
    last = max((n for n, earlier in enumerate(before) if earlier.role == "assistant"), default=None)
    new = sum(map(_tokens, before if last is None else before[last + 1 :])) + int(chance.random() * 900)
    completion = int(_tokens(turn) * (2 + 3 * chance.random()))
    if model.startswith("claude"):
        return Usage(4 + int(chance.random() * 9), seen, new, completion)
    cached = seen // CACHE_BLOCK_TOKENS * CACHE_BLOCK_TOKENS
    return Usage(new + seen - cached, cached, 0, completion)


def _tokens(turn: Turn) -> int:
    written = [turn.text, turn.thinking, *(str(call.args) for call in turn.calls)]
    returned = sum(len(result.text) for result in turn.results)
    return int((sum(map(len, written)) + TOLD * returned) / CHARS_PER_TOKEN) + 6
