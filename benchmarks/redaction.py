"""How well credentials are cut: `python -m benchmarks.redaction --gitleaks DIR --trufflehog DIR --transcripts DIR`.

Recall on what other detectors' authors wrote as examples, from checkouts of them; false cuts on what gitleaks' rules must
not find, and on real transcripts. Nothing of these corpora is kept.
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from benchmarks.planted import Planted, gitleaks, trufflehog
from service.privacy.cleaning import Cleaner


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__)
    for name in ("gitleaks", "trufflehog", "transcripts"):
        asked.add_argument(f"--{name}", type=Path)
    asked.add_argument("--missed", action="store_true", help="say by rule what was not found")
    given = asked.parse_args()
    if given.gitleaks:
        planted, innocent = gitleaks.corpus(given.gitleaks)
        report("gitleaks", planted, missed=given.missed)
        print(f"gitleaks, innocent by their rule: {sum(map(cut, innocent))} of {len(innocent)} cut")
    if given.trufflehog:
        whole, pieces = trufflehog.planted(given.trufflehog)
        report("trufflehog, in one piece", whole, missed=given.missed)
        report("trufflehog, in pieces", pieces, missed=given.missed)
    if given.transcripts:
        report_transcripts(given.transcripts)


def report(name: str, planted: Sequence[Planted], *, missed: bool) -> None:
    found: Counter[str] = Counter(each.rule for each in planted if is_cut(each))
    of = Counter(each.rule for each in planted)
    whole = sum(found[rule] == of[rule] for rule in of)
    print(f"{name}: {found.total():,} of {of.total():,} found, recall {found.total() / of.total():.3f}")
    print(f"{name}: of {whole} of {len(of)} rules all, of {sum(not found[rule] for rule in of)} none")
    if missed:
        told = {rule: f"{of[rule] - found[rule]} of {of[rule]}" for rule in of if found[rule] < of[rule]}
        print(json.dumps(told, indent=1))


def is_cut(planted: Planted) -> bool:
    cleaner = Cleaner(redact=True)
    text = cleaner.text(planted.text)
    return planted.secret not in text if planted.secret else bool(cleaner.redacted)


def cut(text: str) -> bool:
    cleaner = Cleaner(redact=True)
    cleaner.text(text)
    return bool(cleaner.redacted)


def report_transcripts(folder: Path) -> None:
    """What is cut in real transcripts, line by line as they would be stored."""
    cleaner, lines, size = Cleaner(redact=True), 0, 0
    for file in sorted(folder.rglob("*.jsonl")):
        for line in file.read_bytes().splitlines():
            before = cleaner.redacted.total()
            cleaner.json(line)
            lines, size = lines + 1, size + len(line)
            if cleaner.redacted.total() > before:
                print(f"cut in {file.name}, line of {len(line):,} bytes")
    print(f"transcripts: {size:,} bytes in {lines:,} lines, cut: {dict(cleaner.redacted)}")


if __name__ == "__main__":
    main()
