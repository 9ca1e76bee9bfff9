"""OWASP API9:2023, improper inventory management: what is served is declared, described, tried by the leak test, and all there is."""

from __future__ import annotations

import httpx
import pytest
from http_service import HttpService
from resting import missing

from service.app import ROUTES

RESTS_ON = [
    "test_docs.test_it_documents_every_route",
    "test_docs.test_it_describes_every_route_in_the_schema",
    "test_schema_api.test_it_describes_every_route",
    "test_tenants_http.test_it_asks_every_route",
    "test_hostile_bodies.test_it_tries_every_route_with_a_body",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


@pytest.mark.parametrize(
    "path",
    ["/", "/docs", "/redoc", "/openapi.json", "/schema/openapi.json", "/schema/swagger", "/schema/redoc", "/admin", "/debug", "/.env",
     "/.git/config", "/api", "/api/", "/api/v1/sessions", "/sync", "/health/live", "/static/x", "/api-key", "/s/",
     "/..%2f..%2fetc%2fpasswd", "/s/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd"],
)  # fmt: skip
def test_it_serves_nothing_beside_its_table(api: httpx.Client, path: str) -> None:
    """Usual places of documentation, versions, consoles and files: 404 in our words."""
    answer = api.get(path)
    assert answer.status_code in (404, 405), path
    assert answer.json()["error"]


def test_it_serves_its_table_and_nothing_else(service: HttpService) -> None:
    """Litestar's own routes are the handlers of our table: no schema pages, no static files, no mounts."""
    app = service.app._app  # type: ignore[attr-defined]  # Litestar behind the edge
    served = {(method, route.path) for route in app.routes for method in getattr(route, "methods", ())}
    declared = {
        (handler.opt["route"].method, handler.opt["route"].path.replace("}", ":str}")) for handler in ROUTES
    }
    assert {each for each in served if each[0] not in ("OPTIONS", "HEAD")} == declared
    assert [path for _, path in served if "schema" in path and path != "/schema"] == []


def test_it_has_one_version(api: httpx.Client) -> None:
    """The schema says the version that runs, and every path of it has one form: there is no older one to forget."""
    schema = api.get("/schema").json()
    assert schema["info"]["version"]
    assert [path for path in schema["paths"] if "/v1" in path or "/v2" in path] == []
