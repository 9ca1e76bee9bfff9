"""Token counts that Copilot CLI tells for whole sessions, when it shuts down.

Rule: counts of a later shutdown that are nowhere lower go on from the earlier ones (newer versions); if one is lower
they began anew (older versions) and are added. Input includes what was read from and written to the cache.
"""

from __future__ import annotations

from typing import Any

from msgspec import Raw

from service.importers import record, totals
from service.importers.model import State
from service.model import raw_members
from service.model.raw_members import Members

MAIN = "main"
"""The agent of the session itself, among the agents of a shutdown."""

_NONE = [0, 0, 0, 0]
_COUNTS = ("inputTokens", "outputTokens", "cacheReadTokens", "cacheWriteTokens")


class Totals:
    """By agent: what is counted so far."""

    def __init__(self, state: State | None = None) -> None:
        kept = state or {}
        self._before: dict[str, list[int]] = dict(kept.get("before", {}))
        self._last: dict[str, list[int]] = dict(kept.get("last", {}))
        self._calls: dict[str, list[int]] = dict(kept.get("calls", {}))

    def state(self) -> State:
        return {"before": dict(self._before), "last": dict(self._last), "calls": dict(self._calls)}

    def shutdown(self, data: Members) -> dict[str, dict[str, Any]]:
        """The totals of each agent after a shutdown, by field of SessionWrite."""
        for agent, counts in _by_agent(data).items():
            last = self._last.get(agent, _NONE)
            if any(new < old for new, old in zip(counts, last, strict=True)):
                self._before[agent] = totals.plus(self._before.get(agent, _NONE), last)
            self._last[agent] = counts
        return {
            agent: totals.fields(totals.plus(self._before.get(agent, _NONE), last))
            for agent, last in self._last.items()
        }

    def call(self, agent: str, data: Members) -> dict[str, Any]:
        """The totals of an agent after one more call of a model; none once a shutdown told them."""
        self._calls[agent] = totals.plus(self._calls.get(agent, _NONE), _counts(data))
        return {} if self._last else totals.fields(self._calls[agent])


def _by_agent(data: Members) -> dict[str, list[int]]:
    agents = raw_members.of(data.get("agentMetrics"))
    if not agents:
        return {MAIN: _of_models(data.get("modelMetrics"))}
    return {
        agent: _of_models((raw_members.of(metrics) or {}).get("modelMetrics"))
        for agent, metrics in agents.items()
    }


def _of_models(metrics: Raw | None) -> list[int]:
    total = _NONE
    for model in (raw_members.of(metrics) or {}).values():
        total = totals.plus(total, _counts(raw_members.of((raw_members.of(model) or {}).get("usage")) or {}))
    return total


def _counts(usage: Members) -> list[int]:
    """Disjoint: input without what was cached, output, cache reads, cache writes."""
    given = [record.count(record.value(usage.get(name))) or 0 for name in _COUNTS]
    return [max(given[0] - given[2] - given[3], 0), *given[1:]]
