"""What runs beside the transcripts: finds them, reads what is new, parses it and sends it to the service.

model.py       Transcript: one thing to read
places.py      where each tool keeps its transcripts; sniff.py: what a file is that lies elsewhere
find.py        looks there; stores/: databases of many sessions, and what else is not one file that grows
positions.py   where to begin in one that was read before
reading.py     its lines; reader.py: through the parser; findings.py, outgoing.py: to lines of the request
batches.py     requests of a good size; sending.py, patience.py: until they are answered
importing.py   all of it as one run, summary.py what it did; watch.py: and on, as files grow
survey.py connect.py machine.py   what lies here; the OpenSync plugins; this machine's name
"""
