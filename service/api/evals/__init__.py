"""Eval sets: sessions and turns are labelled, selected, looked over and exported.

asking.py      what the routes take
labelling.py   many labels at once
selecting.py   which sessions: by labels and filters, by ids, or straight from a search
making.py      a selection to cases, session by session
paths.py       lists, previews, labels and their history
exporting.py   sets as files; single.py: one session as a file
"""
