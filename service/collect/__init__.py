"""What runs beside the transcripts: finds them, reads what is new, parses it and sends it to the service.

model.py     Transcript: one thing to read
places.py    where each tool keeps its transcripts
...
"""
