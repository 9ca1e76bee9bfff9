"""Clients that send without end, try again until they are answered, and remember what was acknowledged.

Rule: a batch is acknowledged when it was answered 200 with no errors; an import when the command ended with 0. What was
not is in doubt: it may be there, whole, or not at all.
"""

from __future__ import annotations

import itertools
import json
import random
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any, NamedTuple

import httpx
from crash_victim import Victim
from crash_words import Words

CLIENTS = 3
SESSIONS_EACH = 4
"""A client goes on with one of its sessions, so that writes meet rows of before."""
PAUSE_S = 0.05
AGAIN = 0.15
"""Of the batches that were acknowledged are sent once more, as a client does that missed the answer."""
IMPORT_S = 120.0
HERE_S = 0.3
MOST_MESSAGES = 8
"""Of a batch: how many there are is bounded by how fast vectors are computed."""

Batch = dict[str, list[dict[str, Any]]]


class Sent(NamedTuple):
    """A message and where it must be found."""

    session: str
    id: str
    word: str
    text: str


class Load:
    """Threads that send to a service that may die; `with` starts them and stops them."""

    def __init__(self, victim: Victim, folder: Path, rng: random.Random) -> None:
        self.victim, self.folder = victim, folder
        self.words = Words(rng.randrange(1000))
        self.stopped = threading.Event()
        self.paused = threading.Event()
        self.acknowledged: list[Sent] = []
        self.batches: list[Batch] = []
        """Acknowledged, in an order in which they may be sent again."""
        self.in_doubt: list[list[Sent]] = []
        self.transcripts: dict[str, Sent] = {}
        """By word: written to disk; acknowledged when `imports_done` grows after that."""
        self.imported: set[str] = set()
        self.imports_done = 0
        self.token = ""
        self.tries = 0
        self.faults: list[str] = []
        """Answers that no client should ever get."""
        self._grew = threading.Condition()
        self._threads = [
            *(
                threading.Thread(target=self._send, args=(n, random.Random(rng.random())))
                for n in range(CLIENTS)
            ),
            threading.Thread(target=self._import, args=(random.Random(rng.random()),)),
        ]

    def __enter__(self) -> Load:
        for thread in self._threads:
            thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def stop(self) -> None:
        self.stopped.set()
        for thread in self._threads:
            thread.join(IMPORT_S)

    def wait_for(self, batches: int, *, within_s: float) -> bool:
        """Until so many more batches are acknowledged; whether they were."""
        with self._grew:
            target = len(self.batches) + batches
            return self._grew.wait_for(lambda: len(self.batches) >= target, within_s)

    def _send(self, number: int, rng: random.Random) -> None:
        ids = itertools.count()
        while not self.stopped.is_set():
            session = f"client{number}-{rng.randrange(SESSIONS_EACH)}-{next(ids) // 40}"
            sent = [
                Sent(session, f"{session}-{next(ids)}", word, text)
                for word, text in self.words.texts(rng.randint(1, MOST_MESSAGES))
            ]
            batch = wire(session, sent)
            if self._deliver(batch) is None:
                self.in_doubt.append(sent)
                return
            with self._grew:
                self.acknowledged += sent
                self.batches.append(batch)
                self._grew.notify_all()
            if rng.random() < AGAIN:
                self._deliver(rng.choice(self.batches))
            self.stopped.wait(HERE_S)

    def _deliver(self, batch: Batch) -> str | None:
        """Send until it is acknowledged; the token, or None when all was stopped meanwhile."""
        while not self.stopped.is_set():
            self.tries += 1
            try:
                with self.victim.client() as client:
                    answer = client.post("/sync/batch", json=batch)
            except httpx.TransportError:
                self.stopped.wait(PAUSE_S)
                continue
            if answer.status_code == httpx.codes.OK:
                if answer.json()["errors"]:
                    self.faults.append(f"200 with errors: {answer.text[:200]}")
                self.token = answer.headers["X-Commit"]
                return self.token
            if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or "Retry-After" not in answer.headers:
                self.faults.append(f"{answer.status_code}: {answer.text[:200]}")
            self.stopped.wait(PAUSE_S)
        return None

    def _import(self, rng: random.Random) -> None:
        """Write transcripts, and run our command until it says that it has sent all of them."""
        for number in itertools.count():
            if self.stopped.is_set():
                return
            file = self.folder / f"{uuid(number % 5, 0)}.jsonl"  # some grow, as those of running agents do
            said = list(self.words.texts(rng.randint(3, 20)))
            append(file, number, said)
            sent = {word: Sent(file.stem, "", word, text) for word, text in said}
            self.transcripts |= sent
            while not self.stopped.is_set() and not self._run_import(rng):
                self.stopped.wait(PAUSE_S)
            if not self.stopped.is_set():
                self.imported |= sent.keys()
                self.imports_done += 1

    def _run_import(self, rng: random.Random) -> bool:
        process = run_import(self.victim.environ, self.folder)
        ends_s = time.monotonic() + (rng.uniform(0.5, 3) if rng.random() < 0.2 else IMPORT_S)
        while process.poll() is None:
            if self.stopped.wait(HERE_S) or time.monotonic() > ends_s:
                process.kill()
        return process.wait() == 0


def run_import(environ: dict[str, str], folder: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "service.cli", "import", "--json", str(folder)]
    return subprocess.Popen(command, env=environ, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def wire(session: str, sent: list[Sent]) -> Batch:
    messages = [
        {
            "sessionExternalId": session,
            "externalId": each.id,
            "role": "user" if n % 2 == 0 else "assistant",
            "textContent": each.text,
            "promptTokens": 10 + n,
            "completionTokens": n,
            "cost": 0.001 * n,
            "source": "opencode",
            "parts": [
                {"type": "text", "content": each.text},
                {"type": "tool-call", "content": {"toolName": "Bash", "args": {"command": f"ls {n}"}}},
            ],
        }
        for n, each in enumerate(sent)
    ]
    return {
        "sessions": [{"externalId": session, "title": f"Session {session}", "source": "opencode"}],
        "messages": messages,
    }


def append(file: Path, number: int, said: list[tuple[str, str]]) -> None:
    """Records of Claude Code, half of them answers with a tool's call and their usage."""
    records = []
    for n, (_, text) in enumerate(said):
        record: dict[str, Any] = {
            "uuid": uuid(number, n + 1),
            "parentUuid": None,
            "sessionId": file.stem,
            "timestamp": f"2026-05-{number % 28 + 1:02}T{number // 28 % 24:02}:{n:02}:00.000Z",
            "cwd": "/src/shop",
            "version": "2.1.0",
            "type": "assistant" if n % 2 else "user",
        }
        if n % 2:
            call = {
                "type": "tool_use",
                "id": f"toolu_{number}_{n}",
                "name": "Bash",
                "input": {"command": "make"},
            }
            record["requestId"] = f"req_{number}_{n}"
            record["message"] = {
                "id": f"msg_{number}_{n}", "type": "message", "role": "assistant", "model": "claude-opus-4-5",
                "content": [{"type": "text", "text": text}, call], "usage": {"input_tokens": 3 + n, "output_tokens": 5},
            }  # fmt: skip
        else:
            record["message"] = {"role": "user", "content": text}
        records.append(record)
    with file.open("ab") as out:
        out.write(b"".join(json.dumps(record).encode() + b"\n" for record in records))


def uuid(high: int, low: int) -> str:
    return f"{high:08x}-0000-4000-8000-{low:012x}"
