"""The best evidence within a number of tokens that is never exceeded: what an agent is given to read. Pure but for the tokenizer.

content.py     a message as one text, its tool calls a line each, and where in it the match stands
packing.py     which messages, how much of each: by worth, sessions sharing, near-duplicates out
rendering.py   the same as text, Markdown, XML or chat messages; headings and citations count
tokens.py      counting tokens: o200k, or what the caller brings
"""

from indexing.budget.content import content
from indexing.budget.model import Block, Content, Packed, Piece, Said, Source
from indexing.budget.packing import pack
from indexing.budget.rendering import FORMATS, Format
from indexing.budget.tokens import Count, o200k

__all__ = [
    "FORMATS",
    "Block",
    "Content",
    "Count",
    "Format",
    "Packed",
    "Piece",
    "Said",
    "Source",
    "content",
    "o200k",
    "pack",
]
