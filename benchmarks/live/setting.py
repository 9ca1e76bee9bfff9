"""What all rows of the benchmark share: the service with its API process, its sessions, and its own figures."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.client import HTTPException
from itertools import count
from typing import Any

import psutil
import psycopg

from benchmarks import corpus
from benchmarks.measure import in_batches
from benchmarks.report import Report
from benchmarks.running import BenchmarkError, Client, Options, Service, serving, wait_for_meaning
from benchmarks.running import tables as tables_of

BATCH = 100
FIGURE = re.compile(r"^backscroll_(\w+) (\S+)$", re.MULTILINE)


def on_its_own(measure: Callable[[Setting, Report], None]) -> Callable[[Options, Report], None]:
    """A benchmark with a service of its own, which it may stop, and whose triggers it may switch off."""

    def run(options: Options, report: Report) -> None:
        if options.url:
            report.note(
                "Left out: it stops processes, triggers and readers, which is for a service of its own only."
            )
            return
        with serving(options) as service:
            wait_for_meaning(service.client())
            setting = Setting(service, options)
            measure(setting, report)
            report.note(f"Writes that were answered 503 and sent again: {setting.refused}.")

    return run


class Setting:
    """One service under load. Marks are counted on, so that no two messages of a run have the same."""

    def __init__(self, service: Service, options: Options) -> None:
        self.service, self.quick = service, options.quick
        self.marks = count(1)
        self.refused = 0
        """Writes that were answered 503, and sent again."""

    def client(self) -> Client:
        return self.service.client()

    def sessions(self, name: str, many: int, *, messages: int = 1, chars: int = 200) -> list[str]:
        """External ids of sessions with so many messages each; those that are there under that name already, stay."""
        ids = [f"live-{name}-{place}" for place in range(many)]
        texts = corpus.texts(many * messages, seed=len(name), chars=chars)
        sent = [message(id, f"{id}-{place}", next(texts)) for id in ids for place in range(messages)]
        client = self.client()
        for batch in in_batches(sent, BATCH):
            client.post("/sync/batch", {"messages": batch})
        return ids

    def figures(self) -> dict[str, float]:
        """What /metrics says, where it has no label."""
        text = Raw(self.service).text("/metrics")
        return {name: float(value) for name, value in FIGURE.findall(text)}

    def api(self) -> psutil.Process:
        """The process of the API. Errors: `BenchmarkError`."""
        return self._child("api")

    def worker(self) -> psutil.Process:
        return self._child("worker")

    def _child(self, verb: str) -> psutil.Process:
        assert self.service.process is not None, "only of a service of our own"
        for child in psutil.Process(self.service.process.pid).children():
            if "service.cli" in child.cmdline() and verb in child.cmdline():
                return child
        raise BenchmarkError(f"The service has no {verb} process.")

    @contextmanager
    def tables(self) -> Iterator[psycopg.Connection[tuple[Any, ...]]]:
        with tables_of(self.service) as conn:
            yield conn

    def quiet(self) -> None:
        """Until the worker has nothing to do: what it computes would be measured with."""
        client, end = self.client(), time.monotonic() + 300
        while any(client.lags()):
            if time.monotonic() > end:
                raise BenchmarkError("The indexes did not catch up within 300 s.")
            time.sleep(0.2)


class Raw(Client):
    """For an answer that is no JSON."""

    def __init__(self, service: Service) -> None:
        super().__init__(service.url, service.key)

    def text(self, path: str) -> str:
        self._connection.close()
        self._connection.request("GET", path, headers=self._headers)
        return self._connection.getresponse().read().decode()

    def ready(self) -> bool:
        """Whether /health is answered."""
        try:
            return "ok" in self.text("/health")
        except (OSError, HTTPException):
            return False


def message(session: str, external_id: str, text: str) -> Mapping[str, Any]:
    """As a client sends it."""
    return {
        "sessionExternalId": session,
        "externalId": external_id,
        "role": "assistant",
        "textContent": text,
        "source": "claude-code",
    }
