"""Whether time tells what is another workspace's from what is not there: a sign test over many pairs. No part of the suite.

    PYTHONPATH=. python tests/acceptance/timing.py 2000

Expected: of pairs of requests, one for a foreign thing and one for an unknown one, in random order, the foreign one is the
slower in half. A share beyond three standard errors from a half is a difference that somebody with patience can measure.
"""

from __future__ import annotations

import random
import sys
import time
from math import sqrt
from statistics import median

import httpx
from serve_process import new_home, run, serving

UNKNOWN = {"s": "s999999999", "m": "m999999999", "slug": "A" * 22}


def main(pairs: int) -> int:
    with new_home() as home, serving(home) as served:
        run("user", "create", "eve", environ=served.environ)
        run("workspace", "create", "hers", "--owner", "eve", environ=served.environ)
        key = run("key", "create", "--workspace", "hers", "--user", "eve", "--scope", "read", "--scope", "admin", environ=served.environ).stdout.strip()  # fmt: skip
        with (
            served.api() as owner,
            httpx.Client(base_url=served.url, headers={"Authorization": f"Bearer {key}"}) as other,
        ):
            return told(other, foreign(owner), pairs)


def foreign(owner: httpx.Client) -> dict[str, str]:
    """Things of the first workspace: a session, a message, the link of a page that is shared no more."""
    message = {
        "sessionExternalId": "theirs",
        "externalId": "m",
        "role": "user",
        "textContent": "words " * 2000,
    }
    id = owner.post("/sync/message", json=message).raise_for_status().json()["messageId"]
    shared = owner.patch("/api/sessions/theirs", json={"isPublic": True}).raise_for_status().json()["session"]
    owner.patch("/api/sessions/theirs", json={"isPublic": False}).raise_for_status()
    return {"s": shared["id"], "m": id, "slug": shared["slug"]}


def told(other: httpx.Client, theirs: dict[str, str], pairs: int) -> int:
    """Print a line for each kind of request; how many of them tell something."""
    kinds = {
        "GET /api/sessions/{s}": "s", "GET /api/sessions/x/messages?around={m}": "m", "DELETE /api/messages/{m}": "m",
        "GET /api/search?q=words&session={s}": "s", "GET /s/{slug}": "slug",
    }  # fmt: skip
    telling = 0
    for kind, name in kinds.items():
        method, path = kind.split(" ")
        paths = [path.replace(f"{{{name}}}", each[name]) for each in (theirs, UNKNOWN)]
        slower = 0
        times: tuple[list[float], list[float]] = ([], [])
        for _ in range(pairs):
            took = [0.0, 0.0]
            for which in random.sample((0, 1), 2):
                began_s = time.perf_counter()
                other.request(method, paths[which])
                took[which] = time.perf_counter() - began_s
                times[which].append(took[which])
            slower += took[0] > took[1]
        share, error = slower / pairs, 0.5 / sqrt(pairs)
        tells = abs(share - 0.5) > 3 * error
        telling += tells
        print(
            f"{kind:45} foreign {median(times[0]) * 1000:.2f} ms, unknown {median(times[1]) * 1000:.2f} ms, "
            f"foreign slower in {share:.1%} (+- {error:.1%}): {'TELLS' if tells else 'tells nothing'}"
        )
    return telling


if __name__ == "__main__":
    sys.exit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 1000))
