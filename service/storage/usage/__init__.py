"""Usage in Postgres: marks, rows, facts; what services and operators tell of it.

frames.py   rows as Polars frames: out by COPY, in by binary arrays
marks.py    which hours have to be derived again
rows.py     usage rows: what they are derived from, how they are kept
facts.py    hourly facts: kept, and read for reports
told.py     records and rates, as services and operators tell them
"""
