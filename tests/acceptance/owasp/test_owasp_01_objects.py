"""OWASP API1:2023, broken object level authorization: what is another workspace's is answered like what is not there.

Bodies, statuses and rows are compared for every route in test_tenants_http; here what surrounds a body.
"""

from __future__ import annotations

import httpx
from http_service import HttpService
from resting import missing
from test_http_keys import planted
from test_tenants_http import CALLS, Names, filled, named

RESTS_ON = [
    "test_tenants_http.test_it_asks_every_route",
    "test_tenants_http.test_it_answers_for_what_is_anothers_as_for_what_is_not_there",
    "test_tenants_http.test_it_keeps_writes_in_their_own_workspace",
    "test_tenants_http.test_it_shows_no_hit_that_is_anothers",
    "test_tenants_http.test_it_does_not_take_anothers_cursor",
    "test_http_keys.test_it_keeps_two_workspaces_of_one_person_apart",
    "test_http_keys.test_it_takes_as_long_for_what_is_anothers_as_for_what_is_not_there",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


LEFT_OUT = ("POST /api/auth", "POST /sync", "POST /api/import", "GET /metrics", "GET /health")
"""What makes its own rows, and what tells of the process."""
PASSING = ("date", "server-timing", "x-request-id", "x-commit", "content-length")


def test_it_says_nothing_by_its_headers(service: HttpService) -> None:
    """For a foreign id, by number and by name, the status and every header are those for an unknown one."""
    workspace = service.workspace()
    message = planted(service, workspace).m
    with service.client(service.key(workspace)) as owner, service.client() as other:
        session = owner.get("/api/sessions/own").json()["session"]["id"]
        pairs = [
            (Names(s=session, m=message), Names(s="s999999999", m="m999999999")),
            (Names(s="own", m="m"), Names(s="none", m="n")),
        ]
        calls = [call for route, calls in CALLS.items() if not route.startswith(LEFT_OUT) for call in calls]
        for method, path, body in calls:
            for pair in pairs:
                theirs, nobodys = [
                    seen(other.request(method, filled(path, names), json=named(body, names)))
                    for names in pair
                ]
                assert theirs == nobodys, f"{method} {path}"


def seen(answer: httpx.Response) -> tuple[int, dict[str, str]]:
    return answer.status_code, {name: value for name, value in answer.headers.items() if name not in PASSING}
