"""What thinks about text: passages, rankings, snippets. Knows ports (`ports.py`) and nothing of `service`."""
