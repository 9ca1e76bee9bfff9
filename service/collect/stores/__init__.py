"""Transcripts that are not one file that grows: databases of many sessions, folders of files, logs that are read whole.

databases.py      which files and folders are stores, and the sessions in them
opencode_*.py     OpenCode's database, and its older folders of JSON
cursor_*.py       Cursor's database, and those of its command line
sqlite_files.py   a database read without a trace beside it; broken.py: one that cannot be
wholes.py         Droid's logs with their settings, Codex' packed ones
"""
