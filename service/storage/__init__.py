"""SQL: a module a table family; async functions that take a connection, whose transaction the caller opened.

Rule: every statement that has a fixed text lives in `sql/<noun>.sql` under its name (`queries.py`); the
database keeps the law (CHECK, UNIQUE, row-level security), so that nothing is checked twice.
"""
