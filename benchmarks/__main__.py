"""`python -m benchmarks`: see the package's docstring."""

from __future__ import annotations

import argparse
import sys
import time
from http.client import HTTPException
from importlib import import_module
from pathlib import Path

import psycopg

from benchmarks.measure import say
from benchmarks.report import Report, write_page
from benchmarks.running import BenchmarkError, Options

NAMES = (
    "startup",
    "embedding",
    "ingest",
    "importing",
    "freshness",
    "live.one",
    "live.many",
    "live.held",
    "live.capture",
    "live.quiet",
    "live.restart",
    "live.stopped",
    "search",
    "vectors",
    "retrieval",
    "context",
    "rollup",
)


def main() -> int:
    """Run the named benchmarks, one after the other; each one's figures are kept also when a later one fails."""
    names, options = _asked()
    failed = 0
    for name in names:
        room = import_module(f"benchmarks.{name}")
        report = Report(name, room.TITLE, room.EXPECTED, quick=options.quick, goes_on=bool(options.parts))
        say(f"{room.TITLE}\n  expected: {report.section.expected}")
        start = time.perf_counter()
        try:
            room.run(options, report)
            report.finish()
        except (BenchmarkError, HTTPException, OSError, psycopg.Error) as error:
            report.note(f"Ended early ({type(error).__name__}): {error}")
            failed = 1
        finally:
            page = write_page(NAMES)
        say(f"  {time.perf_counter() - start:.0f} s\n")
    say(f"Written: {page}")
    return failed


def _asked() -> tuple[list[str], Options]:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks", description="Measure Backscroll into benchmarks/results.md."
    )
    parser.add_argument(
        "names", nargs="*", metavar="name", help=f"of {', '.join(NAMES)}; live: all of live.*; default: all"
    )
    parser.add_argument("--quick", action="store_true", help="small amounts: minutes instead of an hour")
    parser.add_argument("--url", default="", help="a service that runs already; it keeps what is sent to it")
    parser.add_argument("--key", default="", help="an API key of it")
    parser.add_argument("--database-url", default="", help="its Postgres, for the baselines")
    parser.add_argument(
        "--home", type=Path, help="where our own service lives; it is kept, for further parts"
    )
    parser.add_argument(
        "--part", action="append", default=[], help="only this part of a benchmark; may be repeated"
    )
    parser.add_argument(
        "--ablate", action="store_true", help="retrieval: also with parts of the ranking left out"
    )
    given = parser.parse_args()
    names = [name for asked in given.names for name in (of_room(asked) or [asked])]
    unknown = sorted({*names} - {*NAMES})
    if unknown:
        parser.error(f"There is no benchmark {', '.join(unknown)}: choose of {', '.join(NAMES)}.")
    if given.url and not given.key:
        parser.error("Give --key with --url: an API key of that service.")
    names = names or list(NAMES)
    known = {part for name in names for part in getattr(import_module(f"benchmarks.{name}"), "PARTS", ())}
    if strange := sorted({*given.part} - known):
        parser.error(
            f"There is no part {', '.join(strange)}: choose of {', '.join(sorted(known)) or 'none'}."
        )
    return names, Options(
        given.quick, given.url, given.key, given.database_url, given.home, tuple(given.part), given.ablate
    )


def of_room(room: str) -> list[str]:
    """
    >>> of_room("live")[:2], of_room("search")
    (['live.one', 'live.many'], [])
    """
    return [name for name in NAMES if name.startswith(f"{room}.")]


if __name__ == "__main__":
    sys.exit(main())
