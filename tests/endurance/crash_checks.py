"""What must be so after crashes: every acknowledged message once, found by word and by meaning, and nothing left over.

A control tells what should be there: another workspace of the same service, to which all that was acknowledged is sent
once more in calm; then both hold the same.
"""

from __future__ import annotations

import itertools
import json
import re
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
import psycopg
from crash_load import Load, Sent, run_import
from crash_victim import Victim
from crash_words import LENGTH

from indexing.fulltext import open_writer
from service.storage.people import key_sha256

SETTLED_S = 300.0
STALLED_S = 60.0
"""Nothing that waits for a vector gets one for so long: nobody works on it any more."""
LOOK_S = 0.2
MOST_A_SESSION = 1000
"""Hits that a search gives: a session of the load has fewer messages."""
WORD = re.compile(r"\w+")

OWNERLESS = {
    "parts": "select from parts p where not exists (select from messages m where (m.workspace_id, m.id) = (p.workspace_id, p.message_id))",
    "passages": "select from passages p where not exists (select from messages m where (m.workspace_id, m.id) = (p.workspace_id, p.message_id))",
    "message_lines": "select from message_lines l where not exists (select from messages m where (m.workspace_id, m.id) = (l.workspace_id, l.message_id))",
    "message_records": "select from message_records r where not exists (select from messages m where (m.workspace_id, m.id, m.session_id) = (r.workspace_id, r.message_id, r.session_id))",
    "messages": "select from messages m where not exists (select from sessions s where (s.workspace_id, s.id) = (m.workspace_id, m.session_id))",
    "raw_chunks": "select from raw_chunks c where not exists (select from sessions s where (s.workspace_id, s.id) = (c.workspace_id, c.session_id))",
    "embeddings": "select from embeddings e where not exists (select from passages p where (p.workspace_id, p.text_sha256) = (e.workspace_id, e.text_sha256))",
    "embedding_queue": "select from embedding_queue q where not exists (select from passages p where (p.workspace_id, p.text_sha256) = (q.workspace_id, q.text_sha256))",
}
WITHOUT_VECTOR = """
    select from messages m where m.workspace_id = %(workspace)s and m.text is not null and not exists (
        select from passages p join embeddings e using (workspace_id, text_sha256)
        where (p.workspace_id, p.message_id) = (m.workspace_id, m.id))
"""
MISCOUNTED = """
    select from sessions s where s.message_count <> (
        select count(*) from messages m where (m.workspace_id, m.session_id) = (s.workspace_id, s.id))
"""
STORED = """
    select s.source, s.external_id, s.title, s.kind, s.model, s.message_count, s.prompt_tokens, s.completion_tokens,
        s.cost_usd, m.external_id, m.role, m.text, m.model, m.prompt_tokens, m.completion_tokens, m.cost_usd, m.tools::text,
        (select string_agg(p.type || p.content::text, chr(10) order by p.ordinal) from parts p
         where (p.workspace_id, p.message_id) = (m.workspace_id, m.id))
    from sessions s left join messages m on (m.workspace_id, m.session_id) = (s.workspace_id, s.id)
    where s.workspace_id = %(workspace)s
"""


@contextmanager
def database(victim: Victim) -> Iterator[psycopg.Connection[Any]]:
    """As the owner, who sees all."""
    with psycopg.connect(victim.database_url, autocommit=True) as conn:
        yield conn


def found_by_word(victim: Victim, sent: Sequence[Sent], token: str) -> list[str]:
    """What is wrong: a word that is not found exactly once."""
    wrong = []
    with victim.client() as client:
        for each in sent:
            answer = searched(client, q=each.word, type="fulltext", groupBy="message", commit=token)
            if answer["total"] != 1 or each.word not in answer["results"][0]["snippet"]:
                wrong.append(f"{each.word} was found {answer['total']} times by its word")
    return wrong


def found_by_meaning(victim: Victim, sent: Sequence[Sent], token: str) -> list[str]:
    """Waits until nothing waits for a vector. What is wrong: a text that its meaning does not lead to.

    Each session is asked for all its messages by the meaning of its longest. So every message is looked for; and none
    may be nearer to that one than itself and those that begin alike. Without the session the texts are too many alike
    for that: all begin as one of two hundred, and end in a word that means nothing.
    """
    wrong = []
    with victim.client() as client:
        wait_for_vectors(client, token)
        for session, said in itertools.groupby(sorted(sent), key=lambda each: each.session):
            of_session = list(said)
            asked = max(of_session, key=lambda each: len(each.text))
            answer = searched(
                client, q=" ".join(WORD.findall(asked.text)), type="semantic", groupBy="message", session=session,
                limit=MOST_A_SESSION, commit=token,
            )  # fmt: skip
            texts = {
                each["externalId"]: each.get("textContent")
                for each in client.get("/api/sessions/get", params={"id": session}).json()["messages"]
            }
            ranks = {texts[hit["messageExternalId"]]: hit["ranks"].get("vector") for hit in answer["results"]}
            wrong += [
                f"{each.word} of {session} was not found by its meaning ({answer['modeUsed']})"
                for each in of_session
                if ranks.get(each.text) is None
            ]
            alike = sum(each.text[:LENGTH] == asked.text[:LENGTH] for each in of_session)
            if (ranks.get(asked.text) or 0) > alike:
                wrong.append(f"{asked.word} of {session} is only the {ranks[asked.text]}. that is near to it")
    return wrong


def wait_for_vectors(client: httpx.Client, token: str) -> None:
    """Until no text waits for a vector: a search that names a write waits for that write's own only.

    Errors: RuntimeError when what waits becomes no less.
    """
    least, at_s = float("inf"), time.monotonic()
    while waiting := searched(client, q="word", type="semantic", commit=token)["index"]["vectorLag"]:
        if waiting < least:
            least, at_s = waiting, time.monotonic()
        if time.monotonic() - at_s > STALLED_S:
            raise RuntimeError(f"{waiting} texts wait for a vector and get none.")
        threading.Event().wait(LOOK_S)


def searched(client: httpx.Client, **asked: Any) -> dict[str, Any]:
    """Asked again while the index has not reached the commit."""
    end_s = time.monotonic() + SETTLED_S
    while True:
        answer = client.get("/api/search", params=asked)
        if answer.status_code == httpx.codes.OK:
            body: dict[str, Any] = answer.json()
            if asked["type"] != "semantic" or body["modeUsed"] == "semantic" or time.monotonic() > end_s:
                return body
        elif answer.status_code != httpx.codes.SERVICE_UNAVAILABLE or time.monotonic() > end_s:
            raise RuntimeError(f"Search answered {answer.status_code}: {answer.text[:300]}")
        threading.Event().wait(LOOK_S)


def stored_once(victim: Victim, acknowledged: Sequence[Sent]) -> list[str]:
    """What is wrong: a message that is missing or there twice."""
    with database(victim) as conn:
        rows = conn.execute(
            "select text, count(*) from messages where text is not null group by text"
        ).fetchall()
    times = dict(rows)
    return [
        f"{each.word} of {each.session} is stored {times.get(each.text, 0)} times"
        for each in acknowledged
        if times.get(each.text) != 1
    ] + [f"a text is stored {count} times" for count in times.values() if count > 1]


def whole_or_not(victim: Victim, in_doubt: Sequence[Sequence[Sent]]) -> list[str]:
    """What is wrong: a batch of which a part is there."""
    wrong = []
    with database(victim) as conn:
        for sent in in_doubt:
            texts = [each.text for each in sent]
            row = conn.execute("select count(*) from messages where text = any(%s)", [texts]).fetchone()
            if row and row[0] not in (0, len(sent)):
                wrong.append(f"of a batch of {len(sent)} {row[0]} are there")
    return wrong


def in_order(victim: Victim) -> list[str]:
    """What is wrong within the tables, and what the doctor says."""
    wrong = []
    with database(victim) as conn:
        params = {"workspace": workspace_of(conn, victim.key)}
        checks = {f"{name} without an owner": text for name, text in OWNERLESS.items()}
        checks |= {"messages without a vector": WITHOUT_VECTOR, "sessions with a wrong count": MISCOUNTED}
        for name, statement in checks.items():
            if count := conn.execute(statement, params).rowcount:  # type: ignore[arg-type]
                wrong.append(f"{count} {name}")
    told = json.loads(ours(victim, "doctor", "--json"))
    return wrong + [
        f"doctor: {each['check']}: {each['found']}"
        for each in told["findings"]
        if each["state"] != "ok" and each["check"] != "disk"
    ]


def same_as_control(victim: Victim, load: Load) -> list[str]:
    """Send everything to a workspace of its own, in calm. What is wrong: rows that differ."""
    ours(victim, "workspace", "create", "control", "--owner", "local")
    key = ours(victim, "key", "create", "--workspace", "control", "--user", "local").strip()
    headers = {"Authorization": f"Bearer {key}"}
    if run_import(victim.environ | {"BACKSCROLL_API_KEY": key}, load.folder).wait() != 0:
        return ["the import into the control failed"]
    with httpx.Client(
        base_url=victim.url, headers=headers, timeout=60, trust_env=False, verify=False
    ) as client:
        for batch in load.batches:
            answer = client.post("/sync/batch", json=batch).raise_for_status()
        searched(client, q="word", type="fulltext", commit=answer.headers["X-Commit"])
    with database(victim) as conn:
        stored, control = (
            set(
                conn.execute(STORED, {"workspace": workspace_of(conn, each)}).fetchall()
            )  # rows of strings and numbers
            for each in (victim.key, key)
        )
    return [f"stored and not in the control: {row[:10]}" for row in sorted(stored - control, key=str)] + [
        f"in the control and not stored: {row[:10]}" for row in sorted(control - stored, key=str)
    ]


def message_ids(victim: Victim) -> list[int]:
    with database(victim) as conn:
        return [id for (id,) in conn.execute("select id from messages").fetchall()]


def index_holds(home: Path, stored: Sequence[int]) -> list[str]:
    """Of a service that has stopped. What is wrong: messages that the text index lacks, or has too many."""
    writer = open_writer(home / "text-index")
    held = list(writer.ids("message"))
    writer.close()
    wrong = []
    if len(held) != len(set(held)):
        wrong.append(f"{len(held) - len(set(held))} messages stand in the text index twice")
    if set(held) != set(stored):
        wrong.append(
            f"the text index lacks {len(set(stored) - set(held))} and has {len(set(held) - set(stored))} too many"
        )
    return wrong


def workspace_of(conn: psycopg.Connection[Any], key: str) -> int:
    row = conn.execute(
        "select workspace_id from api_keys where key_sha256 = %s", [key_sha256(key)]
    ).fetchone()
    assert row is not None
    return int(row[0])


def ours(victim: Victim, *arguments: str) -> str:
    """What our command prints."""
    command = [sys.executable, "-m", "service.cli", *arguments]
    ended = subprocess.run(
        command, env=victim.environ, capture_output=True, text=True, check=False, timeout=120
    )
    if ended.returncode and not ended.stdout:
        raise RuntimeError(ended.stderr)
    return ended.stdout
