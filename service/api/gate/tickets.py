"""What is in the cookie of a browser that signed in: the key, sealed with its own hash and a secret of the house.

Rule: the cookie alone does not tell the key, the database alone does not make a cookie, and a backup, which has the
hashes and not the secret, opens none. Whoever opens a ticket looks up the key's SHA-256 by the number that stands in
it, unseals, and finds the key that has this very hash. So it needs no table, opens on every process and after a
restart, and dies with its key.

Form: `1.<workspace>.<key>.<end, epoch s>.<nonce, sealed key and tag>`. The stream is SHAKE-256 and the tag
HMAC-SHA-256, both under the HMAC of the key's hash by the secret, each over a label of its own.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import secrets

import msgspec

from service.storage.people import key_sha256

FORM = re.compile(r"(1\.([1-9]\d{0,17})\.([1-9]\d{0,17})\.([1-9]\d{0,10}))\.([A-Za-z0-9_-]{1,400})")
LONGEST = 500
NONCE_BYTES, TAG_BYTES = 16, 32


class Ticket(msgspec.Struct, frozen=True):
    """One as it came; nothing of it is proven yet."""

    head: bytes
    workspace_id: int
    key_id: int
    ends_s: int
    nonce: bytes
    sealed: bytes
    tag: bytes


def seal(key: str, *, of_house: bytes, workspace_id: int, key_id: int, ends_s: int) -> str:
    """
    >>> ticket = read(seal("osk_1", of_house=b"s", workspace_id=3, key_id=7, ends_s=99))
    >>> ticket.workspace_id, ticket.key_id, ticket.ends_s, opens(ticket, key_sha256("osk_1"), of_house=b"s")
    (3, 7, 99, True)
    """
    head, nonce = f"1.{workspace_id}.{key_id}.{ends_s}", secrets.token_bytes(NONCE_BYTES)
    secret = both(key_sha256(key), of_house)
    sealed = mixed(key.encode("utf-8", "surrogatepass"), secret, nonce)
    body = nonce + sealed + tag(secret, head.encode(), nonce, sealed)
    return f"{head}.{base64.urlsafe_b64encode(body).decode().rstrip('=')}"


def read(value: str) -> Ticket | None:
    """The parts of a cookie's value; None for anything that is none of ours.

    >>> read("1.3.7.99.AAAA"), read("osk_1")
    (None, None)
    """
    match = FORM.fullmatch(value) if len(value) <= LONGEST else None
    if match is None:
        return None
    try:
        body = base64.urlsafe_b64decode(match[5] + "=" * (-len(match[5]) % 4))
    except binascii.Error:
        return None
    if len(body) <= NONCE_BYTES + TAG_BYTES:
        return None
    return Ticket(
        head=match[1].encode(),
        workspace_id=int(match[2]),
        key_id=int(match[3]),
        ends_s=int(match[4]),
        nonce=body[:NONCE_BYTES],
        sealed=body[NONCE_BYTES:-TAG_BYTES],
        tag=body[-TAG_BYTES:],
    )


def opens(ticket: Ticket, sha256: bytes, *, of_house: bytes) -> bool:
    """Whether nothing of the ticket was changed, and the key that lies in it is the one that has this hash."""
    secret = both(sha256, of_house)
    if not hmac.compare_digest(ticket.tag, tag(secret, ticket.head, ticket.nonce, ticket.sealed)):
        return False
    key = mixed(ticket.sealed, secret, ticket.nonce)
    return hmac.compare_digest(hashlib.sha256(key).digest(), sha256)


def both(sha256: bytes, of_house: bytes) -> bytes:
    """What takes both secrets to make."""
    return hmac.new(of_house, b"backscroll ticket" + sha256, hashlib.sha256).digest()


def mixed(text: bytes, secret: bytes, nonce: bytes) -> bytes:
    """Sealed and unsealed alike: a stream that no other ticket has, laid over the text."""
    stream = hashlib.shake_256(b"backscroll ticket stream" + secret + nonce).digest(len(text))
    return bytes(a ^ b for a, b in zip(text, stream, strict=True))


def tag(secret: bytes, head: bytes, nonce: bytes, sealed: bytes) -> bytes:
    return hmac.new(secret, b"backscroll ticket tag" + head + b"." + nonce + sealed, hashlib.sha256).digest()
