"""POST /sync/batch, sustained, beside a bare upsert into the same tables of the same Postgres."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg

from benchmarks import corpus
from benchmarks.measure import in_batches, shared_out, together
from benchmarks.report import Figure, Report
from benchmarks.running import Options, Service, serving, settle, tables

TITLE = "Ingest: POST /sync/batch"
EXPECTED = """0.4 to 0.7 of the bare upsert with one client: HTTP, JSON, validation and the reads that make a batch idempotent stand beside
the same insert; about the same with eight, since two cores are busy either way. While the worker embeds, both sides lose about half."""
PARTS = ("words", "embedding")
"""With `--part NAME` each has its own run, of two minutes."""
CHARS = 1000
ROUNDS = 3

UPSERT_SESSION = """
insert into sessions (workspace_id, source, external_id, title, title_rank, project_name, project_path, created_at, updated_at)
values (current_workspace(), %(source)s, %(externalId)s, %(title)s, 3, %(projectName)s, %(projectPath)s, now(), now())
on conflict (workspace_id, source, external_id) do update set title = excluded.title, updated_at = excluded.updated_at
"""
UPSERT_MESSAGE = """
insert into messages (workspace_id, session_id, external_id, role, text, model, source, prompt_tokens, completion_tokens, created_at)
select current_workspace(), s.id, %(externalId)s, %(role)s, %(textContent)s, %(model)s, %(source)s, %(promptTokens)s,
    %(completionTokens)s, to_timestamp(%(createdAt)s / 1000.0)
from sessions s
where s.workspace_id = current_workspace() and s.source = %(source)s and s.external_id = %(sessionExternalId)s
on conflict (workspace_id, session_id, external_id) do update set
    role = excluded.role, text = excluded.text, model = excluded.model, prompt_tokens = excluded.prompt_tokens,
    completion_tokens = excluded.completion_tokens, created_at = excluded.created_at
"""


def run(options: Options, report: Report) -> None:
    report.note(
        f"Messages of {CHARS} characters, {corpus.BATCH} a batch, 40 a session; bodies are encoded before the clock starts. {corpus.origin()}"
    )
    report.note(
        "The bare upsert is psycopg's executemany under the service's role, one transaction a batch: the same tables, triggers and row-level security. It shares the machine with the same service."
    )
    if options.url:
        _measure(options, report, "the service given", environ={})
        return
    if "words" in (options.parts or PARTS):
        _measure(options, report, "words only", environ={"BACKSCROLL_EMBEDDING_MODEL": "none"})
    if "embedding" in (options.parts or PARTS):
        _measure(options, report, "while the worker embeds", environ={})


def _measure(options: Options, report: Report, state: str, *, environ: dict[str, str]) -> None:
    count = 1_000 if options.quick else 10_000
    with serving(options, environ=environ) as service:
        _over_http(service, corpus.messages(count // 2, seed=1, chars=CHARS), clients=2)  # warm
        for clients in (1, 8):
            sent: list[float] = []
            bare: list[float] = []
            for turn in range(ROUNDS):
                seed = 1000 * clients + 10 * turn
                sent.append(
                    _over_http(service, corpus.messages(count, seed=seed + 2, chars=CHARS), clients=clients)
                )
                _let_words_catch_up(service)
                if service.database_url:
                    bare.append(
                        _bare(service, corpus.messages(count, seed=seed + 3, chars=CHARS), clients=clients)
                    )
                    _let_words_catch_up(service)
            report.add(
                Figure(
                    what=f"{clients} client{'s' if clients > 1 else ''}, {state}",
                    values=sent,
                    unit="messages/s",
                    baselines=bare,
                    baseline="bare executemany upsert" if bare else "none: no --database-url",
                    must=0.4,
                    target=0.7,
                    goal_on="ratio",
                    better="higher",
                )
            )


def _over_http(service: Service, messages: list[dict[str, Any]], *, clients: int) -> float:
    """Messages a second."""

    def send(bodies: Sequence[bytes]) -> None:
        client = service.client()
        for body in bodies:
            answer = client.send("POST", "/sync/batch", body)
            assert not answer["errors"], answer["errors"][:3]

    shares = shared_out(list(corpus.batches(messages)), clients)
    return len(messages) / together(send, shares)[0]


def _bare(service: Service, messages: list[dict[str, Any]], *, clients: int) -> float:
    """Messages a second."""

    def send(batches: Sequence[Sequence[dict[str, Any]]]) -> None:
        with tables(service) as conn:
            for batch in batches:
                _upsert(conn, batch)

    shares = shared_out(list(in_batches(messages, corpus.BATCH)), clients)
    return len(messages) / together(send, shares)[0]


def _upsert(conn: psycopg.Connection[tuple[Any, ...]], batch: Sequence[dict[str, Any]]) -> None:
    sessions = dict.fromkeys(message["sessionExternalId"] for message in batch)
    with conn.transaction(), conn.cursor() as cursor:
        cursor.executemany(UPSERT_SESSION, [corpus.session(name) for name in sessions])
        cursor.executemany(UPSERT_MESSAGE, batch)


def _let_words_catch_up(service: Service) -> None:
    """Each round begins with the text index at rest; vectors may still wait, as they do after a large import."""
    settle(service.client(), "text index", meaning=False)
