"""SpecStory's histories: a session of another tool, written out as markdown (`.specstory/history/*.md`)."""

from __future__ import annotations

from service.importers.model import Format
from service.importers.specstory.history import SOURCE, SpecStoryParser

FORMAT = Format("specstory", SOURCE, SpecStoryParser)
