"""What the notebooks read, in one form wherever it comes from: the bundled sample, a service, Parquet.

Rule: notebooks draw, this package reads, `analytics` computes. No table here holds what anybody said.

tables.py   answers of the API as frames: sessions, messages, tool calls, neighbours
places.py   a service or a folder of Parquet, asked in the same words
sets.py     eval sets that a service makes, and those in Parquet
searches.py one query by words, by meaning and by both
measured.py what the benchmarks measured, now and as git remembers
live.py     a notebook reads again when the service has something new
trial.py    a service of its own with the sample in it, gone with the notebook
picking.py  the form in which a reader says which of them
"""
