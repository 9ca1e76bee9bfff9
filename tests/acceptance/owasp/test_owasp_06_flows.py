"""OWASP API6:2023, unrestricted access to sensitive flows: what shares, deletes or brings back needs its scope, and leaves a line.

Signing in makes no key and no person, so there is nothing to gain by doing it often.
"""

from __future__ import annotations

import json
from typing import Any

from http_service import HttpService
from resting import missing

RESTS_ON = [
    "test_audit.test_it_tells_every_act_on_people_and_keys",
    "test_sign_in.test_it_signs_nobody_in_from_anothers_page",
    "test_sign_in.test_it_does_nothing_by_cookie_for_anothers_page",
    "test_sign_in.test_it_writes_by_cookie_for_its_own_page_only",
    "test_people_cli.test_it_deletes_a_workspace_when_its_name_is_typed",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


MESSAGE = {
    "type": "message",
    "sessionExternalId": "one",
    "externalId": "m",
    "role": "user",
    "source": "pi",
    "textContent": "x",
}
LINES = [{"type": "session", "externalId": "one", "source": "pi"}, MESSAGE]


def acts(service: HttpService, workspace: tuple[int, int]) -> list[dict[str, Any]]:
    return service.rows(workspace[0], "select action, user_id, key_id from audit_log order by id")


def test_it_tells_who_shared_deleted_and_brought_back(service: HttpService) -> None:
    """Each of these acts leaves one line that names the user; repeating it leaves no other."""
    workspace = service.workspace()
    body = b"\n".join(json.dumps(line).encode() for line in LINES)
    with service.client(service.key(workspace)) as api:
        assert api.post("/api/import", content=body).json()["newMessages"] == 1
        for _ in range(2):
            api.patch("/api/sessions/one", json={"isPublic": True})
        api.patch("/api/sessions/one", json={"isPublic": False})
        api.delete(f"/api/messages/{api.get('/api/sessions/one').json()['messages'][0]['id']}")
        api.delete("/api/sessions/one")
        for _ in range(2):
            api.post("/api/import?restore=true", content=body)
    done = ["session.share", "session.unshare", "message.delete", "session.delete", "workspace.restore"]
    assert [(act["action"], act["user_id"]) for act in acts(service, workspace)][-5:] == [
        (act, workspace[1]) for act in done
    ]


def test_it_shares_under_names_that_cannot_be_guessed(service: HttpService) -> None:
    """A link is long, random, of its session alone, and dead while the session is private; a key that reads makes none."""
    workspace = service.workspace()
    slugs = set()
    with service.client(service.key(workspace)) as api, service.client("", Authorization="") as anybody:
        for n in range(10):
            api.post("/sync/session", json={"externalId": f"e{n}"})
            slugs.add(api.patch(f"/api/sessions/e{n}", json={"isPublic": True}).json()["session"]["slug"])
        assert len(slugs) == 10
        assert min(map(len, slugs)) >= 16
        one = api.get("/api/sessions/e1").json()["session"]["slug"]
        assert anybody.get(f"/s/{one}").status_code == 200
        api.patch("/api/sessions/e1", json={"isPublic": False})
        assert anybody.get(f"/s/{one}").status_code == 404
    with service.client(service.key(workspace, scopes=["ingest", "read"])) as member:
        assert member.patch("/api/sessions/e1", json={"isPublic": True}).status_code == 403
