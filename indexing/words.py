"""English words that say nothing alone. They stay in the index (phrases need them) and are left out of a query."""

from __future__ import annotations

STOP_WORDS = frozenset(
    """
    a about above after again all also am an and any are aren't as at be because been before being below between both
    but by can can't could couldn't did didn't do does doesn't doing don't down during each few for from further had
    hadn't has hasn't have haven't having he he's her here hers him his how how's i i'd i'll i'm i've if in into is
    isn't it it's its itself just let's me more most my myself no nor not of off on once only or other our ours out
    over own please same she she's should shouldn't so some such tell than that that's the their theirs them then there
    there's these they they're this those through to too under until up us very was wasn't we we're were weren't what
    what's when when's where where's which while who who's whom whose why will with won't would wouldn't you you're
    your yours
    """.split()  # noqa: SIM905 - in quotes and commas the words would be hard to read
)
