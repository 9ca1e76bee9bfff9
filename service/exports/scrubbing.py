"""What was said, without what should not leave: each text once, before cases are made of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import msgspec

from service.exports.model import About, Call, Said
from service.privacy import names
from service.privacy.cleaning import Cleaner


class Scrub:
    """Cleans one session; names of users that any of its texts tells are known in all of them."""

    def __init__(self, cleaner: Cleaner, about: About, said: Sequence[Said]) -> None:
        self._cleaner = cleaner
        told = [about.project_path, *texts_of(said)] if cleaner.anonymizes else []
        self._people = names.gather(told)

    def text(self, text: str) -> str:
        return self._cleaner.text(text, self._people) if text else text

    def said(self, said: Said) -> Said:
        """The same object where nothing was cut."""
        text, reasoning = self.text(said.text), self.text(said.reasoning)
        calls = tuple(map(self._call, said.calls))
        if (text, reasoning, calls) == (said.text, said.reasoning, said.calls):
            return said
        return msgspec.structs.replace(said, text=text, reasoning=reasoning, calls=calls)

    def about(self, about: About) -> About:
        return msgspec.structs.replace(
            about,
            title=self.text(about.title),
            project=self.text(about.project),
            project_path=self.text(about.project_path),
            expected=self.text(about.expected),
        )

    def _call(self, call: Call) -> Call:
        given = call.args_json.encode()
        cleaned = self._cleaner.json(given, self._people)
        if cleaned == given:
            return call
        return msgspec.structs.replace(call, args=msgspec.json.decode(cleaned), args_json=cleaned.decode())


def texts_of(said: Iterable[Said]) -> Iterable[str]:
    for each in said:
        yield each.text
        yield from (call.args_json for call in each.calls)
