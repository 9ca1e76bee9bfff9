"""The address that the API listens on: taken before anything is started, so that a port in use is told at once."""

from __future__ import annotations

import errno
import os
import socket
import time

from service.errors import SettingError

PATIENCE_S = 2.0
"""A service that was killed needs a moment to let go of its port."""


def take(host: str, port: int) -> socket.socket:
    """A socket bound to the address, not listening yet: until it does, connections are refused, not kept waiting.

    `port` 0 takes any free one. A child that is handed the socket listens; while we hold it too, clients that
    connect during a restart of that child wait and are not refused.
    Errors: `SettingError` names the address and what is wrong with it.
    """
    deadline = time.monotonic() + PATIENCE_S
    while True:
        try:
            return _bind(host, port)
        except OSError as error:
            if error.errno != errno.EADDRINUSE or time.monotonic() > deadline:
                raise SettingError(_refusal(host, port, error)) from error
            time.sleep(0.05)


def _bind(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    bound = socket.socket(family, kind, protocol)
    try:
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind(address)
    except OSError:
        bound.close()
        raise
    return bound


def _refusal(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return f"Port {port} on {host} is in use: stop what listens there, or choose another with --port or BACKSCROLL_PORT."
    if error.errno == errno.EACCES:
        return f"Port {port} needs rights that this user lacks: choose one above 1023 with --port or BACKSCROLL_PORT."
    reason = error.strerror or os.strerror(error.errno or 0)
    return f"Backscroll cannot listen on {host} ({reason}): choose an address of this machine with --host or BACKSCROLL_HOST."
