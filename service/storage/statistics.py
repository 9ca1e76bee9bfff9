"""The planner's statistics of tables that grow from nothing.

Autovacuum looks once a minute; a first import is over by then, planned all the while as if the tables were empty
(measured: reading 200 messages took 120 ms instead of 1, and a search by meaning among 1,500 messages of a role 3.5 s
instead of 0.01). So whoever follows what is written has them analysed.
"""

from __future__ import annotations

from service.storage.locks import Owner
from service.storage.queries import load

SQL = load("statistics")
TABLES = (
    "sessions", "session_tags", "messages", "parts", "message_records", "message_lines", "raw_chunks", "import_files",
    "passages", "embeddings", "embedding_queue",
)  # fmt: skip


async def refresh(conn: Owner) -> None:
    """Analyse the tables that have grown by half since it was last done."""
    for (table,) in await (await conn.execute(SQL["outdated"], {"tables": list(TABLES)})).fetchall():
        await conn.execute(f"analyze {table}")
