"""What /schema shows as examples: one session and its messages, as they would be answered."""

from __future__ import annotations

from typing import Any

SESSION: dict[str, Any] = {
    "id": "s12",
    "externalId": "ses_4a1f",
    "title": "Add rate limiter to API gateway",
    "projectPath": "/home/dev/projects/gateway",
    "projectName": "gateway",
    "model": "claude-sonnet-4-20250514",
    "provider": "anthropic",
    "source": "opencode",
    "kind": "agent",
    "promptTokens": 1820,
    "completionTokens": 412,
    "totalTokens": 2232,
    "cacheReadTokens": 0,
    "cacheWriteTokens": 0,
    "cost": 0.01164,
    "costKnown": True,
    "durationMs": 4200,
    "isPublic": False,
    "evalReady": False,
    "messageCount": 2,
    "tags": ["backend"],
    "createdAt": 1769846400000,
    "updatedAt": 1769846404200,
}

MESSAGE: dict[str, Any] = {
    "id": "m34",
    "externalId": "msg_4a1f_1",
    "sessionId": "s12",
    "role": "assistant",
    "seq": 1,
    "textContent": "I added `src/middleware/rateLimit.ts` with a token bucket keyed by API key.",
    "model": "claude-sonnet-4-20250514",
    "promptTokens": 1820,
    "completionTokens": 412,
    "cacheReadTokens": 0,
    "cacheWriteTokens": 0,
    "cost": 0.0,
    "costKnown": False,
    "durationMs": 4200,
    "createdAt": 1769846404200,
    "parts": [
        {
            "type": "tool-call",
            "content": {
                "toolCallId": "toolu_01",
                "toolName": "Write",
                "args": {"file_path": "src/middleware/rateLimit.ts"},
            },
        }
    ],
}

SESSION_BODY: dict[str, Any] = {
    "externalId": "ses_4a1f",
    "title": "Add rate limiter to API gateway",
    "projectPath": "/home/dev/projects/gateway",
    "projectName": "gateway",
    "model": "claude-sonnet-4-20250514",
    "provider": "anthropic",
    "source": "opencode",
    "promptTokens": 1820,
    "completionTokens": 412,
    "cost": 0.01164,
}

MESSAGE_BODY: dict[str, Any] = {
    "sessionExternalId": "ses_4a1f",
    "externalId": "msg_4a1f_0",
    "role": "user",
    "textContent": "Add a token-bucket rate limiter to the API gateway, 100 req/min per API key.",
    "createdAt": 1769846400000,
    "parts": [
        {
            "type": "text",
            "content": "Add a token-bucket rate limiter to the API gateway, 100 req/min per API key.",
        }
    ],
}

SEARCH_BODY: dict[str, Any] = {
    "q": "rate limiter Retry-After",
    "filter": {"source": "opencode", "after": "2026-01-01"},
    "facets": ["source"],
    "limit": 5,
}

SEARCH_RESULTS: dict[str, Any] = {
    "results": [
        SESSION
        | {
            "_id": "s12",
            "score": 2.41,
            "matches": [
                {
                    "messageId": "m34",
                    "messageExternalId": "msg_4a1f_1",
                    "sessionId": "s12",
                    "role": "assistant",
                    "seq": 1,
                    "createdAt": 1769846404200,
                    "score": 2.41,
                    "snippet": "It returns 429 plus a `Retry-After` header when the bucket is empty.",
                    "highlights": [[23, 34]],
                    "ranks": {"text": 1, "vector": 2},
                }
            ],
        }
    ],
    "total": 1,
    "facets": {"source": [{"value": "opencode", "count": 1}]},
    "tookMs": 6.4,
    "modeUsed": "hybrid",
    "index": {"textLag": 0, "vectorLag": 0, "asOf": 1769846410000},
}
