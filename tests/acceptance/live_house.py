"""A workspace of a service for tests of live streams, and a reader of it that stops reading."""

from __future__ import annotations

import socket

from http_service import HttpService
from live_reader import Reader


class House:
    """A service, a workspace of it, and ways in."""

    def __init__(self, service: HttpService) -> None:
        self.service = service
        self.workspace = service.workspace()
        self.key = service.key(self.workspace)
        self.url, self.database = service.url, service.resources.url

    def ring(self) -> None:
        """As the API does after a commit."""
        self.service.loop.call_soon_threadsafe(self.service.resources.bell.ring)


def told(reader: Reader) -> str:
    """The text of the one message."""
    return "".join(row.get("textContent", "") for row in reader.result()["messages"])


def stopped_reader(house: House, query: str) -> socket.socket:
    """A connection that asked, and reads nothing from now on."""
    connection = socket.socket()
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 18)  # before connecting, or it is not so
    connection.connect(house.service.address)
    request = (
        f"GET /api/live?q={query} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {house.key}\r\n\r\n"
    )
    connection.sendall(request.encode())
    return connection
