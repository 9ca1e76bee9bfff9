"""Reports: hourly facts in, the figures of docs/metrics.md out. Pure; a figure is computed in one place.

cuts.py        the figures of a day or any other cut: sums, distinct sessions, percentiles, shares
daily.py       by day, week or month, without gaps
ranking.py     by model, project, source, ..., the costliest first
summary.py     a range as a whole; projection.py how fast it burns and what the month may come to
sessions.py    single sessions: kinds of work, the longest
tools.py heatmap.py streaks.py

Which day a moment lies in is said by `analytics.zones`.
"""
