"""Credentials and names are cut, what looks like them is not; the same text gives the same result, also a second time."""

from __future__ import annotations

import hashlib
import json
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.model import zstd
from service.model.imported import RawChunk
from service.privacy import writes
from service.privacy.cleaning import Cleaner

KEYS = {
    "github-token": "ghp_" + "a1B2c3D4e5F6g7H8i9J0k1L2m3N4o5P6q7R8",
    "aws-access-key": "AKIA" + "QYLPMN5HNM4OZ7XR",
    "jwt": "eyJhbGciOiJIUzI1NiJ9." + "eyJzdWIiOiIxMjM0In0." + "dozjgNryP4J3jVmNHl0w5N_XgL0n3I9P",
    "anthropic-key": "sk-ant-api03-" + "Q9" * 45 + "-AA",
    "stripe-key": "sk_live_" + "4eC39HqLyjWDarjtT1zdp7dc",
}
LEFT = [
    "max_tokens: 1024, token_count=123456789012",
    "const cacheKey = `user:${id}:profile2`;",
    "import { tokenizer2 } from './auth/tokenizer.ts'",
    "password: process.env.DB_PASSWORD1",
    "API_KEY=your-api-key-here-12345",
    "commit 4f2c9e1b7a3d5f60c8e2b1a09d7c6e5f4a3b2c1d",
    "session 5e6f1b1e-3a52-4d1e-9f44-0b8f6c2d9a77",
    "postgresql://user:password@localhost/db",
    "the secret: never deploy on a Friday",
    "keyboard shortcuts: authorName = 'Ada1815Lovelace'",
]


@pytest.mark.parametrize(("kind", "key"), KEYS.items(), ids=KEYS)
def test_it_cuts_keys_by_their_form(kind: str, key: str) -> None:
    """A key is cut wherever it stands, marked with its kind and counted; what stands around it stays."""
    cleaner = Cleaner(redact=True)
    assert cleaner.text(f"use {key}, then go on") == f"use [redacted:{kind}], then go on"
    assert cleaner.redacted == {kind: 1}


@pytest.mark.parametrize(
    "text",
    [
        "DB_PASSWORD=s7rong!Pa55word",
        'client_secret: "q83vTzA91kLmNx02pQ"',
        "postgresql://app:t0ps3cret@db/x",
        "curl -u admin:Zx81Spectrum https://x",
        "Authorization: Bearer q83vTzA91kLmNx02pQ77",
        "-----BEGIN RSA PRIVATE KEY-----\nMIIEpAIBAAKCAQEA7bq1x2y3z4a5b6c7d8e9f0\n-----END RSA PRIVATE KEY-----",
        'var apiToken string = "q83vTzA91kLmNx02pQ"',
        "<apiToken>\n  q83vTzA91kLmNx02pQ\n</apiToken>",
        "<secret>{billing AQAAABAAA q83vTzA91kLmNx02pQ}</secret>",
        "billing token - 'q83vTzA91kLmNx02pQ'",
        "deploy --api-token q83vTzA91kLmNx02pQ",
        "billingapikey token = 'q83vTzA91kLmNx02pQ'",
        "| apiKey | q83vTzA91kLmNx02pQ |",
        "GET https://example.org/v1?key=q83vTzA91kLmNx02pQ77",
    ],
)
def test_it_cuts_what_stands_behind_a_name(text: str) -> None:
    """Assignments, URLs, headers, commands and PEM: the secret goes, its name stays."""
    cleaner = Cleaner(redact=True)
    cut = cleaner.text(text)
    assert cleaner.redacted.total() == 1
    assert not any(secret in cut for secret in ("s7rong", "q83v", "t0ps3", "Zx81", "MIIE"))
    assert cut[:4] == text[:4] or cut == "[redacted:private-key]"


def test_it_cuts_a_secret_wherever_it_stands_again() -> None:
    """What is known by its name once is cut from the rest of the text too; a part of a longer word is not it."""
    cleaner = Cleaner(redact=True)
    text = "API_TOKEN=q83vTzA91kLmNx02pQ; then send q83vTzA91kLmNx02pQ, not q83vTzA91kLmNx02pQzz"
    cut = "[redacted:named-secret]"
    assert cleaner.text(text) == f"API_TOKEN={cut}; then send {cut}, not q83vTzA91kLmNx02pQzz"
    assert cleaner.redacted == {"named-secret": 2}


@pytest.mark.parametrize(
    "unit",
    [
        "ab",
        "a-",
        "key=",
        "token - '",
        "/a.",
        "<a>",
        "://",
        "a@a.",
        "eyJ",
        "curl -u ",
        "/home/",
        "-----BEGIN PRIVATE KEY-----",
    ],
)
def test_it_takes_time_in_proportion_to_the_text(unit: str) -> None:
    """No text makes it think for long: neither one that repeats itself, nor such a one behind a name."""
    begun = time.perf_counter()
    for text in (unit * (20_000 // len(unit)), f"API_TOKEN='{unit * 40}0!a'", f"password: {unit * 400}!"):
        Cleaner(redact=True, anonymize=True).text(text)
    assert time.perf_counter() - begun < 5


@pytest.mark.parametrize("text", LEFT)
def test_it_leaves_what_is_no_secret(text: str) -> None:
    """Counts, identifiers, paths, placeholders, hashes and words stay byte for byte."""
    assert Cleaner(redact=True).text(text) == text


def test_it_takes_people_out() -> None:
    """Home directories, the name that they tell, host names and addresses; not nobody's."""
    cleaner = Cleaner(anonymize=True)
    text = "ada_l@MacBook-Pro:~/src$ ls C:\\\\Users\\\\ada_l\\\\x /Users/ada_l/src -Users-ada_l-src by ada_l <ada@lovelace.org>, git@github.com"
    assert cleaner.text(text) == (
        "user@host:~/src$ ls C:\\\\Users\\\\user\\\\x /Users/user/src -Users-user-src by user <user@example.com>, git@github.com"
    )
    assert cleaner.anonymized == {"host": 1, "home": 3, "user": 1, "email": 1}
    for nobody in (
        "/home/user/x",
        "icon@2x.png",
        "lodash@latest",
        "a mark in /home/mark"[:6],
        "/api/users/me",
    ):
        assert Cleaner(anonymize=True).text(nobody) == nobody


def test_it_leaves_words_that_are_names_too() -> None:
    """A user called `mark` goes from the path and not from the sentence."""
    text = Cleaner(anonymize=True).text("mark the file /home/mark/x")
    assert text == "mark the file /home/user/x"


def test_it_cuts_within_json() -> None:
    """A member's name counts as a name; JSON without a secret keeps its spelling."""
    cleaner = Cleaner(redact=True)
    given = b'{"env": {"API_KEY": "q83vTzA91kLmNx02pQ"}, "n": 1.0}'
    assert json.loads(cleaner.json(given)) == {"env": {"API_KEY": "[redacted:named-secret]"}, "n": 1.0}
    spelled = b'{ "n" : 1e2 }'
    assert cleaner.json(spelled) is spelled


def test_it_cleans_names_of_members_that_tell() -> None:
    """A path, an address or a key as a member's name is cleaned as a text is; members that become alike stay apart."""
    given = {"/home/ada_l/a": 1, "/home/kim_z/a": 2, KEYS["github-token"]: 3, "path": "/home/ada_l/b"}
    cleaner = Cleaner(redact=True, anonymize=True)
    assert cleaner.value(given) == {
        "/home/user/a": 1, "/home/user/a~2": 2, "[redacted:github-token]": 3, "path": "/home/user/b"
    }  # fmt: skip


@given(st.text(max_size=300))
def test_it_changes_nothing_the_second_time(text: str) -> None:
    """What is clean stays clean, of any text."""
    once = Cleaner(redact=True, anonymize=True).text(text)
    assert Cleaner(redact=True, anonymize=True).text(once) == once


def test_it_keeps_raw_lines_in_their_places() -> None:
    """Raw lines are cleaned one by one, with offsets, sizes and hash that fit; one that would grow is not kept."""
    lines = [
        b'{"a":1}',
        json.dumps({"said": "t " + KEYS["github-token"]}).encode(),
        b'{"password":"ab1cd2ef"}',
    ]
    data = b"".join(lines)
    raw = RawChunk(
        session_external_id="s", source="pi", format="pi", stream="x", path="/home/ada_l/x", offsets=(0, 8, 90),
        sizes=tuple(map(len, lines)), data=zstd.packed(data), bytes_sha256=hashlib.sha256(data).digest(),
    )  # fmt: skip
    kept = writes.chunk(raw, Cleaner(redact=True, anonymize=True))
    assert kept is not None
    assert (kept.offsets, kept.path) == ((0, 8), "/home/user/x")
    unpacked = zstd.unpacked(kept.data, limit_bytes=1000)
    assert unpacked == b'{"a":1}' + b'{"said":"t [redacted:github-token]"}'
    assert (sum(kept.sizes), kept.bytes_sha256) == (len(unpacked), hashlib.sha256(unpacked).digest())
