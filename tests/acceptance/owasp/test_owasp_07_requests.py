"""OWASP API7:2023, server side request forgery: the service fetches nothing, whatever it is given."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import closing

import httpx
import pytest
from resting import missing

from service.api.about import openapi
from service.api.gate.params import properties
from service.api.gate.routes import Route
from service.app import ROUTES

SPECS: list[Route] = [handler.opt["route"] for handler in ROUTES]

RESTS_ON = [
    "test_nothing_leaves.test_it_imports_no_runtime_that_reports_to_its_maker",
]


def test_it_rests_on_tests_that_are_there() -> None:
    """What this file does not ask again is asked there."""
    assert missing(RESTS_ON) == []


@pytest.fixture
def target() -> Iterator[socket.socket]:
    """Somebody who listens, and should hear nothing."""
    with closing(socket.create_server(("127.0.0.1", 0))) as listener:
        listener.settimeout(0.2)
        yield listener


def test_it_fetches_nothing_that_it_is_given(api: httpx.Client, target: socket.socket) -> None:
    """An address in every text of every body and parameter, in parts, in names and in headers: nobody calls there."""
    url = f"http://127.0.0.1:{target.getsockname()[1]}/x"
    image = {"type": "image", "content": {"url": url, "source": {"type": "url", "url": url}}}
    parts = [image, {"type": "file", "content": {"url": url}}, {"type": "text", "content": f"![x]({url})"}]
    for spec in SPECS:
        asked = dict.fromkeys(properties(spec.asks), url)
        known = {name for struct in openapi.bodies(spec) for name in properties(struct)}
        body = (spec.example_body or {}) | dict.fromkeys(
            known - {"role", "type", "externalId", "sessionExternalId"}, url
        )
        path = spec.path.replace("{id}", "ses_4a1f").replace("{slug}", "x")
        for params in (asked, {}):
            for content in (
                body,
                (spec.example_body or {})
                | {"title": url, "textContent": url, "parts": parts, "projectPath": url},
            ):
                headers = {
                    "Referer": url,
                    "X-Forwarded-For": "127.0.0.1",
                    "Forwarded": f"host={url}",
                    "X-Callback-Url": url,
                }
                sent = content if spec.takes is not None else None
                api.request(spec.method, path, params=params, json=sent, headers=headers)
    stored = api.get("/api/sessions/ses_4a1f/messages")
    assert stored.status_code in (200, 404)
    with pytest.raises(TimeoutError):
        target.accept()
