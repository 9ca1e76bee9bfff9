"""Nouns: msgspec structs and their pure forms, one file a noun. Imports errors, and the nouns of `indexing`."""
