"""Where a browser's request comes from: the page that sends it, and the name under which it believes to find us.

Rule: what is allowed because of the cookie or of the address, and not because somebody showed a key, is allowed to
our own pages only. A page of another name or port is told by `Origin` or `Sec-Fetch-Site`; a page whose name was
bound to our address afterwards (DNS rebinding) is told by `Host`. docs/decisions/0012-people-and-keys.md has the
reasons.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Mapping
from urllib.parse import urlsplit

import msgspec

from service.errors import Forbidden
from service.settings import Settings

HOST = re.compile(r"(\[[0-9a-f:.]{2,45}\]|[a-z0-9](?:[a-z0-9_.-]{0,251}[a-z0-9_])?)\.?(?::(\d{1,5}))?")
PORTS = {"http": "80", "https": "443"}
OURS = ("same-origin", "none")
"""`Sec-Fetch-Site` of our own pages, and of what a person typed."""


class Hosts(msgspec.Struct, frozen=True):
    """The names that are ours besides this machine's own, and whether every keyless request must use one."""

    names: frozenset[str]
    checked: bool


def of_settings(settings: Settings) -> Hosts:
    """
    >>> hosts = of_settings(Settings(host="0.0.0.0", allowed_hosts="Backscroll.example, logs.example:8443"))
    >>> sorted(hosts.names), hosts.checked, of_settings(Settings(host="0.0.0.0")).checked
    (['backscroll.example', 'logs.example'], True, False)
    """
    names = frozenset(map(name_of, settings.allowed_hosts.replace(",", " ").split()))
    return Hosts(names - {""}, checked=bool(names) or is_this_machine(name_of(settings.host)))


def name_of(host: str) -> str:
    """The name in a Host header: lower case, without port and final dot; "" when it is none.

    >>> name_of("LocalHost.:8787"), name_of("[::1]:80"), name_of("::1"), name_of("a@b"), name_of("x/..")
    ('localhost', '[::1]', '[::1]', '', '')
    """
    host = host.strip().lower()
    match = HOST.fullmatch(f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host)
    return match[1] if match else ""


def is_this_machine(name: str) -> bool:
    """
    >>> [is_this_machine(name) for name in ("localhost", "127.0.0.1", "[::1]", "0.0.0.0", "evil.example", "localhost.evil.example")]
    [True, True, True, False, False, False]
    """
    try:
        return name == "localhost" or ipaddress.ip_address(name.strip("[]")).is_loopback
    except ValueError:
        return False


def is_ours(headers: Mapping[str, str], hosts: Hosts) -> bool:
    """Whether the name in the Host header is. None at all is no browser's doing."""
    if "host" not in headers:
        return True
    name = name_of(headers["host"])
    return name in hosts.names or is_this_machine(name)


def check_host(headers: Mapping[str, str], hosts: Hosts) -> None:
    """For requests without a key. Errors: `Forbidden`."""
    if hosts.checked and not is_ours(headers, hosts):
        raise Forbidden(
            "This name is not known here: use localhost, or have BACKSCROLL_ALLOWED_HOSTS name the one that you use."
        )


def is_own_page(headers: Mapping[str, str], *, writes: bool) -> bool:
    """Whether a page of ours asks, or no page at all; for `writes` the browser must have said so.

    >>> [is_own_page({"host": "a.example", "origin": origin}, writes=True) for origin in ("https://A.example:443", "http://a.example:3000", "null")]
    [True, False, False]
    """
    site, origin = headers.get("sec-fetch-site", "").strip().lower(), headers.get("origin", "").strip()
    if site and site not in OURS:
        return False
    if origin:
        return matches(origin, headers.get("host", ""))
    return site == "same-origin" or not writes


def check_page(headers: Mapping[str, str], *, writes: bool) -> None:
    """For requests by cookie. Errors: `Forbidden`."""
    if not is_own_page(headers, writes=writes):
        raise Forbidden(
            "A request by cookie must come from a page of this service (Origin is another, or missing): use a key."
        )


def matches(origin: str, host: str) -> bool:
    """Whether an Origin is that of the Host, in which a port that is its scheme's may be left out."""
    try:
        scheme = urlsplit(origin).scheme.lower()
    except ValueError:
        return False
    rest = origin[len(scheme) + 3 :]
    if scheme not in PORTS or not name_of(rest) or not name_of(host):
        return False
    return (name_of(rest), port_of(rest, scheme)) == (name_of(host), port_of(host, scheme))


def port_of(host: str, scheme: str) -> str:
    match = HOST.fullmatch(host.strip().lower())
    return (match[2] if match else None) or PORTS[scheme]
