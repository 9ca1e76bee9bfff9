"""Usage over HTTP: what the routes answer is what plain SQL over the messages says."""

from __future__ import annotations

from typing import Any

import httpx
from http_service import HttpService

from service.jobs import rollup


def test_it_answers(service: HttpService, api: httpx.Client) -> None:
    """try"""
    api.post("/sync/batch", json={"sessions":[{"externalId":"s","source":"pi","title":"T","projectName":"p"}],"messages":[
        {"sessionExternalId":"s","externalId":"a","role":"user","textContent":"hi","createdAt":1778000000000},
        {"sessionExternalId":"s","externalId":"b","role":"assistant","textContent":"yo","model":"claude-sonnet-4-5","promptTokens":10,"completionTokens":1000,"durationMs":500,"createdAt":1778000060000,"parts":[{"type":"tool-call","content":{"toolName":"Bash","args":{}}}]}]}).raise_for_status()
    service.do(rollup.roll_up(service.resources.db))
    for path in ("daily","summary","models","projects","sources","sessions","tools","streaks"):
        a=api.get(f"/api/usage/{path}?from=2026-05-05&to=2026-05-06&tz=Asia/Kathmandu")
        print(path, a.status_code, a.text)
    print(api.get("/api/wrapped?date=2026-05-05").text)
    print(api.get("/api/usage/daily?from=2026-05-05&to=2026-05-06&by=user,model").text)
    print(api.get("/api/usage/export?from=2026-05-05&to=2026-05-06&by=user,model").text)
    assert 0
