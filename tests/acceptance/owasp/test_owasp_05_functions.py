"""OWASP API5:2023, broken function level authorization: a route takes its scope and no other, and there is nothing beside the routes."""

from __future__ import annotations

import json

import httpx
from http_service import HttpService
from resting import missing

from service.app import ROUTES

SPECS = [handler.opt["route"] for handler in ROUTES]
METHODS = (
    "GET",
    "HEAD",
    "POST",
    "PUT",
    "PATCH",
    "DELETE",
    "TRACE",
    "CONNECT",
    "PROPFIND",
    "SEARCH",
    "QUERY",
    "LOCK",
)

RESTS_ON = [
    "test_http_keys.test_it_opens_each_route_to_the_scope_that_it_names_and_to_no_other",
    "test_http_keys.test_it_opens_what_the_scope_says",
    "test_people_cli.test_it_takes_admin_away_with_the_role",
    "test_sign_in.test_it_admits_by_cookie_with_the_scopes_of_the_key",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


def test_it_takes_no_method_that_is_not_declared(api: httpx.Client) -> None:
    """Every path with every method: what is not in the table is 405 with what is allowed, or 404, for admins too."""
    table = {(spec.method, spec.path) for spec in SPECS}
    for path in {spec.path for spec in SPECS}:
        for method in METHODS:
            if (
                (method, path) in table
                or (method == "HEAD" and ("GET", path) in table)
                or method == "CONNECT"
            ):
                continue
            answer = api.request(method, path.replace("{id}", "x").replace("{slug}", "x"))
            assert answer.status_code in (400, 404, 405), f"{method} {path}: {answer.status_code}"


def test_it_takes_no_other_method_by_a_header(api: httpx.Client) -> None:
    """A method in a header or parameter overrides nothing."""
    api.post("/sync/session", json={"externalId": "kept"})
    for override in (
        {"X-HTTP-Method-Override": "DELETE"},
        {"X-HTTP-Method": "DELETE"},
        {"X-Method-Override": "DELETE"},
    ):
        api.get("/api/sessions/kept", headers=override, params={"_method": "DELETE"})
    assert api.get("/api/sessions/kept").status_code == 200


def test_it_has_no_route_that_makes_people_or_keys() -> None:
    """Keys, members and workspaces are made at the database: a stolen key makes no other."""
    words = ("key", "user", "member", "workspace", "admin", "backup", "restore", "migrate", "exec", "debug")
    assert [spec.path for spec in SPECS for word in words if word in spec.path and spec.method != "GET"] == []


def test_it_brings_back_for_admins_only(service: HttpService) -> None:
    """What an admin deleted, a key that sends cannot bring back, alone or among other lines; sending goes on."""
    workspace = service.workspace()
    message = {
        "type": "message",
        "sessionExternalId": "gone",
        "externalId": "m",
        "role": "user",
        "source": "pi",
    }
    lines = json.dumps(message | {"textContent": "x"}).encode()
    with (
        service.client(service.key(workspace)) as admin,
        service.client(service.key(workspace, scopes=["ingest", "read"])) as sender,
    ):
        assert sender.post("/api/import", content=lines).json()["newMessages"] == 1
        assert admin.delete("/api/sessions/gone").status_code == 200
        refused = sender.post("/api/import?restore=true", content=lines)
        assert refused.status_code == 403
        assert "`admin`" in refused.json()["error"]
        assert sender.get("/api/sessions/gone").status_code == 404
        told = sender.post("/api/import?restore=false", content=lines).json()
        assert told["errors"] == ["m: was deleted here, so it is not stored again."]
        assert admin.post("/api/import?restore=true", content=lines).json()["newMessages"] == 1


def test_it_changes_things_for_admins_only() -> None:
    """Whatever changes or deletes what is there takes `admin`; GET changes nothing, and takes `read` or less."""
    for spec in SPECS:
        if spec.method in ("PUT", "PATCH", "DELETE") and spec.path != "/api/auth/session":
            assert spec.scope == "admin", spec.path
        if spec.method == "GET":
            assert spec.scope in (None, "read", "ingest"), spec.path
