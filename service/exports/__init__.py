"""Sessions as files for other programs: eval sets, and one session as markdown, JSON or CSV. Pure.

model.py        neutral cases: what was asked, what came before, what was answered, with calls and results
reading.py      stored messages to what was said, in an order that every chat format takes
turns.py        what was said to cases: a case a turn, a session, or a session's last turn
formats/        each format a function of a case
scrubbing.py    what was said without what should not leave
splits.py       into which part of a set a session goes
duplicates.py   cases that ask nearly the same
tallying.py     what a set holds, what gives no case, and what a set should be warned of
writing.py      records into a file, with counts and hashes
manifest.py     what a set is: what was asked for, what it holds, what was cut, hashes
session.py      one session, whole
"""
