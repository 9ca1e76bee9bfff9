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

SAVED_SEARCH_BODY: dict[str, Any] = {"name": "Errors of this week", "search": {"q": "is:error after:7d"}}

SAVED_SEARCH: dict[str, Any] = {
    "id": "q5",
    "name": "Errors of this week",
    "search": {"q": "is:error after:7d"},
    "createdAt": 1769846410000,
}

CONTEXT_BODY: dict[str, Any] = {
    "q": "how does the rate limiter answer when the bucket is empty",
    "budget": 1000,
    "filter": {"project": "gateway"},
    "exclude": ["s7"],
}

CONTEXT: dict[str, Any] = {
    "text": 'Relevant coding sessions for: "how does the rate limiter answer when the bucket is empty"\n\n'
    "Add rate limiter to API gateway (gateway, claude-sonnet-4-20250514, 2026-01-31)\n"
    "[1] assistant: It returns 429 plus a `Retry-After` header when the bucket is empty.\n",
    "sessionCount": 1,
    "tokenCount": 66,
    "citations": [
        {
            "n": 1,
            "sessionId": "s12",
            "messageId": "m34",
            "title": "Add rate limiter to API gateway",
            "role": "assistant",
            "createdAt": 1769846404200,
            "score": 2.41,
        }
    ],
    "modeUsed": "hybrid",
}

IMPORT_MESSAGE: dict[str, Any] = {
    "type": "message",
    "sessionExternalId": "7c1f5b1e",
    "externalId": "msg_01",
    "role": "assistant",
    "source": "claude-code",
    "records": ["00000000-0000-4000-8000-000000000003", "msg_01", "toolu_01"],
    "textContent": "I'll read the callback handler first.",
    "model": "claude-sonnet-4-20250514",
    "promptTokens": 12,
    "completionTokens": 34,
    "createdAt": 1769846404200,
    "parts": [
        {"type": "text", "content": "I'll read the callback handler first."},
        {
            "type": "tool-call",
            "content": {
                "toolCallId": "toolu_01",
                "toolName": "Read",
                "args": {"file_path": "src/callback.ts"},
            },
        },
    ],
    "stream": "9f86d081884c7d65",
    "lines": [512, 1890],
}

USAGE_RECORD: dict[str, Any] = {
    "idempotencyKey": "run-81-sandbox",
    "service": "sandbox",
    "metric": "seconds",
    "quantity": 412.5,
    "sessionExternalId": "ses_4a1f",
    "occurredAt": 1767225600000,
    "costUsd": 0.0206,
}

USAGE_RATE: dict[str, Any] = {
    "service": "sandbox",
    "metric": "seconds",
    "model": "",
    "validFrom": 1767225600000,
    "usdPerUnit": 0.00005,
}

IMPORT_STORED: dict[str, Any] = {
    "sessions": 1,
    "messages": 40,
    "rawLines": 96,
    "files": 1,
    "newSessions": 1,
    "changedSessions": 0,
    "newMessages": 38,
    "changedMessages": 2,
    "newRawLines": 96,
    "errors": [],
    "ok": True,
}

IMPORT_FILE: dict[str, Any] = {
    "type": "file",
    "machine": "laptop",
    "path": "/home/dev/.claude/projects/-home-dev-shopfront/7c1f5b1e.jsonl",
    "source": "claude-code",
    "format": "claude-code",
    "stream": "9f86d081884c7d65",
    "inode": 4711,
    "size": 83149,
    "mtimeMs": 1769846404200,
    "offset": 83149,
    "tailSha256": "2c26b46b68ffc68ff99b453c1d30413413422d706483bfa0f98a5e886266e7ae",
    "resumeOffset": 80012,
    "sessions": 1,
    "messages": 40,
    "lines": 96,
    "leftOut": {"file snapshot of the editor": 3},
    "readAt": 1769846410000,
}

EVAL_SET_BODY: dict[str, Any] = {
    "q": "rate limiter Retry-After",
    "filter": {"source": "opencode"},
    "limit": 50,
    "format": "deepeval",
    "redact": True,
}

EVAL_SET: dict[str, Any] = {
    "name": "ses_4a1f:0",
    "input": "Add a token-bucket rate limiter to the API gateway, 100 req/min per API key.",
    "actual_output": "I added `src/middleware/rateLimit.ts` with a token bucket keyed by API key.",
    "expected_output": None,
    "context": None,
    "retrieval_context": None,
    "tools_called": [
        {"name": "Write", "input_parameters": {"file_path": "src/middleware/rateLimit.ts"}, "output": None}
    ],
    "additional_metadata": {"id": "ses_4a1f:0", "session_id": "ses_4a1f", "turn": 0, "tool": "opencode"},
}

EVAL_STATS: dict[str, Any] = {
    "total": 1,
    "byStatus": {"golden": 1, "correct": 0, "incorrect": 0, "needs_review": 0, "unset": 0},
    "bySource": {"opencode": 1},
    "byTag": {"backend": 1},
}

EVAL_PREVIEW: dict[str, Any] = {
    "format": "deepeval",
    "sessionCount": 1,
    "testCaseCount": 3,
    "skippedSessions": 0,
    "skipped": {"no answer text": 1},
    "bySource": {"opencode": 1},
    "byModel": {"claude-sonnet-4-20250514": 1},
    "byStatus": {"golden": 1},
    "bySplit": {},
    "credentials": {"github-token": 1},
    "anonymized": {"home": 7},
    "warnings": [
        {
            "what": "credentials",
            "count": 1,
            "message": "Texts hold what looks like credentials: export with redact=true.",
            "examples": ["github-token"],
        }
    ],
    "sampleCases": [
        {
            "id": "ses_4a1f:0",
            "sessionId": "s12",
            "title": "Add rate limiter to API gateway",
            "input": "Add a token-bucket rate limiter to the API gateway, 100 req/min per API key.",
            "output": "I added `src/middleware/rateLimit.ts` with a token bucket keyed by API key.",
        }
    ],
}

LABELS_BODY: dict[str, Any] = {
    "search": {"q": "redirect loop", "limit": 3},
    "set": {"evalReady": True, "evalStatus": "golden", "addTags": ["auth"]},
}
