"""Sessions as files for other programs: eval sets, and one session as markdown, JSON or CSV. Pure.

model.py        neutral cases: what was asked, what came before, what was answered, with calls and results
reading.py      stored messages to what was said, in an order that every chat format takes
turns.py        what was said to cases: a case a turn, a session, or a session's last turn
formats/        each format a function of a case
skipping.py     what gives no case, and what a set should be warned of
splits.py       into which part of a set a session goes
duplicates.py   cases that ask nearly the same
writing.py      records into a file, with counts and hashes
session.py      one session, whole
"""
