"""A deleted message leaves nothing: not the lines that repeat it, not a title made of it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import msgspec
import pytest
from import_bench import NOW, SOURCE, Bench, chunk, client, found, new_bench

from service.model.session import SessionWrite
from service.storage.database import open_database
from service.storage.importing import raw_chunks

SECRET = "The vault's\ncode is 0451-ÄÖ and nobody may know."
PARENT = SessionWrite(external_id="s", source=SOURCE)


@pytest.fixture
async def bench(any_database_url: str) -> AsyncIterator[Bench]:
    db = await open_database(any_database_url, pool_size=2)
    yield await new_bench(db)
    await db.close()


def line(**said: object) -> bytes:
    return msgspec.json.encode(said)


async def kept(bench: Bench) -> list[bytes]:
    return [
        data
        for row in sorted(
            await bench.rows("raw_chunks"), key=lambda row: (row["stream"], row["first_offset"])
        )
        for _, data in raw_chunks.lines_of(row["offsets"], row["sizes"], row["zstd"])
    ]


LINES = [
    line(type="user", message={"content": SECRET}),
    line(type="queue-operation", operation="enqueue", content=SECRET),
    line(type="last-prompt", lastPrompt=SECRET[:32] + "…"),
    line(type="compacted", payload={"message": "", "replacement_history": [{"content": [{"text": SECRET}]}]}),
    b'{"type":"ascii","last_agent_message":"The vault\'s\\ncode is 0451-\\u00c4\\u00d6 and nobody may know."}',
    line(type="assistant", message={"content": f"You said: {SECRET} I know."}),
    line(type="user", message={"content": "Else?"}),
    line(type="file-history-snapshot", snapshot="nothing of it"),
]
OFFSETS = [sum(len(each) + 1 for each in LINES[:place]) for place in range(len(LINES))]


async def bring(bench: Bench) -> None:
    await bench.bring(
        PARENT,
        found("u1", SECRET, lines=[OFFSETS[0]]),
        found("note", "Context compacted", "system", lines=[OFFSETS[3]], minute=1),
        found("a1", f"You said: {SECRET} I know.", "assistant", lines=[OFFSETS[5]], minute=2),
        found("u2", "Else?", lines=[OFFSETS[6]], minute=3),
        chunk(dict(zip(OFFSETS, LINES, strict=True))),
    )


async def test_it_cuts_lines_that_repeat_a_deleted_message(bench: Bench) -> None:
    """Queued, as the last prompt, in a compaction, spelled otherwise: gone; another message that quotes it stays."""
    await bring(bench)
    await bench.delete("u1")
    assert await kept(bench) == [LINES[5], LINES[6], LINES[7]]
    assert [row["external_id"] for row in await bench.messages()] == ["note", "a1", "u2"]


async def test_it_stores_no_repeating_line_again(bench: Bench) -> None:
    """An import of the same file brings none of them back."""
    await bring(bench)
    await bench.delete("u1")
    await bring(bench)
    assert await kept(bench) == [LINES[5], LINES[6], LINES[7]]


async def test_it_cuts_repeating_lines_in_forks_and_sub_agents(bench: Bench) -> None:
    """A session below keeps a copy that is no message there: the copy goes, its own messages stay."""
    copy, own = line(type="user", copied=True, text=SECRET), line(type="user", text=f"{SECRET} Again.")
    await bench.bring(
        SessionWrite(external_id="fork", source=SOURCE, parent_external_id="s"),
        found("f1", f"{SECRET} Again.", session_external_id="fork", lines=[500], stream="ff"),
        chunk({0: copy, 500: own}, session="fork", stream="ff"),
    )
    await bring(bench)
    await bench.delete("u1")
    assert own in await kept(bench)
    assert copy not in await kept(bench)


async def test_it_cuts_of_a_short_text_only_what_says_just_that(bench: Bench) -> None:
    """The word "yes" stands in many lines; those that are only it go."""
    lines = {0: line(text="yes"), 20: line(content="yes"), 50: line(content="yes, do")}
    await bench.bring(PARENT, found("u1", "yes", lines=[0]), chunk(lines))
    await bench.delete("u1")
    assert await kept(bench) == [lines[50]]


async def test_it_makes_the_title_of_a_session_anew(bench: Bench) -> None:
    """A derived title goes with its message, and the next prompt gives one; without any there is none."""
    await bring(bench)
    assert (await bench.session())["title"] == "The vault's"
    await bench.delete("u1")
    assert (await bench.session())["title"] == "Else?"
    await bench.delete("u2")
    row = await bench.session()
    assert (row["title"], row["title_rank"], row["former_titles"]) == (None, 0, [])


async def test_it_leaves_titles_that_were_not_made_of_it(bench: Bench) -> None:
    """A client's own title stays; the derived one that it replaced is forgotten."""
    await bench.sync(PARENT, client("u1", "Open the vault now, please"), now=NOW)
    await bench.sync(SessionWrite(external_id="s", source=SOURCE, title="Vault"), now=NOW)
    assert (await bench.session())["former_titles"] == ["Open the vault now, please"]
    await bench.delete("u1")
    row = await bench.session()
    assert (row["title"], row["former_titles"]) == ("Vault", [])
