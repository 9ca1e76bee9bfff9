"""What the notebooks read, in one form wherever it comes from: the bundled sample, a service, Parquet.

Rule: notebooks draw, this package reads, `analytics` computes. No table here holds what anybody said.

tables.py   answers of the API as frames: sessions, messages, tool calls, neighbours
places.py   a service or a folder of Parquet, asked in the same words
trial.py    a service of its own with the sample in it, gone with the notebook
picking.py  the form in which a reader says which of them
"""
