"""The change feed, which indexes follow, and live queries, which readers do.

bell.py        who commits rings; who follows hears it
feed.py        the log for jobs: what changed, whatever the order of the commits
query.py       what a live query is
dispatcher.py  one of a process: from the log to what each stream is told (read this first)
ticks.py       what one look asks of Postgres; apart.py: what is asked of an index instead
entries.py     answers that streams share, and what makes them dirty; answers.py: as bytes
streams.py     what one reader has been told; figures.py: counts
"""
