"""The service that is measured: one of our own in a fresh temporary home, or one that runs already; and its client."""

from __future__ import annotations

import http.client
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

import msgspec
import psycopg

from benchmarks.measure import Progress
from service.postgres import running_url
from service.storage.people import key_sha256

READY_WITHIN_S = 180.0
STOPPED_WITHIN_S = 30.0
IDLE_S = 2.0
"""A connection that rested longer is opened anew: the service closes it after 5 s."""


class BenchmarkError(Exception):
    """The service did not do what a benchmark needs; the text says what."""


class NotYet(BenchmarkError):
    """The service answered 503: not ready, or a commit token not reached."""


@dataclass(frozen=True)
class Options:
    """What the command line asked for."""

    quick: bool = False
    url: str = ""
    """Of a service that runs; empty: each benchmark starts its own."""
    key: str = ""
    database_url: str = ""
    """Of that service's Postgres, for the baselines; empty: they are left out."""
    home: Path | None = None
    """Where a service of our own lives and is kept; None: in a fresh one, which is removed."""
    parts: tuple[str, ...] = ()
    """Only these parts of a benchmark that has some; empty: all. What they add goes to what was kept of others."""
    ablate: bool = False
    """Rank the labelled sets also with parts of the ranking left out."""


@dataclass(frozen=True)
class Service:
    url: str
    key: str
    database_url: str = ""
    home: Path | None = None
    process: subprocess.Popen[bytes] | None = None

    def client(self) -> Client:
        return Client(self.url, self.key)


class Client:
    """One kept connection, of one thread. Every answer but 200 is a `BenchmarkError`."""

    def __init__(self, url: str, key: str) -> None:
        address = urlsplit(url)
        self._connection = http.client.HTTPConnection(
            address.hostname or "127.0.0.1", address.port or 80, timeout=120
        )
        self._headers = {"Authorization": f"Bearer {key}", "Content-Type": "application/json"}
        self._used_at_s = 0.0
        self.token = ""
        """The commit token of the last write."""

    def get(self, path: str, **parameters: object) -> Any:
        return self.send("GET", f"{path}?{urlencode(parameters)}" if parameters else path)

    def post(self, path: str, value: object) -> Any:
        return self.send("POST", path, msgspec.json.encode(value))

    def send(self, method: str, path: str, body: bytes | None = None) -> Any:
        """The decoded body. `body` is JSON already: a benchmark encodes before it looks at the clock."""
        if time.monotonic() - self._used_at_s > IDLE_S:
            self._connection.close()  # the next request opens it again
        self._connection.request(method, path, body, self._headers)
        answer = self._connection.getresponse()
        content = answer.read()
        self._used_at_s = time.monotonic()
        if answer.status != 200:
            raise (NotYet if answer.status == 503 else BenchmarkError)(
                f"{method} {path.partition('?')[0]} answered {answer.status}: {content[:300]!r}"
            )
        self.token = answer.headers.get("X-Commit", self.token)
        return msgspec.json.decode(content)

    def search(self, q: str, **asked: object) -> Any:
        return self.post("/search", {"q": q, **asked})

    def lags(self) -> tuple[int, int]:
        """Messages that wait for the text index, passages that wait for a vector."""
        index = self.search("lag", type="fulltext", limit=1)["index"]
        return int(index["textLag"]), int(index["vectorLag"])


@contextmanager
def serving(options: Options, *, environ: Mapping[str, str] | None = None) -> Iterator[Service]:
    """A ready service: the one named by the options, else our own, ended and removed at the end."""
    if options.url:
        yield Service(options.url.rstrip("/"), options.key, options.database_url)
        return
    with nullcontext(options.home) if options.home else fresh_home() as home:
        service = start(home, environ=environ)
        try:
            yield service
        finally:
            stop(service)


@contextmanager
def fresh_home() -> Iterator[Path]:
    """A home that does not exist yet, in a directory that the system user of a `serve` as root can enter."""
    with tempfile.TemporaryDirectory(
        prefix="backscroll-bench-", dir="/tmp", ignore_cleanup_errors=True
    ) as directory:
        Path(directory).chmod(0o755)
        home = Path(directory) / "home"
        yield home
        if (home / "postgres").is_symlink():
            shutil.rmtree((home / "postgres").resolve(), ignore_errors=True)


def start(home: Path, *, environ: Mapping[str, str] | None = None) -> Service:
    """Run `backscroll serve` until /health answers 200. Errors: `BenchmarkError` with the end of its log."""
    port, log = free_port(), home.parent / "serve.log"
    clean = {name: value for name, value in os.environ.items() if not name.startswith("BACKSCROLL_")}
    with log.open("ab") as file:
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                "from service.cli import main; main()",
                "serve",
                "--home",
                str(home),
                "--port",
                str(port),
            ],
            env={**clean, "BACKSCROLL_HOME": str(home), "BACKSCROLL_LOG_LEVEL": "warning", **(environ or {})},
            stdout=file,
            stderr=file,
            start_new_session=True,  # Ctrl-C is ours: we end it in order
        )
    service = Service(f"http://127.0.0.1:{port}", "", home=home, process=process)
    try:
        _wait_until_ready(service, log)
        key = (home / "api-key").read_text().strip()
        return Service(service.url, key, running_url(home) or "", home, process)
    except BaseException:
        stop(service)
        raise


def stop(service: Service) -> float:
    """End what `start` began; how long it took, in seconds."""
    assert service.process is not None, "only what was started here is ended here"
    begun = time.perf_counter()
    if service.process.poll() is None:
        service.process.send_signal(signal.SIGTERM)
    try:
        service.process.wait(STOPPED_WITHIN_S)
    except subprocess.TimeoutExpired:
        service.process.kill()
        service.process.wait()
    return time.perf_counter() - begun


def settle(client: Client, what: str, *, meaning: bool = True) -> None:
    """Wait until this client's writes can be found, and nothing else waits: by words, and (`meaning`) by meaning."""
    progress = Progress(what, 0, "indexed")
    while waiting := _waiting(client, meaning=meaning):
        progress.total = max(progress.total, waiting)
        progress.at(progress.total - waiting)
        time.sleep(0.25)
    if progress.total:
        progress.at(progress.total)


def wait_for_meaning(client: Client, *, within_s: float = READY_WITHIN_S) -> None:
    """Until a message is found by its meaning: a first start exports the model in the background."""
    end = time.monotonic() + within_s
    name = f"bench-{time.time_ns()}"  # another each time: what was deleted once is not taken again
    message = {"sessionExternalId": name, "externalId": name, "role": "user", "textContent": "Warm up."}
    client.post("/sync/batch", {"messages": [message]})
    while client.search("warm up", type="semantic", limit=1)["modeUsed"] != "semantic":
        if time.monotonic() > end:
            raise BenchmarkError(f"Searching by meaning is not ready {within_s:.0f} s after the start.")
        time.sleep(0.1)
    found = client.get("/api/sessions/get", id=name)
    client.send("DELETE", f"/api/sessions/{found['session']['id']}")


def _waiting(client: Client, *, meaning: bool) -> int:
    """How many messages and passages wait; at least 1 while the client's last write is not reached."""
    text, vectors = client.lags()
    if text or (meaning and vectors):
        return text + (vectors if meaning else 0)
    reached: dict[str, object] = {"commit": client.token} if client.token else {}
    try:
        client.search("lag", type="semantic" if meaning else "fulltext", limit=1, **reached)
        return 0
    except NotYet:
        return 1


@contextmanager
def tables(service: Service) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
    """A connection to the service's Postgres that sees the rows of the key's workspace, as the service's own do."""
    with psycopg.connect(service.database_url, autocommit=True) as conn:
        conn.execute("set role backscroll_app")
        conn.execute("select set_config('backscroll.workspace', %s, false)", [str(workspace_id(service))])
        yield conn


def workspace_id(service: Service) -> int:
    """The workspace that the service's key opens."""
    with psycopg.connect(service.database_url, autocommit=True) as conn:
        conn.execute("set role backscroll_system")
        row = conn.execute(
            "select workspace_id from api_keys where key_sha256 = %s", [key_sha256(service.key)]
        ).fetchone()
    if row is None:
        raise BenchmarkError(
            "The key is not one of this database: give the --database-url of the service at --url."
        )
    return int(row[0])


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def _wait_until_ready(service: Service, log: Path) -> None:
    end = time.monotonic() + READY_WITHIN_S
    client = service.client()
    while True:
        assert service.process is not None
        if service.process.poll() is not None or time.monotonic() > end:
            raise BenchmarkError(
                f"`backscroll serve` did not get ready. Its log ends:\n{log.read_text()[-2000:]}"
            )
        try:
            client.get("/health")
            return
        except (OSError, http.client.HTTPException, BenchmarkError):
            client = service.client()
            time.sleep(0.02)
