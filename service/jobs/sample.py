"""The bundled sample in and out, through the API that clients use."""

from __future__ import annotations

import itertools
import re
import time

import msgspec

from service import sample
from service.client import Client, Json

GENERATION = re.compile(r"-\d{1,4}$")
NAMES = {"externalId", "sessionExternalId", "parentExternalId"}
"""What names a session or message."""


class Loaded(msgspec.Struct, frozen=True):
    """What was accepted: stored now, or there already."""

    sessions: int
    messages: int


def load(client: Client, *, now_ms: int | None = None) -> Loaded:
    """Send the sample, dated back from now, and tag its sessions; safe to repeat.

    What was deleted stays deleted. But when all of it was (`remove`), it comes back under other ids.
    """
    entries = list(sample.read(int(time.time() * 1000) if now_ms is None else now_ms))
    for generation in itertools.count(1):
        sessions = [renamed(session, generation) for session, _ in entries]
        accepted = client.sync(sessions=sessions)["sessions"]
        if accepted > 0:
            break
    messages = sum(
        client.sync(messages=[renamed(message, generation) for message in messages])["messages"]
        for _, messages in entries
    )
    tag(client, {session["externalId"] for session in sessions})
    return Loaded(accepted, messages)


def tag(client: Client, external_ids: set[str]) -> None:
    """Add the tag to those of these sessions that lack it."""
    for session in list(client.all_sessions()):
        if session["externalId"] in external_ids and sample.TAG not in session["tags"]:
            client.label(session["id"], tags=[*session["tags"], sample.TAG])


def load_if_empty(client: Client) -> Loaded | None:
    """Load it into a service that never held a session; None where one did: a sample that was removed is not wanted."""
    return None if client.external_ids() else load(client)


def remove(client: Client) -> int:
    """Delete the sessions that `load` made; how many. A session of your own stays, whatever its tags."""
    made = {session["externalId"] for session, _ in sample.read(0)}
    found = [each for each in client.all_sessions(tag=sample.TAG) if first_name(each["externalId"]) in made]
    for session in found:
        client.delete(session["id"])
    return len(found)


def first_name(external_id: str) -> str:
    """The id without the generation that `renamed` may have added.

    >>> first_name("ses_1-2"), first_name("ses_1")
    ('ses_1', 'ses_1')
    """
    return GENERATION.sub("", external_id)


def renamed(item: Json, generation: int) -> Json:
    """The same under other ids; the first generation has its own.

    >>> renamed({"externalId": "a", "title": "t"}, 1), renamed({"sessionExternalId": "a"}, 2)
    ({'externalId': 'a', 'title': 't'}, {'sessionExternalId': 'a-2'})
    """
    if generation == 1:
        return item
    return {name: f"{value}-{generation}" if name in NAMES else value for name, value in item.items()}
