"""Live queries: how many streams, how late, at which price; every row with a load client that is measured itself.

reader.py    one process of the load client: raw sockets, marks and times
readers.py   all of them
stub.py      what the load client can do by itself
writing.py   commits at a pace; which of them arrived where, and when
setting.py   the service, its sessions, its own figures
many.py one.py price.py strain.py    the rows
"""

from __future__ import annotations

from benchmarks.live import many, one, price, strain
from benchmarks.live.setting import Setting
from benchmarks.report import Report
from benchmarks.running import Options, serving, wait_for_meaning

TITLE = "Live queries: from the acknowledged commit to the bytes at the client"
EXPECTED = """5,000 streams on one process; about 4 ms p50 and 40 ms p99 at 50 commits/s (a tick is a transaction of six round trips, and the worker's
indexing shares the cores); one topic with 1,000 subscribers about 60 ms p99, which is 1,000 writes to sockets; what is asked of Postgres does
not depend on the number of subscribers."""
ROWS = (many, one, price, strain)


def run(options: Options, report: Report) -> None:
    if options.url:
        report.note(
            "Left out: it stops processes, triggers and readers, which is for a service of its own only."
        )
        return
    with serving(options) as service:
        wait_for_meaning(service.client())
        setting = Setting(service, options)
        for rows in ROWS:
            rows.measure(setting, report)
