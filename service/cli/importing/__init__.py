"""The verbs of transcripts: `import`, `sources`, `connect`, `reparse`, and what they print."""
