"""What is known of the session itself, from its meta record, its turns and its name.

Rule: the session is the one of the file's own meta record, which is its first; the file's name says the same. Meta
records of other sessions stand in files that repeat another session's history.
"""

from __future__ import annotations

import re
from typing import Any

from service.importers import record
from service.importers.clock import from_iso, from_ms, to_ms
from service.importers.codex import copied, usage
from service.importers.codex.lines import Record
from service.importers.codex.state import Memory
from service.importers.model import Place
from service.importers.names import last_folder
from service.model.session import SessionWrite

SOURCE = "codex-cli"
_UUID_LAST = re.compile(r"([0-9a-fA-F]{8}(?:-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12})(?:\.jsonl|\.json)?$")
_FACTS = {
    "cli_version": "cliVersion",
    "originator": "originator",
    "forked_from_id": "forkedFrom",
    "thread_source": "threadSource",
    "agent_nickname": "agentNickname",
    "agent_role": "agentRole",
    "agent_path": "agentPath",
    "history_mode": "historyMode",
    "memory_mode": "memoryMode",
}
_GIT = {"commit_hash": "gitCommit", "branch": "gitBranch", "repository_url": "gitRepository"}
_TURN = {"effort": "effort", "approval_policy": "approvalPolicy", "personality": "personality"}


def named(place: Place) -> str | None:
    """The session id in the file's name.

    >>> named(Place("/c/rollout-2026-06-17T10-06-46-019ed50c-2fb3-7002-a384-360bea6e7f04.jsonl"))
    '019ed50c-2fb3-7002-a384-360bea6e7f04'
    """
    found = _UUID_LAST.search(place.stem)
    return found[1].lower() if found else None


def take_meta(memory: Memory, meta: Record, place: Place) -> bool:
    """A meta record or an old header. False: it is another session's, whose history follows."""
    told, name = meta.id("id") or meta.id("session_id"), named(place)
    if memory.session is None:
        foreign = meta.offset > 0 and name is not None and told != name
        memory.session = name if foreign or told is None else told
    if told is not None and told != memory.session:
        copied.begin(memory, told, meta.time)
        return False
    first = memory.created_ms is None
    _take_facts(memory, meta)
    if first and (origin := meta.id("forked_from_id") or memory.parent):
        copied.begin(memory, origin, meta.time)
    return True


def take_turn(memory: Memory, turn: Record) -> None:
    memory.model = record.text(turn.get("model"), most=record.MAX_NAME_CHARS) or memory.model
    memory.turn = turn.id("turn_id") or memory.turn
    memory.turn_cwd = record.text(turn.get("cwd"), most=record.MAX_LINE_CHARS) or memory.turn_cwd
    if memory.copied_from is None:
        memory.cwd = memory.cwd or memory.turn_cwd
        sandbox = turn.get("sandbox_policy")
        kind = sandbox.get("type") or sandbox.get("mode") if isinstance(sandbox, dict) else sandbox
        facts = {**_facts(turn, _TURN), **({"sandbox": kind[:100]} if isinstance(kind, str) else {})}
        memory.attrs = {**memory.attrs, **facts}


def write(memory: Memory, *, totals: bool) -> SessionWrite:
    """All that is known; token counts only at the end of a reading, as they are absolute."""
    spent = usage.tokens(memory.spent) if totals else usage.Tokens()
    return SessionWrite(
        external_id=memory.session or "",
        title=memory.title,
        project_path=memory.cwd,
        project_name=last_folder(memory.cwd),
        model=memory.model,
        provider=memory.provider,
        source=SOURCE,
        created_at=None if memory.created_ms is None else from_ms(memory.created_ms),
        parent_external_id=memory.parent,
        attrs=memory.attrs or None,
        prompt_tokens=spent.prompt,
        completion_tokens=spent.completion,
        cache_read_tokens=spent.cache_read,
        cache_write_tokens=spent.cache_write,
    )


def _take_facts(memory: Memory, meta: Record) -> None:
    told = from_iso(meta.get("timestamp")) or meta.time
    if memory.created_ms is None and told is not None:
        memory.created_ms = to_ms(told)
    memory.born_ms = memory.born_ms or copied.born_ms(memory.session) or memory.created_ms or 0
    memory.cwd = memory.cwd or record.text(meta.get("cwd"), most=record.MAX_LINE_CHARS)
    memory.provider = (meta.text("model_provider") or "")[:100] or memory.provider
    source, parent = _origin(meta)
    memory.parent = memory.parent or parent
    git = meta.get("git")
    facts = {**_facts(meta, _FACTS), **_facts(git, _GIT), **({"entrypoint": source} if source else {})}
    memory.attrs = {**memory.attrs, **facts}


def _origin(meta: Record) -> tuple[str | None, str | None]:
    """Where it was started (`cli`, `exec`, `subagent`...), and of a sub-agent the session that started it."""
    source = meta.get("source")
    if isinstance(source, str):
        parent = meta.id("parent_thread_id") if meta.get("thread_source") == "subagent" else None
        return source[:100], parent
    if not isinstance(source, dict) or not source:
        return None, None
    kind = next(iter(source))
    inner = source.get("subagent")
    spawn = inner.get("thread_spawn") if isinstance(inner, dict) else None
    told = record.identifier(spawn.get("parent_thread_id")) if isinstance(spawn, dict) else None
    return kind[:100], (told or meta.id("parent_thread_id")) if kind == "subagent" else None


def _facts(told: Any, names: dict[str, str]) -> dict[str, str]:
    """Short strings of a record or an object, under our names."""
    get = told.get if isinstance(told, dict | Record) else dict[str, Any]().get
    found = {ours: record.text(get(theirs), most=500) for theirs, ours in names.items()}
    return {name: value for name, value in found.items() if value}
