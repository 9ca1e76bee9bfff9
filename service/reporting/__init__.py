"""Reports of usage: questions in, the bodies of answers out, for HTTP, for live queries and for files.

question.py   what is asked: a range of days in a zone, cuts, which usage counts
reading.py    what several questions need, read once
reports.py    daily models projects sources heatmap tools streaks; pages.py summary sessions wrapped
bodies.py     what is answered, as /schema describes it; rows.py frames as rows of it
files.py      the daily report as CSV, Parquet, JSON

Rule: every report is `(conn, workspace_id, questions) -> bodies`, in the questions' order. It takes a connection within a
transaction on that workspace, so that all it says is of one moment, and computes in a thread. What a figure is, is
decided in `analytics.reports`.

Statements, however many questions: one for the state, one for the facts of each zone (one more where midnight cuts
hours), one for names of members where users are asked for; `summary`, `sessions` and `wrapped` one more for each range
and filter.

What an answer depends on: facts of its workspace, which the rollup writes in the transaction of its line `usage` in the
change log; names in `sessions`, `users`, `members`; and the day of today in its zone, where a question was made without
a last day, in `summary` (burn rate, projection) and in `streaks`. `computed_at` alone changes with every rollup.
"""
