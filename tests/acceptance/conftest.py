"""What acceptance tests share."""

from __future__ import annotations

from collections.abc import Iterator

import httpx
import pytest
from http_service import HttpService, http_service
from serve_process import Serve, new_home, serving

from service.postgres import EmbeddedPostgres


@pytest.fixture(scope="session")
def serve() -> Iterator[Serve]:
    """One service for all tests that leave it as it was."""
    with new_home() as home, serving(home) as served:
        yield served


@pytest.fixture(scope="session")
def service(template_18: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[HttpService]:
    """The HTTP service in a thread of this process; each test makes a workspace of its own."""
    with http_service(template_18, tmp_path_factory.mktemp("home")) as running:
        yield running


@pytest.fixture
def api(service: HttpService) -> Iterator[httpx.Client]:
    """A client with the key of a new workspace."""
    with service.client() as client:
        yield client
