"""What /schema shows as answers of usage: a small shop's two days."""

from __future__ import annotations

from typing import Any

HEAD: dict[str, Any] = {
    "tz": "Europe/Berlin",
    "computedAt": 1769954400000,
    "priceVersion": "genai-prices 0.2.3",
}
RANGE: dict[str, Any] = {**HEAD, "from": "2026-01-31", "to": "2026-02-01"}

FIGURES: dict[str, Any] = {
    "sessions": 3,
    "messages": 148,
    "inputTokens": 2410,
    "cacheReadTokens": 5120400,
    "cacheWriteTokens": 210330,
    "outputTokens": 48210,
    "totalTokens": 5381350,
    "costUsd": 3.054908,
    "unpricedMessages": 2,
    "durationMsP50": 3900,
    "durationMsP95": 21400,
    "toolCalls": 61,
    "toolErrors": 4,
}
NOTHING: dict[str, Any] = {name: 0 for name in FIGURES if not name.startswith("durationMs")}
KIND: dict[str, int] = {"chat": 0, "marathon": 0, "bumpy": 1, "quick": 1, "steady": 1}
SHARES: dict[str, Any] = {
    "cacheHitShare": 0.960116, "tokenShare": 1.0, "costShare": 1.0, "firstDay": "2026-01-31", "lastDay": "2026-01-31",
}  # fmt: skip
MODEL: dict[str, Any] = {"provider": "anthropic", "model": "claude-sonnet-4-5", **FIGURES, **SHARES}
PROJECT: dict[str, Any] = {"project": "gateway", **FIGURES, **SHARES}
WHO: dict[str, Any] = {
    "id": "s12", "externalId": "ses_4a1f", "title": "Add rate limiter to API gateway", "source": "opencode", "project": "gateway",
}  # fmt: skip
TOOL: dict[str, Any] = {
    "calls": 38, "errors": 3, "errorShare": 0.078947, "sessions": 3, "timeMs": 214300, "timeMsP50": 1900, "timeMsP95": 31000,
}  # fmt: skip

DAILY: dict[str, Any] = {
    **RANGE,
    "days": [{"day": "2026-01-31", **FIGURES}, {"day": "2026-02-01", **NOTHING}],
}
SUMMARY: dict[str, Any] = {
    **FIGURES,
    "cacheHitShare": 0.960116,
    "activeDays": 1,
    "activeHours": 4,
    "perActiveDay": {"messages": 148.0, "totalTokens": 5381350.0, "costUsd": 3.054908},
    "burnRate": {
        "days": 7, "tokensPerDay": 768764.3, "costUsdPerDay": 0.436415, "tokensPerActiveHour": 1345337.5,
        "costUsdPerActiveHour": 0.763727,
    },
    "projection": {
        "month": "2026-02", "estimate": True, "basisDays": 7, "costUsdSoFar": 0.0, "costUsd": 12.219632, "costUsdLow": 0.0,
        "costUsdHigh": 85.537424, "totalTokensSoFar": 0, "totalTokens": 21525392,
    },
    "archetypes": KIND,
    **RANGE,
}  # fmt: skip
MODELS: dict[str, Any] = {**RANGE, "models": [MODEL], "total": 1}
PROJECTS: dict[str, Any] = {**RANGE, "projects": [PROJECT], "total": 1}
SOURCES: dict[str, Any] = {**RANGE, "sources": [{"source": "opencode", **FIGURES, **SHARES}], "total": 1}
SESSIONS: dict[str, Any] = {
    **RANGE,
    "sessions": [
        {
            **WHO,
            "archetype": "steady",
            "messages": 96,
            "inputTokens": 1820,
            "cacheReadTokens": 3980100,
            "cacheWriteTokens": 150300,
            "outputTokens": 31040,
            "totalTokens": 4163260,
            "costUsd": 2.228715,
            "unpricedMessages": 0,
            "toolCalls": 44,
            "toolErrors": 2,
            "spanMs": 5460000,
            "firstAt": 1769846400000,
            "lastAt": 1769851860000,
        }
    ],
    "total": 3,
    "archetypes": KIND,
}
TOOLS: dict[str, Any] = {**RANGE, "tools": [{"tool": "Bash", **TOOL}], "total": 1, "all": TOOL}
HEATMAP: dict[str, Any] = {
    **RANGE,
    "cells": [{"weekday": 6, "hour": 9, "messages": 61, "totalTokens": 2218040, "costUsd": 1.259141}],
}
STREAKS: dict[str, Any] = {
    **HEAD,
    "current": {"days": 0},
    "longest": {"days": 9, "from": "2026-01-12", "to": "2026-01-20"},
    "activeDays": 31,
    "today": "2026-02-02",
}
WRAPPED: dict[str, Any] = {
    **HEAD,
    "date": "2026-01-31",
    "totals": {**FIGURES, "cacheHitShare": 0.960116},
    "activeHours": 4,
    "topModels": [{name: value for name, value in MODEL.items() if name != "provider"}],
    "topProjects": [PROJECT],
    "longestSession": {**WHO, "messages": 96, "spanMs": 5460000},
    "streak": {"days": 1, "from": "2026-01-31", "to": "2026-01-31"},
    "archetypes": KIND,
}
CSV = (
    "day,source,sessions,messages,inputTokens,cacheReadTokens,cacheWriteTokens,outputTokens,totalTokens,costUsd,"
    "unpricedMessages,durationMsP50,durationMsP95,toolCalls,toolErrors\n"
    "2026-01-31,opencode,3,148,2410,5120400,210330,48210,5381350,3.054908,2,3900,21400,61,4\n"
)
