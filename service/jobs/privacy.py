"""What a workspace takes out of texts before it stores them, turned on and off by whoever runs the service."""

from __future__ import annotations

import msgspec

from service.jobs import people
from service.storage import audit, privacy
from service.storage.database import Database


class Kept(msgspec.Struct, frozen=True, rename="camel"):
    """Whether credentials, and names of people and machines, are taken out of what is written from now on."""

    workspace: str
    redact: bool
    anonymize: bool


async def keep(db: Database, name: str, *, redact: bool | None, anonymize: bool | None) -> Kept:
    """Turn it on or off, or (None) only look. Errors: `NotFound`."""
    place = await people.find_workspace(db, name)
    async with db.workspace(place.id) as conn:
        if redact is not None or anonymize is not None:
            await privacy.keep(conn, place.id, redact=redact, anonymize=anonymize)
            now = await privacy.cleaner(conn, place.id)
            words = [word for word, on in (("redact", now.redacts), ("anonymize", now.anonymizes)) if on]
            await audit.record(
                conn, place.id, "workspace.privacy", place.id, detail=", ".join(words) or "off"
            )
        now = await privacy.cleaner(conn, place.id)
    return Kept(place.name, now.redacts, now.anonymizes)
