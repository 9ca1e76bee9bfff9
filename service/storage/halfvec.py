"""Vectors as a question's parameter: pgvector's own type in its binary form, of which Postgres has to parse no digits."""

from __future__ import annotations

from typing import Any

import psycopg
from pgvector import HalfVector
from psycopg.adapt import Buffer, Dumper
from psycopg.pq import Format


class _HalfVectorDumper(Dumper):
    """Of no type by itself: the statement says `::halfvec`. pgvector's own registration asks each connection for the type."""

    format = Format.BINARY

    def dump(self, obj: HalfVector) -> Buffer:
        """
        >>> _HalfVectorDumper(HalfVector).dump(HalfVector([1.0])).hex(" ", 2)
        '0001 0000 3c00'
        """
        return obj.to_binary()


def register(conn: psycopg.AsyncConnection[Any]) -> None:
    """Let a connection send vectors."""
    conn.adapters.register_dumper(HalfVector, _HalfVectorDumper)
