"""/api/import: what `backscroll import` sends, NDJSON read line by line (`lines.py`), stored, and how far it has read."""
