"""/sync: what OpenSync's clients send, read leniently (`wire.py`) and stored (`storing.py`)."""
