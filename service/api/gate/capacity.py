"""How much one process takes on at once: requests, and bytes of their bodies.

Rule: what is too much is refused before it costs anything: a request before its key is looked up, a body before it
is read. Who is refused is told when to come again. Who sends a body takes no place while it comes, so that slow
clients do not keep others out; streams take none once they are open.
"""

from __future__ import annotations

from service.errors import Busy


class Capacity:
    """What runs now, and how much of it there may be."""

    def __init__(self, *, requests: int, body_bytes: int) -> None:
        self._most_requests = requests
        self._most_bytes = body_bytes
        self.requests = 0
        self.body_bytes = 0
        """Of bodies that are being read or worked on, packed and unpacked."""

    @property
    def is_full(self) -> bool:
        return self.requests >= self._most_requests

    def has_room(self, more_bytes: int) -> bool:
        """Whether a body fits beside the others; alone each does, up to the limit of one body."""
        return self.body_bytes == 0 or self.body_bytes + more_bytes <= self._most_bytes


class Load:
    """What one request takes of it; `end` gives all of it back.

    >>> capacity = Capacity(requests=1, body_bytes=10)
    >>> first, second = Load(capacity), Load(capacity)
    >>> first.begin(); first.take(9)
    >>> second.expect(2)
    Traceback (most recent call last):
    service.errors.Busy: The service is reading as many bodies as it can hold: send it again in a moment.
    >>> capacity.is_full, first.end(), capacity.is_full, capacity.body_bytes
    (True, None, False, 0)
    """

    def __init__(self, capacity: Capacity) -> None:
        self._capacity = capacity
        self._runs = False
        self._bytes = 0

    def begin(self) -> None:
        """Errors: `Busy`."""
        if self._capacity.is_full:
            raise Busy("The service has as many requests as it can answer: send it again in a moment.")
        self._capacity.requests += 1
        self._runs = True

    def expect(self, more_bytes: int) -> None:
        """Errors: `Busy` when so many bytes more would not fit."""
        if not self._capacity.has_room(more_bytes) and self._bytes < self._capacity.body_bytes:
            raise Busy("The service is reading as many bodies as it can hold: send it again in a moment.")

    def take(self, more_bytes: int) -> None:
        """Errors: `Busy`."""
        self.expect(more_bytes)
        self._capacity.body_bytes += more_bytes
        self._bytes += more_bytes

    def rest(self) -> None:
        """It does not count among the requests for now: its client sends a body, or its stream is open."""
        if self._runs:
            self._capacity.requests -= 1
            self._runs = False

    def end(self) -> None:
        self.rest()
        self._capacity.body_bytes -= self._bytes
        self._bytes = 0
