"""The text index: every message and session title, found by its words. The adapter for tantivy.

    analysis.py      text -> stems and forms: the same for what is indexed, asked and highlighted
    schema.py        the fields of the index, and a document's values in them
    generations.py   directories: which one is current, how one replaces another, whether one is whole
    writer.py        puts, removes, commits (one process a directory)
    reader.py        searches and counts (many processes)
    asking.py        our query -> tantivy's
    spelling.py      words that stand nowhere, and the nearest that do

    <directory>/CURRENT          names the generation in use; renamed into place, so that a swap is atomic
    <directory>/3-5f0c…/         a generation: a tantivy index in format 3, and CURSOR, up to where it is complete

BM25 statistics are those of the whole index; a query sees documents of its own workspace only.
"""

from typing import TYPE_CHECKING

from indexing.fulltext.generations import IndexDamaged, swap
from indexing.fulltext.reader import TantivyReader, open_reader
from indexing.fulltext.writer import TantivyWriter, new_generation, open_writer
from indexing.ports import TextReader, TextWriter

if TYPE_CHECKING:
    # mypy: the adapters fit their ports.
    reads: type[TextReader] = TantivyReader
    writes: type[TextWriter] = TantivyWriter

__all__ = [
    "IndexDamaged",
    "TantivyReader",
    "TantivyWriter",
    "new_generation",
    "open_reader",
    "open_writer",
    "swap",
]
