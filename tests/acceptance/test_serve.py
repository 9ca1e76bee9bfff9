"""`backscroll serve`: one command starts everything, keeps it running, and stops it."""

from __future__ import annotations

import socket
import stat

import psutil
from serve_process import STOP_S, Serve, environ, new_home, run, serving

RESTART_S = 5.0
CODE_OK, CODE_SETTING, CODE_RUNNING = 0, 2, 3


def message(external_id: str, text: str) -> dict[str, object]:
    return {"sessionExternalId": "serve-test", "externalId": external_id, "role": "user", "textContent": text}


def stored_and_found(served: Serve, word: str) -> bool:
    """Send a message with this word and search for it, waiting for the index by the commit token."""
    with served.api() as api:
        sent = api.post("/sync/message", json=message(word, f"the word is {word}"))
        found = api.get(
            "/api/search", params={"q": word, "type": "fulltext", "commit": sent.headers["X-Commit"]}
        )
    return bool(found.status_code == 200 and found.json()["total"] == 1)


def still_running(processes: list[psutil.Process], *, timeout_s: float) -> list[psutil.Process]:
    """Those that have not ended; one that its new parent has not collected yet has."""
    _, left = psutil.wait_procs(processes, timeout=timeout_s)
    return [process for process in left if process.is_running() and process.status() != psutil.STATUS_ZOMBIE]


def test_it_can_be_searched_when_it_says_that_it_is_ready(serve: Serve) -> None:
    """After the ready line a message can be stored and found by its words, with the key of the key file."""
    assert stored_and_found(serve, "aardvark")


def test_it_says_where_the_key_is_and_only_its_owner_reads_it(serve: Serve) -> None:
    """The ready line names the key file, whose mode is 0600, and an example."""
    key_file = serve.home / "api-key"
    assert str(key_file) in serve.greeting
    assert "try: backscroll import" in serve.greeting  # a search finds nothing in an empty service
    assert stat.S_IMODE(key_file.stat().st_mode) == 0o600


def test_it_refuses_a_second_serve_on_its_home(serve: Serve) -> None:
    """The second one says who holds the home and exits with 3; the first goes on."""
    second = run("serve", "--port", "0", environ=serve.environ)
    assert second.returncode == CODE_RUNNING
    assert f"already runs on {serve.home} (process {serve.process.pid})" in second.stderr
    assert second.stderr.count("\n") == 1


def test_it_names_a_port_that_is_in_use_and_starts_nothing() -> None:
    """A port that something else listens on is told before a database is made."""
    with socket.create_server(("127.0.0.1", 0)) as taken, new_home() as home:
        port = taken.getsockname()[1]
        refused = run("serve", "--port", str(port), environ=environ(home))
        assert refused.returncode == CODE_SETTING
        assert f"Port {port}" in refused.stderr
        assert not (home / "postgres").exists()


def test_it_starts_a_killed_api_again(serve: Serve) -> None:
    """A client that connects while the API is away waits, and is answered within 5 seconds."""
    killed = serve.child("api")
    killed.kill()
    psutil.wait_procs([killed], timeout=RESTART_S)
    with serve.api() as api:
        assert api.get("/health", timeout=RESTART_S).status_code == 200
    assert serve.child("api").pid != killed.pid


def test_it_starts_a_killed_worker_again(serve: Serve) -> None:
    """What is stored after the worker died can be found within 5 seconds."""
    killed = serve.child("worker")
    killed.kill()
    psutil.wait_procs([killed], timeout=RESTART_S)
    assert stored_and_found(serve, "bandicoot")


def test_it_stops_cleanly_and_survives_its_own_death() -> None:
    """SIGKILL to serve ends all that it started; the next start has the data; SIGTERM ends it within 10 s with 0."""
    with new_home() as home:
        with serving(home) as first:
            assert stored_and_found(first, "capybara")
            first.process.kill()
            assert still_running(first.tree, timeout_s=STOP_S) == []
        with serving(home) as second:
            with second.api() as api:
                assert (
                    api.get("/api/search", params={"q": "capybara", "type": "fulltext"}).json()["total"] == 1
                )
            assert second.stop() == CODE_OK
            assert still_running(second.tree, timeout_s=0.0) == []
