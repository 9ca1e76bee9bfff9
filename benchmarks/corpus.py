"""Texts to send and questions to ask, the same for the same seed.

Made from sentences of the retrieval sets and of real transcripts where they lie beside the project; else from
made-up words in Zipf's proportions. A question is asked once: what has been asked before may be remembered.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import accumulate, islice
from pathlib import Path
from typing import Any

import msgspec

DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
SETS = ("locomo_dev", "beir_scifact", "cosqa_dev")
VOCABULARY = 30_000
BATCH = 100
SESSION_MESSAGES = 40
PROJECTS = 100
"""Of made messages; one of them is 1 % of all."""
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+|\n+")


def origin() -> str:
    """Where the texts come from, for the reader of the figures."""
    if DATA.exists():
        return "Texts are recombined sentences of the retrieval sets and of real transcripts."
    return (
        f"Texts are made-up words in Zipf's proportions, since {DATA.parent.name}/{DATA.name} is not there."
    )


def texts(count: int, *, seed: int, chars: int | None = None) -> Iterator[str]:
    """Distinct texts; `chars` long, or as chat is: most of 100 to 1,000 characters and some of several thousand."""
    rng = random.Random(seed)
    known = sentences()
    for place in range(count):
        wanted = chars or min(8000, max(40, round(rng.lognormvariate(5.9, 0.9))))
        start = rng.randrange(len(known))
        pieces, length = [f"{rng.choice(known)} ({seed}-{place})"], 0
        while length < wanted:
            pieces.append(known[start % len(known)])
            length += len(pieces[-1]) + 1
            start += 1
        yield " ".join(pieces)[: chars or None]


def messages(count: int, *, seed: int, chars: int | None = None) -> list[dict[str, Any]]:
    """Messages as a client sends them, `SESSION_MESSAGES` a session, sessions spread over `PROJECTS` in turn."""
    return [
        {
            "sessionExternalId": f"bench-{seed}-{place // SESSION_MESSAGES}",
            "externalId": f"bench-{seed}-{place}",
            "role": "assistant" if place % 2 else "user",
            "textContent": text,
            "source": "claude-code",
            "model": "claude-sonnet-4-5",
            "promptTokens": 1200,
            "completionTokens": 300,
            "createdAt": 1_760_000_000_000 + 60_000 * place,
        }
        for place, text in enumerate(texts(count, seed=seed, chars=chars))
    ]


def batches(messages: list[dict[str, Any]]) -> Iterator[bytes]:
    """Bodies of /sync/batch: `BATCH` messages each, with the sessions that they belong to."""
    for start in range(0, len(messages), BATCH):
        chunk = messages[start : start + BATCH]
        sessions = dict.fromkeys(message["sessionExternalId"] for message in chunk)
        yield msgspec.json.encode({"sessions": [session(name) for name in sessions], "messages": chunk})


def session(external_id: str) -> dict[str, Any]:
    project = project_of(external_id)
    return {
        "externalId": external_id,
        "title": f"Work on {project}",
        "source": "claude-code",
        "projectName": project,
        "projectPath": f"/home/dev/{project}",
    }


def project_of(session_external_id: str) -> str:
    return f"project-{int(session_external_id.rpartition('-')[2]) % PROJECTS:02d}"


_SYNTAX = re.compile(r'"|(?<!\S)-+(?=\S)')


def questions(count: int, *, seed: int) -> list[str]:
    """Distinct questions: half of one real question and half of another, or words of the made-up vocabulary. All words: a
    phrase or an exclusion would limit what may be found, and pages with it."""
    rng = random.Random(seed)
    found: dict[str, None] = {}
    asked = _asked()
    while len(found) < count:
        if asked:
            one, other = rng.choice(asked).split(), rng.choice(asked).split()
            said = " ".join(one[: len(one) // 2 + 1] + other[len(other) // 2 :])
            found[_SYNTAX.sub("", said)] = None
        else:
            found[" ".join(islice(_zipf_words(rng), rng.randrange(3, 9)))] = None
    return list(found)


def read(name: str, file: str) -> list[dict[str, Any]]:
    """The rows of a retrieval set's `.jsonl`."""
    with (DATA / "retrieval" / name / file).open("rb") as lines:
        return [msgspec.json.decode(line) for line in lines]


def judgements(name: str) -> dict[str, set[str]]:
    """Query id -> ids of the rows that answer it."""
    found: dict[str, set[str]] = {}
    for line in (DATA / "retrieval" / name / "qrels.tsv").read_text().splitlines():
        query, document, relevance = line.split("\t")
        if int(relevance) > 0:
            found.setdefault(query, set()).add(document)
    return found


@cache
def sentences() -> list[str]:
    """Of the retrieval sets and of what was said in real transcripts, or made up; some more than once."""
    if not DATA.exists():
        rng = random.Random(1)
        return [
            " ".join(islice(_zipf_words(rng), rng.randrange(6, 25))).capitalize() + "." for _ in range(60_000)
        ]
    whole = [row["text"] for name in SETS for row in read(name, "corpus.jsonl")] + list(
        _said_in_transcripts()
    )
    return [piece.strip() for text in whole for piece in _SENTENCE_END.split(text) if len(piece.strip()) > 2]


@cache
def _asked() -> list[str]:
    return [row["text"] for name in SETS for row in read(name, "queries.jsonl")] if DATA.exists() else []


def _said_in_transcripts() -> Iterator[str]:
    """What people and assistants said in Claude Code's transcripts."""
    for path in sorted((DATA / "transcripts" / "claude-home").rglob("*.jsonl")):
        for line in path.read_bytes().splitlines():
            record = msgspec.json.decode(line)
            message = record.get("message") if isinstance(record, Mapping) else None
            content = message.get("content") if isinstance(message, Mapping) else None
            blocks = (
                [{"text": content}]
                if isinstance(content, str)
                else content
                if isinstance(content, list)
                else []
            )
            yield from (
                block["text"]
                for block in blocks
                if isinstance(block, Mapping) and isinstance(block.get("text"), str)
            )


def _zipf_words(rng: random.Random) -> Iterator[str]:
    words, weights = _vocabulary()
    while True:
        yield from rng.choices(words, cum_weights=weights, k=64)


@cache
def _vocabulary() -> tuple[list[str], list[float]]:
    rng = random.Random(2)
    syllables = [
        consonant + vowel
        for consonant in "bcdfghklmnprstvw"
        for vowel in ("a", "e", "i", "o", "u", "ar", "en", "is")
    ]
    words = list(
        dict.fromkeys("".join(rng.choices(syllables, k=rng.randrange(1, 5))) for _ in range(2 * VOCABULARY))
    )[:VOCABULARY]
    return words, list(accumulate(1 / rank for rank in range(1, len(words) + 1)))
