"""Answers of usage, as /schema describes them. What each figure means stands in docs/metrics.md.

Rule: costs are US dollars, rounded to six places here and nowhere before, and shares likewise; what is not known is
left out.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

PLACES = 6
NANO_PER_MICRO = 1_000
MICRO = 1_000_000

Share = Annotated[float, Meta(ge=0, description="0 to 1")]
Usd = Annotated[float, Meta(description="US dollars, to six places; without what has no known cost")]
Archetype = Literal["chat", "marathon", "bumpy", "quick", "steady"]
Archetypes = Annotated[dict[str, int], Meta(description="Sessions by the kind of work that they were")]


class Usage(msgspec.Struct, kw_only=True, rename="camel"):
    """What was used. First the names that it is cut by, where it is; one that is not known is left out. The four token
    counts are disjoint."""

    day: (
        Annotated[date, Meta(description="In the zone; of a week its Monday, of a month its first day")]
        | UnsetType
    ) = UNSET
    source: str | UnsetType = UNSET
    provider: str | UnsetType = UNSET
    model: str | UnsetType = UNSET
    project: str | UnsetType = UNSET
    user: str | UnsetType = UNSET
    service: str | UnsetType = UNSET
    metric: str | UnsetType = UNSET
    sessions: int
    messages: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    total_tokens: int
    cost_usd: Usd
    unpriced_messages: int
    duration_ms_p50: int | UnsetType = UNSET
    duration_ms_p95: int | UnsetType = UNSET
    tool_calls: int
    tool_errors: int
    quantity: Annotated[float, Meta(description="Of a metric; where it is cut by metric")] | UnsetType = UNSET


class UsageOfDay(Usage, kw_only=True):
    """A day, week or month; cut by names, a day of one combination."""

    day: date


class UsageOf(Usage, kw_only=True):
    """What was used in the range by one of several."""

    cache_hit_share: Share | UnsetType = UNSET
    token_share: Share | UnsetType = UNSET
    cost_share: Share | UnsetType = UNSET
    first_day: date
    last_day: date


class Totals(Usage, kw_only=True):
    """Of all; cut by nothing."""

    cache_hit_share: Share | UnsetType = UNSET


class UsageOfSession(msgspec.Struct, kw_only=True, rename="camel"):
    """What one session used in the range."""

    id: str
    external_id: str
    title: str | UnsetType = UNSET
    source: str
    project: str | UnsetType = UNSET
    archetype: Archetype | UnsetType = UNSET
    messages: int
    input_tokens: int
    cache_read_tokens: int
    cache_write_tokens: int
    output_tokens: int
    total_tokens: int
    cost_usd: Usd
    unpriced_messages: int
    tool_calls: int
    tool_errors: int
    span_ms: Annotated[int, Meta(description="From its first to its last message in the range")]
    first_at: int | UnsetType = UNSET
    last_at: int | UnsetType = UNSET


class ToolFigures(msgspec.Struct, kw_only=True, rename="camel"):
    calls: int
    errors: int
    error_share: Share | UnsetType = UNSET
    sessions: int
    time_ms: Annotated[int, Meta(description="From calls to their results")] | UnsetType = UNSET
    time_ms_p50: int | UnsetType = UNSET
    time_ms_p95: int | UnsetType = UNSET


class UsageOfTool(ToolFigures, kw_only=True):
    tool: str


class Cell(msgspec.Struct, kw_only=True, rename="camel"):
    weekday: Annotated[int, Meta(ge=1, le=7, description="1 Monday to 7 Sunday")]
    hour: Annotated[int, Meta(ge=0, le=23, description="Of the day, in the zone")]
    messages: int
    total_tokens: int
    cost_usd: Usd


class StreakOfDays(msgspec.Struct, kw_only=True, omit_defaults=True):
    """Days in a row; 0 days have no ends."""

    days: int
    first: date | UnsetType = msgspec.field(default=UNSET, name="from")
    last: date | UnsetType = msgspec.field(default=UNSET, name="to")


class PerActiveDay(msgspec.Struct, kw_only=True, rename="camel"):
    messages: float
    total_tokens: float
    cost_usd: Usd


class Burn(msgspec.Struct, kw_only=True, rename="camel"):
    """Means over the complete days before today, seven of them or as many as there are."""

    days: int
    tokens_per_day: float
    cost_usd_per_day: Usd
    tokens_per_active_hour: float | UnsetType = UNSET
    cost_usd_per_active_hour: Usd | UnsetType = UNSET


class MonthProjection(msgspec.Struct, kw_only=True, rename="camel"):
    """An estimate: what the month of today has cost, and the burn rate of a day for every day that is left."""

    month: Annotated[str, Meta(examples=["2026-05"])]
    estimate: Literal[True] = True
    basis_days: Annotated[int, Meta(description="Complete days that the rate was measured on")]
    cost_usd_so_far: Usd
    cost_usd: Usd
    cost_usd_low: Usd
    cost_usd_high: Usd
    total_tokens_so_far: int
    total_tokens: int


class LongestSession(msgspec.Struct, kw_only=True, rename="camel"):
    id: str
    external_id: str
    title: str | UnsetType = UNSET
    source: str
    project: str | UnsetType = UNSET
    messages: int
    span_ms: int


class Head(msgspec.Struct, kw_only=True, rename="camel"):
    """What every answer says of itself."""

    tz: str
    computed_at: Annotated[int, Meta(description="When the facts were last computed: epoch milliseconds")]
    price_version: str | UnsetType = UNSET


class Ranged(Head, kw_only=True):
    first: Annotated[date, Meta(description="The first day")] = msgspec.field(name="from")
    last: Annotated[date, Meta(description="The last day")] = msgspec.field(name="to")


class UsageDaily(Ranged, kw_only=True):
    """Every day of the range, empty ones too; cut by names, every day of every combination that occurs."""

    days: list[UsageOfDay]


class UsageModels(Ranged, kw_only=True):
    models: Annotated[list[UsageOf], Meta(description="The costliest first")]
    total: Annotated[int, Meta(description="How many there are, shown or not")]


class UsageProjects(Ranged, kw_only=True):
    projects: Annotated[list[UsageOf], Meta(description="The costliest first")]
    total: int


class UsageSources(Ranged, kw_only=True):
    sources: Annotated[list[UsageOf], Meta(description="The costliest first")]
    total: int


class UsageSessions(Ranged, kw_only=True):
    sessions: Annotated[list[UsageOfSession], Meta(description="The costliest first")]
    total: int
    archetypes: Archetypes


class UsageTools(Ranged, kw_only=True):
    tools: Annotated[list[UsageOfTool], Meta(description="The one called most first")]
    total: int
    all: ToolFigures


class UsageHeatmap(Ranged, kw_only=True):
    cells: Annotated[list[Cell], Meta(description="All 168, by weekday and hour")]


class UsageStreaks(Head, kw_only=True):
    current: StreakOfDays
    longest: StreakOfDays
    active_days: int
    today: date


class UsageSummary(Totals, kw_only=True):
    """The range as one, flat: the figures, then what else there is to say of it. `from` to `priceVersion` as everywhere."""

    active_days: int
    active_hours: int
    per_active_day: PerActiveDay | UnsetType = UNSET
    burn_rate: Burn | UnsetType = UNSET
    projection: MonthProjection | UnsetType = UNSET
    archetypes: Archetypes
    first: date = msgspec.field(name="from")
    last: date = msgspec.field(name="to")
    tz: str
    computed_at: int
    price_version: str | UnsetType = UNSET


class Wrapped(Head, kw_only=True):
    """A day in one page."""

    day: date = msgspec.field(name="date")
    totals: Totals
    active_hours: int
    top_models: list[UsageOf]
    top_projects: list[UsageOf]
    longest_session: LongestSession | UnsetType = UNSET
    streak: Annotated[StreakOfDays, Meta(description="The days in a row that end with this one")]
    archetypes: Archetypes


def usd(nano: float) -> float:
    """
    >>> usd(34_570_500), usd(1_000_000_000 / 3)
    (0.03457, 0.333333)
    """
    return round(nano / NANO_PER_MICRO) / MICRO
