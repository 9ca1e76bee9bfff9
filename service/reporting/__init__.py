"""Reports of usage: a question in, the body of an answer out, for HTTP, for live queries and for files.

    question.py   what is asked: a range of days in a zone, cuts, filters
    bodies.py     what is answered, as /schema describes it
    reading.py    the facts that several questions need, each read once
    reports.py    the reports: many questions of one kind, one body each

Rule: every function takes a connection within a transaction on one workspace and many questions, reads what they need
in as few statements as they have different filters, and computes the frames in a thread. `analytics.reports` decides
what a figure is.

Depends on: rows of `usage_facts` of the workspace (for tools `usage_tools`, for sessions, archetypes and the longest session
`usage_rows`), which the rollup writes in one transaction with its line `usage` in the change log; on `users` and `members` for
names; and on the clock, where a question has no last day: see `Question`.
"""
