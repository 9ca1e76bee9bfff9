"""Crashes at random while clients send and transcripts are imported: does everything that was acknowledged stay?

    make crash-test
    python tests/endurance/crash.py --rounds 5 --seed 7

A round waits for some acknowledged writes, kills (`crash_victim.KINDS`), waits until all is ready, and looks for what
was acknowledged by its words. At the end everything is looked for, by word and by meaning, in the tables and in the
text index, and compared with a control. Prints a line a round and what is wrong; exit code 1 when something is.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path

import crash_checks as checks
import msgspec
from crash_load import Load, wire
from crash_victim import KINDS, Victim

from benchmarks.running import fresh_home

MOST_BATCHES = 12
"""That are acknowledged before something is killed."""
ROUND_S = 60.0
SHOWN = 20

Report = Callable[[str], None]


class Round(msgspec.Struct, frozen=True):
    number: int
    kind: str
    hit: int
    """Processes."""
    recovered_s: float
    acknowledged: int
    """Messages, in all, when it was over."""
    imports: int
    wrong: list[str]


class Result(msgspec.Struct):
    seed: int
    rounds: list[Round] = []
    acknowledged: int = 0
    imported: int = 0
    in_doubt: int = 0
    tries: int = 0
    by_word: int = 0
    """Messages that were looked for by their word, at the end."""
    seconds: float = 0.0
    wrong: list[str] = []


def run(
    *,
    rounds: int,
    seed: int,
    environ: Mapping[str, str],
    batches: int = MOST_BATCHES,
    report: Report = lambda line: None,
) -> Result:
    """Crash `rounds` times, each after up to so many batches; what came of it. The same seed hits the same things in the
    same order."""
    rng, result, begun_s = random.Random(seed), Result(seed), time.monotonic()
    with fresh_home() as home, tempfile.TemporaryDirectory() as folder:
        victim = Victim(home, environ)
        with victim:
            victim.recover()
            with Load(victim, Path(folder), rng) as load:
                report(
                    f"{'round':>5} {'killed':10} {'processes':>9} {'ready in s':>10} {'messages':>9} {'imports':>7}  wrong"
                )
                for kind in kinds(rounds, rng):
                    result.rounds.append(one_round(len(result.rounds) + 1, kind, victim, load, rng, batches))
                    report(line(result.rounds[-1]))
            result.wrong = [wrong for each in result.rounds for wrong in each.wrong] + load.faults
            result.wrong += final(victim, load, result)
            stored = checks.message_ids(victim)
        result.wrong += checks.index_holds(home, stored)
    result.seconds = round(time.monotonic() - begun_s, 1)
    return result


def kinds(rounds: int, rng: random.Random) -> list[str]:
    """Each kind once before one comes again, in random order."""
    found: list[str] = []
    while len(found) < rounds:
        found += rng.sample(KINDS, len(KINDS))
    return found[:rounds]


def one_round(number: int, kind: str, victim: Victim, load: Load, rng: random.Random, batches: int) -> Round:
    before = len(load.acknowledged)
    flowed = load.wait_for(rng.randint(1, batches), within_s=ROUND_S)
    load.stopped.wait(rng.uniform(0, 0.2))  # somewhere within a request
    hit = victim.hit(kind, rng)
    recovered_s = victim.recover()
    sent = load.acknowledged[before:]
    wrong = checks.found_by_word(victim, sent, load.token)
    if not flowed:
        wrong.append(f"round {number}: nothing was acknowledged within {ROUND_S:.0f} s")
    return Round(number, kind, hit, round(recovered_s, 2), len(load.acknowledged), load.imports_done, wrong)


def final(victim: Victim, load: Load, result: Result) -> list[str]:
    """All that was acknowledged, once more; what is wrong."""
    victim.recover()
    wrong = checks.whole_or_not(victim, load.in_doubt)
    with victim.client() as client:
        for sent in load.in_doubt:  # a client tries until it is answered
            batch = wire(sent[0].session, sent)
            load.token = client.post("/sync/batch", json=batch).raise_for_status().headers["X-Commit"]
            load.batches.append(batch)
    if checks.run_import(victim.environ, load.folder).wait() != 0:
        wrong.append("the last import failed")
    everything = [
        *load.acknowledged,
        *(each for sent in load.in_doubt for each in sent),
        *load.transcripts.values(),
    ]
    result.acknowledged, result.imported = len(load.acknowledged), len(load.imported)
    result.in_doubt, result.tries, result.by_word = len(load.in_doubt), load.tries, len(everything)
    wrong += checks.stored_once(victim, everything)
    with victim.client() as client:
        token = client.post("/sync/batch", json=load.batches[-1]).headers["X-Commit"]
    wrong += checks.found_by_word(victim, everything, token)
    wrong += checks.found_by_meaning(victim, everything, token)
    wrong += checks.in_order(victim)
    return wrong + checks.same_as_control(victim, load)


def line(of: Round) -> str:
    return (
        f"{of.number:>5} {of.kind:10} {of.hit:>9} {of.recovered_s:>10.2f} {of.acknowledged:>9} {of.imports:>7}  "
        f"{len(of.wrong) or '-'}"
    )


def main() -> int:
    parser = argparse.ArgumentParser(description="Crash a service at random while it is written to.")
    parser.add_argument("--rounds", type=int, default=50)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(100_000))
    parser.add_argument("--json", type=Path, help="Write the result here, too.")
    asked = parser.parse_args()
    print(f"seed {asked.seed}", flush=True)
    result = run(
        rounds=asked.rounds, seed=asked.seed, environ={}, report=lambda line: print(line, flush=True)
    )
    print(
        f"{len(result.rounds)} rounds in {result.seconds:.0f} s, seed {result.seed}: {result.acknowledged} messages acknowledged "
        f"and {result.imported} imported, {result.in_doubt} batches in doubt, {result.by_word} looked for; {len(result.wrong)} wrong"
    )
    for wrong in result.wrong[:SHOWN]:
        print(f"  {wrong}")
    if asked.json:
        asked.json.write_bytes(msgspec.json.format(msgspec.json.encode(result), indent=2))
    return 1 if result.wrong else 0


if __name__ == "__main__":
    sys.exit(main())
