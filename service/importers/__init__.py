"""Transcripts on disk to sessions and messages: pure parsers, bytes in, writes and what was skipped out."""
