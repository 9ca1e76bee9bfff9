"""The fields of the text index, and a document's values in them.

said, said_forms    what people and agents said: its stems, and its words as they stand with their positions
done, done_forms    the same of tool calls and results
written             the date in words (8 may 2023 monday): lifts messages of a day that the query names
message, titled     one of them: the message's id, or the id of the session whose titles these are
workspace … day     what filters compare and facets count, exactly
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache

from tantivy import Document, Index, Schema, SchemaBuilder

from indexing.fulltext import analysis
from indexing.model import TextDocument

DAY_MS = 86_400_000
FORMAT = 3
"""Changes with the fields or the analysis: an index of another format is left alone and built anew."""

COUNTED = ("source", "project", "model", "role", "tool", "day")
"""Text fields that facets count (the names of `indexing.model.Facet`)."""
_COMPARED = ("unit", "path", "kind", "tag")
_STEMS = ("said", "done", "written")
_FORMS = ("said_forms", "done_forms")
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def _build() -> Schema:
    builder = SchemaBuilder()
    for name in ("workspace", "message", "titled", "session"):
        builder.add_unsigned_field(name, indexed=True, fast=True)
    for name in COUNTED + _COMPARED:
        builder.add_text_field(name, tokenizer_name="raw", index_option="basic", fast=name in COUNTED)
    for name in _STEMS:
        builder.add_text_field(name, tokenizer_name="stems", index_option="freq")
    for name in _FORMS:
        builder.add_text_field(name, tokenizer_name="forms", index_option="position")
    builder.add_integer_field("created_at", fast=True)
    builder.add_boolean_field("has_error", indexed=True)
    return builder.build()


SCHEMA = _build()


def with_analyzers(index: Index) -> Index:
    """The index, knowing our two analyzers (tantivy keeps their names, not what they do)."""
    index.register_tokenizer("stems", analysis.STEMS)
    index.register_tokenizer("forms", analysis.FORMS)
    return index


def document(of: TextDocument) -> Document:
    """The document as tantivy takes it, field by field: a third less time than from a dictionary."""
    day, written = _day(of.created_at_ms // DAY_MS)
    said, said_forms = analysis.for_both(of.said)
    done, done_forms = analysis.for_both(of.done)
    made = Document()
    made.add_unsigned("workspace", of.workspace_id)
    made.add_unsigned("message" if of.unit == "message" else "titled", of.id)
    made.add_unsigned("session", of.session_id)
    made.add_integer("created_at", of.created_at_ms)
    made.add_boolean("has_error", of.has_error)
    texts = (
        ("unit", of.unit),
        ("source", of.source),
        ("project", of.project_name),
        ("path", of.project_path),
        ("model", of.model),
        ("role", of.role),
        ("kind", of.kind),
        *(("tool", tool) for tool in dict.fromkeys(of.tools)),
        *(("tag", tag) for tag in dict.fromkeys(of.tags)),
        ("day", day),
        ("said", said),
        ("said_forms", said_forms),
        ("done", done),
        ("done_forms", done_forms),
        ("written", written),
    )
    for name, text in texts:
        if text:  # an empty value would be counted as a value by facets
            made.add_text(name, text)
    return made


@lru_cache(maxsize=5_000)
def _day(days: int) -> tuple[str, str]:
    """A day since the epoch, as it is compared and in words.

    >>> _day(0)
    ('1970-01-01', '1 January 1970 Thursday')
    """
    when = moment(days * DAY_MS)
    return f"{when:%Y-%m-%d}", f"{when.day} {when:%B %Y %A}"


def moment(epoch_ms: int) -> datetime:
    """The time of epoch milliseconds, in UTC; beyond what a calendar holds, its first or last day."""
    try:
        return _EPOCH + timedelta(milliseconds=epoch_ms)
    except OverflowError:
        return (datetime.max if epoch_ms > 0 else datetime.min).replace(tzinfo=UTC)
