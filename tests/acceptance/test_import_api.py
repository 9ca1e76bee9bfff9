"""POST /api/import over HTTP: what is taken, what is refused, line by line; and the positions of files."""

from __future__ import annotations

import base64
import gzip
import json
from typing import Any

import httpx
import pytest
from http_service import HttpService, http_service
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.api.importing import lines
from service.model import zstd
from service.postgres import EmbeddedPostgres

AT = 1_769_846_400_000


def session(**more: Any) -> dict[str, Any]:
    return {"type": "session", "externalId": "s", "source": "claude-code", "title": "Login loop"} | more


def message(external_id: str = "m", **more: Any) -> dict[str, Any]:
    return {
        "type": "message", "sessionExternalId": "s", "externalId": external_id, "role": "user", "source": "claude-code",
        "textContent": f"hello {external_id}", "createdAt": AT, "records": [external_id],
    } | more  # fmt: skip


def raw(lines: dict[int, bytes], **more: Any) -> dict[str, Any]:
    packed = zstd.packed(b"".join(lines.values()))
    return {
        "type": "raw", "sessionExternalId": "s", "source": "claude-code", "format": "claude-code", "stream": "ab12",
        "path": "/p", "offsets": list(lines), "sizes": [len(line) for line in lines.values()],
        "zstd": base64.b64encode(packed).decode(),
    } | more  # fmt: skip


def position(path: str = "/p", **more: Any) -> dict[str, Any]:
    return {
        "type": "file", "machine": "laptop", "path": path, "source": "claude-code", "format": "claude-code",
        "stream": "ab12", "inode": 5, "size": 90, "mtimeMs": 7, "offset": 80, "tailSha256": "ff", "resumeOffset": 40,
    } | more  # fmt: skip


def ndjson(*items: dict[str, Any] | str | bytes) -> bytes:
    encoded = [item if isinstance(item, str | bytes) else json.dumps(item) for item in items]
    return b"\n".join(item.encode() if isinstance(item, str) else item for item in encoded)


def send(api: httpx.Client, *items: dict[str, Any] | str | bytes, query: str = "") -> dict[str, Any]:
    answer = api.post(f"/api/import{query}", content=ndjson(*items))
    assert answer.status_code == 200, answer.text
    said: dict[str, Any] = answer.json()
    return said


def read(api: httpx.Client, session: str = "s") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api.get(f"/api/sessions/{session}").json()["messages"]
    return found


def test_it_stores_a_request_and_says_what_is_new(api: httpx.Client) -> None:
    """Accepted and made; the second time accepted and nothing made; a message reads back with its parts, found by a record."""
    call = {
        "type": "tool-call",
        "content": {"toolCallId": "t1", "toolName": "Bash", "args": {"n": 1.0, "a": "b"}},
    }
    body = [
        session(),
        message("u1"),
        message("msg", role="assistant", records=["a1", "t1"], parts=[call]),
        raw({0: b"x"}),
        position(),
    ]
    first = send(api, *body)
    assert first == {
        "ok": True, "sessions": 1, "messages": 2, "rawLines": 1, "files": 1, "newSessions": 1, "changedSessions": 0,
        "newMessages": 2, "changedMessages": 0, "newRawLines": 1, "errors": [],
    }  # fmt: skip
    again = send(api, *body)
    assert {name: again[name] for name in again if name.startswith(("new", "changed"))} == dict.fromkeys(
        ("newSessions", "changedSessions", "newMessages", "changedMessages", "newRawLines"), 0
    )
    assert read(api)[1]["parts"] == [call]
    around = api.get("/api/sessions/s/messages?around=t1&limit=1").json()
    assert [found["externalId"] for found in around["messages"]] == ["msg"]


@pytest.mark.parametrize(
    ("line", "says"),
    [
        (raw({0: b"abc", 2: b"x"}), "s: offsets and sizes must not overlap"),
        (raw({0: b"abc"}) | {"format": "abacus"}, "s: format must be one of aider, backscroll, "),
        (position() | {"format": "abacus"}, "format must be one of aider, backscroll, "),
        (session(parentExternalId="s"), "s: parentExternalId must name another session"),
    ],
)
def test_it_refuses_what_nobody_could_read_again(api: httpx.Client, line: dict[str, Any], says: str) -> None:
    """Each with a sentence of its own, and without harm to the others."""
    told = send(api, session(), message("u1"), line)
    assert len(told["errors"]) == 1
    assert says in told["errors"][0]
    assert (told["sessions"], told["messages"]) == (1, 1)


def test_it_answers_a_write_with_its_token(api: httpx.Client) -> None:
    """X-Commit, by which a search finds what was imported."""
    answer = api.post("/api/import", content=ndjson(session(), message("u1", textContent="zanzibar")))
    found = api.get(
        "/api/search", params={"q": "zanzibar", "type": "fulltext", "commit": answer.headers["X-Commit"]}
    )
    assert found.json()["total"] == 1


@pytest.mark.parametrize(
    ("headers", "pack"),
    [
        ({}, bytes),
        ({"Content-Encoding": "zstd"}, zstd.packed),
        ({"Content-Type": "application/zstd"}, zstd.packed),
        ({"Content-Type": "application/zstd", "Content-Encoding": "zstd"}, zstd.packed),
        ({"Content-Encoding": "gzip"}, gzip.compress),
    ],
)
def test_it_takes_packed_bodies(api: httpx.Client, headers: dict[str, str], pack: Any) -> None:
    """Plain, zstd by either header, gzip."""
    answer = api.post("/api/import", content=pack(ndjson(session(), message())), headers=headers)
    assert (answer.status_code, answer.json()["messages"]) == (200, 1)


def test_it_refuses_what_is_no_zstd(api: httpx.Client) -> None:
    """Torn, followed by something, or no zstd at all: 400 with a sentence."""
    whole = zstd.packed(ndjson(session()) * 50)
    for body in (whole[:-4], whole + b"x", b"not zstd", b""):
        answer = api.post("/api/import", content=body, headers={"Content-Encoding": "zstd"})
        assert (answer.status_code, answer.json()["error"]) == (400, "The body is not one whole zstd frame.")


def test_it_refuses_what_unfolds_to_too_much(template_18: EmbeddedPostgres, tmp_path: Any) -> None:
    """A small frame of a large nothing is 413, whether it tells its size or not; so are raw lines, told by line."""
    import zstandard

    with (
        http_service(template_18, tmp_path, indexed=False, body_limit_bytes=100_000) as service,
        service.client() as api,
    ):
        silent = zstandard.ZstdCompressor().compressobj()
        untold = silent.compress(bytes(10_000_000)) + silent.flush()
        for body in (zstd.packed(bytes(10_000_000)), untold):
            for headers in ({"Content-Encoding": "zstd"}, {"Content-Type": "application/zstd"}):
                answer = api.post("/api/import", content=body, headers=headers)
                assert (answer.status_code, answer.json()["error"]) == (
                    413,
                    "The body is larger than 100,000 bytes: send it in several requests.",
                )
        lying = raw({0: b"x"}, zstd=base64.b64encode(zstd.packed(bytes(10_000_000))).decode())
        huge = raw({0: bytes(200_000)})
        assert send(api, session(), lying, huge)["errors"] == [
            "s: zstd must be base64 of one zstd frame that holds the lines.",
            "s: sizes must lie between 0 and 100000.",
        ]


BAD: list[tuple[Any, str]] = [
    ("{", "line 1: It is malformed: it ends too early."),
    ("[]", "line 1: It must be object, not array."),
    ({"type": "cat", "externalId": "c"}, "c: type must be one of session, message, raw, file."),
    ({"externalId": "c"}, "c: Missing type"),
    (session(externalId=" "), "line 1: externalId must not be empty."),
    (session(externalId="x" * 513), "line 1: externalId is longer than 512 characters."),
    (session(source=""), "s: source must not be empty."),
    (session(source="x" * 101), "s: source is longer than 100 characters."),
    (session(title="x" * 10_001), "s: title is longer than 10,000 characters."),
    (session(promptTokens=-1), "s: promptTokens must not be negative."),
    (session(promptTokens=10**15 + 1), "s: promptTokens is larger than 1,000,000,000,000,000."),
    (session(promptTokens="5"), "s: promptTokens must be int or null, not str."),
    (session(cost=-0.5), "s: cost must lie between 0 and 1,000,000,000."),
    (session(createdAt=-5), "s: createdAt must lie between 1970 and 9999, in epoch milliseconds."),
    (session(kind="dog"), "s: kind is not one of the values that it takes."),
    (message(role="dog"), "m: role is not one of the values that it takes."),
    ({"type": "message", "externalId": "m"}, "m: Missing sessionExternalId"),
    (message(records=["a", ""]), "m: records must not be empty."),
    (message(lines=[-1]), "m: lines must lie between 0 and 4611686018427387904."),
    (message(stream="a b"), "m: stream must be hexadecimal digits, at most 128."),
    (message(parts=[{"type": "dog", "content": 1}]), "m: parts[0].type is not one of the values that it takes."),
    (message(parts=[{"type": "reasoning", "content": 5}] * 10_001), "m: parts holds more than 10,000 parts."),
    (json.dumps(message(parts=[{"type": "text", "content": 777}])).replace("777", "1e999"), "m: parts[0] holds a number out of range."),
    (message(attrs=json.loads("[" * 201 + "]" * 201)), "m: It is nested deeper than 200 levels."),
    (raw({0: b"x"}, sizes=[]), "s: offsets and sizes must be two lists of the same length, of 1 to 1,000,000."),
    (raw({0: b"x"}, sizes=[2]), "s: zstd does not hold as many bytes as sizes add up to."),
    (raw({5: b"x", 3: b"y"}), "s: offsets must ascend."),
    (raw({0: b"x"}, zstd="!!"), "s: zstd must be base64 of one zstd frame that holds the lines."),
    (raw({0: b"x"}, sessionExternalId="t"), "t: these raw lines are of a session that is not here: send the session first."),
    (position("x" * 2501), "line 1: path is longer than 2,500 bytes."),
    (position(offset=-1), "/p: offset must lie between 0 and 4611686018427387904."),
]  # fmt: skip


@pytest.mark.parametrize(("line", "error"), BAD, ids=[error for _, error in BAD])
def test_it_tells_a_bad_line_and_stores_the_others(api: httpx.Client, line: Any, error: str) -> None:
    """One sentence, which begins with the external id or the line's number; what stands around it is stored."""
    said = send(api, line, session(externalId="ok"), message("fine", sessionExternalId="ok"), position("/ok"))
    assert said["errors"] == [error]
    assert (said["sessions"], said["messages"], said["files"]) == (1, 1, 1)
    assert [found["externalId"] for found in read(api, "ok")] == ["fine"]


def test_it_repairs_what_can_be_repaired(api: httpx.Client) -> None:
    """Broken UTF-8, half of an emoji and NUL, as files on disk have them."""
    line = json.dumps(message(textContent="TEXT")).encode().replace(b"TEXT", b"a\\u0000b \\ud83d \xff")
    assert send(api, session(), b"\xef\xbb\xbf" + line, b"\r", b"")["errors"] == []
    assert read(api)[0]["textContent"] == "ab \ufffd \ufffd"


def test_it_stores_apart_what_postgres_refuses(service: HttpService) -> None:
    """A value that only Postgres refuses is told; everything else of the request is stored, the position last."""
    with service.client() as api:
        path = "".join(chr(0x4E00 + (n * 7919) % 20_000) for n in range(833))
        bad = position(path, machine="".join(chr(0x4E00 + (n * 104_729) % 20_000) for n in range(200)))
        said = send(api, session(), message("a"), bad, message("b"), position())
        (error,) = said["errors"]
        assert error == f"{path}: A value cannot be stored: check the item's ids, numbers and nesting."
        assert (said["sessions"], said["messages"], said["files"]) == (1, 2, 1)
        assert [found["externalId"] for found in read(api)] == ["a", "b"]


def test_it_brings_back_what_was_deleted_when_asked(api: httpx.Client) -> None:
    """Deleted stays deleted and is told; `?restore=true` lifts it."""
    send(api, session(), message("a"), message("b"))
    (id, _) = [found["id"] for found in read(api)]
    assert api.delete(f"/api/messages/{id}").status_code == 200
    said = send(api, message("a"), message("b"))
    assert (said["messages"], said["errors"]) == (1, ["a: was deleted here, so it is not stored again."])
    assert send(api, message("a"), query="?restore=true")["newMessages"] == 1
    assert api.delete("/api/sessions/s").status_code == 200
    assert send(api, session())["errors"] == ["s: was deleted here, so it is not stored again."]
    assert send(api, session(), message("a"), query="?restore=true")["newSessions"] == 1


def test_it_brings_parts_to_their_normal_form(api: httpx.Client) -> None:
    """What an importer did not normalise reads as from any client; what is normal stays byte for byte."""
    parts = [
        {"type": "tool-call", "content": {"id": "t", "name": "Bash", "input": {"z": 1, "a": 2}}},
        {"type": "reasoning", "content": {"thinking": "hm"}},
        {"type": "tool-result", "content": "12 passed"},
        {"type": "text", "content": {"text": "hi"}},
    ]
    assert send(api, session(), message(parts=parts))["errors"] == []
    assert read(api)[0]["parts"] == [
        {"type": "tool-call", "content": {"toolCallId": "t", "toolName": "Bash", "args": {"z": 1, "a": 2}}},
        {"type": "reasoning", "content": {"text": "hm"}},
        {"type": "tool-result", "content": {"result": "12 passed"}},
        {"type": "text", "content": "hi"},
    ]


def test_it_lists_positions_in_pages(service: HttpService) -> None:
    """By machine and path, filtered, as they were sent, with the workspace's name; another workspace has none."""
    with service.client() as api, service.client() as other:
        (name,) = [
            row["name"]
            for row in service.rows(service.caller(api).workspace_id, "select name from workspaces")
        ]
        sent = position("/a", inode=2**64 - 1, state={"z": 1}, leftOut={"not valid JSON": 2})
        send(api, position("/b"), sent, position("/c", machine="desktop", source="codex"))
        page = api.get("/api/import/files?limit=2").json()
        assert (page["workspace"], [file["path"] for file in page["files"]]) == (name, ["/c", "/a"])
        file = page["files"][1]
        assert file.pop("readAt") > AT
        assert file == sent
        rest = api.get("/api/import/files", params={"limit": 2, "cursor": page["nextCursor"]}).json()
        assert ([file["path"] for file in rest["files"]], "nextCursor" in rest) == (["/b"], False)
        by = {"machine": "laptop"}, {"source": "codex-cli"}, {"source": "codex", "machine": "desktop"}
        found = [
            [file["path"] for file in api.get("/api/import/files", params=params).json()["files"]]
            for params in by
        ]
        assert found == [["/a", "/b"], ["/c"], ["/c"]]
        assert other.get("/api/import/files").json()["files"] == []


def test_it_needs_the_scope_ingest(service: HttpService) -> None:
    """A key that may only read imports nothing and asks no positions."""
    workspace = service.workspace()
    with service.client(service.key(workspace, scopes=["read"])) as api:
        assert api.post("/api/import", content=b"").status_code == 403
        assert api.get("/api/import/files").status_code == 403
    with service.client(service.key(workspace, scopes=["ingest"])) as api:
        assert api.post("/api/import", content=b"\n").json()["ok"] is True
        assert api.get("/api/import/files").status_code == 200


def test_it_says_no_more_than_a_thousand_errors(api: httpx.Client) -> None:
    """A body that is something else does not make an answer of its size."""
    assert len(send(api, *["x"] * 2000)["errors"]) == 1000


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow], deadline=None)
@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    ),
    st.sampled_from([session(), message(), raw({0: b"x"}), position()]),
    st.data(),
)
def test_it_reads_any_rubbish(value: Any, line: dict[str, Any], data: st.DataObject) -> None:
    """Any value in any field, and any cut or flipped byte: a line is read or told, and nothing is raised."""
    name = data.draw(st.sampled_from(sorted(line)))
    text = json.dumps(line | {name: value}).encode()
    cut = data.draw(st.integers(0, len(text)))
    for body in (text, text[:cut], text[:cut] + b"\xff" + text[cut:]):
        found = lines.read(body + b"\n" + json.dumps(session()).encode(), limit_bytes=1000)
        assert len(found.sessions) >= 1
        assert all(error.strip() for error in found.errors)
