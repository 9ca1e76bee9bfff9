"""The operator's price file, read again when it changes. One that cannot be read is told, and the last good one stays."""

from __future__ import annotations

from pathlib import Path

import structlog

from analytics.pricing.litellm import LiteLLM, read

log = structlog.get_logger()


class PriceFile:
    """By the setting: a path, or empty for none."""

    def __init__(self, path: str) -> None:
        self._path = Path(path).expanduser() if path else None
        self._seen: tuple[int, int] | None = None
        self._prices: LiteLLM | None = None

    def read(self) -> LiteLLM | None:
        if self._path is None:
            return None
        try:
            facts = self._path.stat()
            if (seen := (facts.st_mtime_ns, facts.st_size)) != self._seen:
                self._seen = seen
                self._prices = read(self._path)
        except (OSError, ValueError) as error:
            log.warning("price_file_unreadable", error=type(error).__name__, remedy="BACKSCROLL_PRICE_FILE")
        return self._prices
