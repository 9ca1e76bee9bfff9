"""The `backscroll` command: one file a group of verbs.

    flags.py       what verbs share: --home --host --port, --json, how an error ends the command
    processes.py   serve api worker migrate
    asking.py      search context sessions
    usage.py       usage, with repricing.py; usage_tables.py what it shows
    importing/     import sources connect reparse, what they do and show
    people.py      workspace user member key
    auditing.py    audit
    upkeep.py      reindex rollup doctor sample
    evals.py       evals export, workspace privacy
    backup.py      backup restore, workspace retention
    output.py      results, tables and JSON on the terminal

Rule: the top of these files imports click and settings only, each verb imports what it needs when it runs: help and
mistakes are answered at once, and a search loads neither a model nor a web framework.
"""

from __future__ import annotations

import click

from service.cli import asking, auditing, backup, evals, people, processes, upkeep, usage
from service.cli.flags import Verbs
from service.cli.importing import verbs as importing


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="backscroll", message="%(version)s")
def main() -> None:
    """Every session with your AI agents, found by word and by meaning.

    Settings come from BACKSCROLL_ variables or flags, which win. Exit codes: 0 done (a search without
    hits too), 1 failed, 2 a setting or flag cannot be used, 3 already running, 4 nothing answers.
    BACKSCROLL_DEBUG=1 shows the traceback of an error.

    \b
    backscroll serve                          start everything
    backscroll search "redirect loop"         from another terminal
    """


for verb in (
    *processes.VERBS,
    *importing.VERBS,
    *asking.VERBS,
    *usage.VERBS,
    *evals.VERBS,
    *people.VERBS,
    *auditing.VERBS,
    *upkeep.VERBS,
    *backup.VERBS,
):
    main.add_command(verb)
