"""Transcripts as they are stored: what an import brings, how it meets what is there, raw lines, positions in files."""
