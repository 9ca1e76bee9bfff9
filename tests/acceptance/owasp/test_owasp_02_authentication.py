"""OWASP API2:2023, broken authentication: one way in, in one place, told in the same words whatever is wrong.

A key is 192 random bits of which the hash is kept: there is nothing to guess, and no password to try.
"""

from __future__ import annotations

from http_service import HttpService
from resting import missing

from service.app import ROUTES

RESTS_ON = [
    "test_http_keys.test_it_asks_for_a_key",
    "test_http_keys.test_it_refuses_a_key_that_opens_nothing_on_every_route",
    "test_http_keys.test_it_refuses_hostile_keys",
    "test_http_keys.test_it_refuses_an_expired_key",
    "test_http_keys.test_it_forgets_a_revoked_key_within_about_a_second",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


def test_it_takes_a_key_in_the_header_only(service: HttpService) -> None:
    """A key in the path's query, in a body, in another header or as another's cookie opens nothing: it would stand in logs."""
    key = service.key(service.workspace())
    with service.client("osk_unknown") as api:
        del api.headers["authorization"]
        for handler in ROUTES:
            spec = handler.opt["route"]
            if spec.scope is None:
                continue
            answer = api.request(
                spec.method,
                spec.path,
                params=dict.fromkeys(("key", "api_key", "token", "access_token"), key),
                headers={
                    "X-Api-Key": key,
                    "Proxy-Authorization": f"Bearer {key}",
                    "Cookie": f"backscroll_session={key}",
                },
                json={"key": key},
            )
            assert answer.status_code in (401, 403), spec.path
            assert key not in answer.text


def test_it_says_which_way_a_key_is_shown(service: HttpService) -> None:
    """A 401 names the scheme, and the same headers for every reason."""
    with service.client("osk_unknown") as api:
        answers = [
            api.get("/api/stats", headers={"Authorization": given})
            for given in ("", "Bearer osk_x", "Bearer x")
        ]
    assert [answer.headers["www-authenticate"] for answer in answers] == ["Bearer"] * 3
    assert len({tuple(sorted(answer.headers)) for answer in answers}) == 1


def test_it_keeps_no_key_that_could_be_stolen(service: HttpService) -> None:
    """The database knows a key by its hash: the key itself stands in no row."""
    workspace = service.workspace()
    key = service.key(workspace)
    (row,) = service.rows(workspace[0], "select to_jsonb(k)::text as row from api_keys k")
    assert key not in row["row"]
    assert key.removeprefix("osk_") not in row["row"]
