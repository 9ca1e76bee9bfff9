"""schemathesis against a service: every route from its own OpenAPI description, right data and wrong.

    make fuzz                                    ten minutes, against a service of its own
    make fuzz SECONDS=180                        three
    python tests/acceptance/fuzzing.py 3600      an hour

Rule: no answer is 5xx, each conforms to /schema, wrong data is refused, and (not in the suite) right data taken. What a schema cannot say
(which data contradict each other, which lines a stream has) stands in `fuzz_hooks.py`; where data that is wrong in a part
may be taken, in CONFIG, with the reason.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import httpx
import msgspec
from serve_process import new_home, serving

from service.api import examples

HERE = Path(__file__).parent
CONFIG = """
hooks = "fuzz_hooks"
request-timeout = 30 # a stream that does not end is one that was not asked for

[phases.stateful]
max-steps = 8

[checks] # lists of parameters may be longer than a head may be, and bodies longer than their lists
negative_data_rejection.expected-statuses = ["400", "401", "403", "404", "405", "406", "409", "413", "415", "422", "428", "429", "431"]
positive_data_acceptance.expected-statuses = ["2xx", "3xx", "401", "403", "404", "409", "429", "431", "5xx"]

[[operations]] # items and lines fail alone: they are told in `errors`, and the answer is 200
include-path = ["/sync/batch", "/api/import", "/api/usage"]
checks.negative_data_rejection.enabled = false

[[operations]] # a null counts as absent wherever it stands, 0 and 1 as false and true
include-path = ["/api/search", "/search", "/api/searches", "/api/usage/rates"]
checks.negative_data_rejection.enabled = false

[[operations]] # so it does here, and there is too much else at the path to leave it out
include-name = ["POST /api/context", "PATCH /api/messages/{id}", "PATCH /api/sessions/{id}"]
checks.negative_data_rejection.enabled = false

[[operations]] # read as OpenSync reads what its clients send: a blank id counts as absent, and dates have more forms than a pattern
include-path = ["/sync/session", "/sync/message"]
checks.negative_data_rejection.enabled = false

[[operations]] # names of tokenizers, of zones within a body's filter, and a search within a body
include-path = ["/api/context", "/api/evals/labels", "/api/evals/preview", "/api/export/evals", "/api/searches"]
checks.positive_data_acceptance.enabled = false

[[operations]] # with a key in the header the body is not looked at
include-path = "/api/auth/session"
checks.negative_data_rejection.enabled = false
"""
WHATEVER_IS_RIGHT = ("[checks]", "[checks]\npositive_data_acceptance.enabled = false")
PHASES = (("examples,coverage,fuzzing", 0.75), ("stateful", 0.25))
"""And what share of the time each has: on a busy machine the first would leave none to the second."""


class Report(msgspec.Struct):
    """What a run came to."""

    passed: bool
    summary: str
    """From the counts by phase to the last line, as schemathesis prints it; failures with the request that shows them."""


def fuzz(api: httpx.Client, *, seconds: int, takes_right: bool = True) -> Report:
    """Ask every route of this client's service for so long, with its key, which must be one of `admin`.

    `takes_right`: that data as the schema wants it is taken is asked too, which few seconds of luck may break.
    """
    environ = {**os.environ, "PYTHONPATH": str(HERE), "FUZZ_PLANTED": json.dumps(plant(api))}
    with tempfile.TemporaryDirectory() as folder:
        config = Path(folder) / "schemathesis.toml"
        config.write_text(CONFIG if takes_right else CONFIG.replace(*WHATEVER_IS_RIGHT))
        reports = []
        for phases, share in PHASES:
            command = [
                sys.executable, "-m", "schemathesis.cli", "--config-file", str(config), "--no-color", "run",
                f"{api.base_url}/schema", "--header", f"Authorization: {api.headers['authorization']}", "--phases", phases,
                "--max-time", str(round(seconds * share)), "--continue-on-failure", "--generation-database", "none",
                "--suppress-health-check", "all", "--warnings", "off",
            ]  # fmt: skip
            ran = subprocess.run(command, cwd=folder, env=environ, capture_output=True, text=True)
            passed = ran.returncode == 0 and "generated" in ran.stdout
            reports.append(Report(passed, ran.stdout[ran.stdout.find("API capabilities") :] + ran.stderr))
    return Report(all(each.passed for each in reports), "\n".join(each.summary for each in reports))


def plant(api: httpx.Client) -> dict[str, str]:
    """A session with a message and a shared page; an id of it for each route that has one in its path."""
    api.post("/sync/session", json=examples.SESSION_BODY).raise_for_status()
    message = api.post("/sync/message", json=examples.MESSAGE_BODY).raise_for_status().json()["messageId"]
    session = str(examples.SESSION_BODY["externalId"])
    shared = (
        api.patch(f"/api/sessions/{session}", json={"isPublic": True}).raise_for_status().json()["session"]
    )
    return {
        "/api/sessions/{id}": session,
        "/api/sessions/{id}/messages": session,
        "/api/messages/{id}": message,
        "/s/{slug}": shared["slug"],
    }


def main() -> int:
    seconds = int(sys.argv[1]) if len(sys.argv) > 1 else 600
    with new_home() as home, serving(home) as served, served.api() as api:
        report = fuzz(api, seconds=seconds)
    print(report.summary)
    return 0 if report.passed else 1


if __name__ == "__main__":
    sys.exit(main())
