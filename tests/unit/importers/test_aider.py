"""aider's chat history: runs, marks, and the code in answers that looks like them."""

from __future__ import annotations

from decimal import Decimal

from feeding import (
    feed,
    feed_document,
    feed_in_halves,
    lines_of,
    messages,
    reasons,
    sessions,
    unaccounted,
)
from hypothesis import given, settings
from hypothesis import strategies as st

from service.importers.aider import FORMAT
from service.importers.aider.history import NOTHING_SAID
from service.importers.aider.lines import bare, started_at

PATH = "/home/dev/widgets/.aider.chat.history.md"
HISTORY = b"""
# aider chat started at 2025-03-01 09:30:00

> /usr/bin/aider --model gpt-4o  
> Aider v0.86.1  
> Main model: gpt-4o with diff edit format, infinite output  
> Weak model: gpt-4o-mini  

#### /add parse.py  
> Added parse.py to the chat  

#### mend the parser  
####   
#### it drops the last line  

I read the file one line too short:

#### Step 1

> as the manual says

```md
#### not the user's
> not a note

# aider chat started at 2024-01-01 00:00:00


def last(): ...
```

Done.

> Tokens: 2.3k sent, 1.1k cache hit, 512 received.  
> Cost: $0.01 message, $0.02 session.  
> Applied edit to parse.py  

# aider chat started at 2025-03-01 09:30:00

> /usr/bin/aider --model gpt-4o  

#### again  

```py
cut off here

> Tokens: 1k sent, 7 received.  

# aider chat started at 2025-03-02 10:00:00

> /usr/bin/aider  
"""


def texts(data: bytes, role: str) -> list[str | None]:
    return [write.text for write in messages(feed(FORMAT, data, PATH)).values() if write.role == role]


def test_it_makes_a_session_of_each_run_in_which_something_was_said() -> None:
    """Two runs of one second are two sessions; one that was started and left has none, and its lines say why."""
    found = feed(FORMAT, HISTORY, PATH)
    runs = sessions(found)
    assert len(runs) == 2
    assert all(name.startswith("aider:20250301T093000-") for name in runs)
    assert set(reasons(found).values()) == {NOTHING_SAID}
    assert len(reasons(found)) == 2


def test_it_tells_who_speaks() -> None:
    """`####` is the user's, `>` is aider's, the rest is the model's; a user's text may have several lines."""
    found = messages(feed(FORMAT, HISTORY, PATH)).values()
    assert [write.role for write in found] == [
        *("system", "user", "system", "user", "assistant", "system"),
        *("system", "user", "assistant", "system"),
    ]
    assert texts(HISTORY, "user") == ["/add parse.py", "mend the parser\n\nit drops the last line", "again"]


def test_it_keeps_headings_quotations_and_code_in_an_answer() -> None:
    """What a model writes may look like any mark of aider's, and stays its answer, empty lines and all."""
    start, end = HISTORY.index(b"I read"), HISTORY.index(b"\n\n> Tokens: 2.3k")
    assert texts(HISTORY, "assistant")[0] == HISTORY[start:end].decode()


def test_it_finds_the_next_run_behind_code_that_was_cut_off() -> None:
    """An answer that was interrupted inside its code does not swallow what follows."""
    assert texts(HISTORY, "assistant")[1] == "```py\ncut off here"
    assert texts(HISTORY, "system")[-1] == "Tokens: 1k sent, 7 received."


def test_it_takes_an_answers_tokens_from_the_notes_behind_it() -> None:
    """Rounded figures are kept as estimates, disjoint, and add up in the session."""
    found = feed(FORMAT, HISTORY, PATH)
    answer = next(write for write in messages(found).values() if write.role == "assistant")
    assert (answer.prompt_tokens, answer.cache_read_tokens, answer.completion_tokens) == (1200, 1100, 512)
    assert (answer.cost_usd, answer.model) == (Decimal("0.01"), "gpt-4o")
    assert answer.attrs is not None
    assert answer.attrs["estimated"] is True
    run = next(iter(sessions(found).values()))
    assert (run.prompt_tokens, run.completion_tokens, run.model) == (1200, 512, "gpt-4o")
    assert run.attrs == {"localTime": True, "version": "0.86.1"}


def test_it_names_a_run_alike_wherever_the_file_lies() -> None:
    """A history goes with its repository: ids depend on its words alone, the project on its folder."""
    here, there = feed(FORMAT, HISTORY, PATH), feed(FORMAT, HISTORY, "/srv/copy/.aider.chat.history.md")
    assert messages(here) == messages(there)
    assert {run.project_path for run in sessions(here).values()} == {"/home/dev/widgets"}
    assert {run.project_name for run in sessions(there).values()} == {"copy"}


def test_it_tells_runs_of_two_repositories_apart() -> None:
    """The same second in another repository, with other words, is another session."""
    other = HISTORY.replace(b"mend", b"break").replace(b"parse.py", b"lexer.py")
    assert not sessions(feed(FORMAT, HISTORY)).keys() >= set(list(sessions(feed(FORMAT, other)))[:1])


def test_it_keeps_a_note_of_several_lines_together() -> None:
    """Of a command with line breaks aider marks the first line only; the rest is no answer."""
    data = (
        b"# aider chat started at 2025-03-01 09:30:00\n\n> Added .aider* to .gitignore  \n"
        b"> aider --message # TASK\n\n#### Details\n\nDo it.  \n\n#### Do it.  \n\nDone.\n\n"
    )
    assert texts(data, "assistant") == ["Done."]
    assert texts(data, "user") == ["Do it."]


def test_it_reads_a_file_whose_trailing_spaces_were_stripped() -> None:
    """Editors take trailing spaces away; then the marks alone count, but for those in code."""
    stripped = b"\n".join(line.rstrip() for line in HISTORY.split(b"\n"))
    assert texts(stripped, "user")[:2] == ["/add parse.py", "mend the parser\n\nit drops the last line"]
    assert all("not the user's" not in (text or "") for text in texts(stripped, "user"))


def test_it_reads_other_line_ends_and_a_whole_file_alike() -> None:
    """Line ends of Windows, and a file given as one line, give the same messages."""
    whole = messages(feed(FORMAT, HISTORY, PATH))
    assert messages(feed(FORMAT, HISTORY.replace(b"\n", b"\r\n"), PATH)) == whole
    assert messages(feed_document(FORMAT, HISTORY, PATH)) == whole


def test_it_gives_what_stands_before_any_header_to_a_session_without_a_time() -> None:
    """The head of a file may be missing."""
    found = feed(FORMAT, b"#### why?  \n\nBecause.\n\n", PATH)
    assert [(write.text, write.created_at) for write in messages(found).values()] == [
        ("why?", None),
        ("Because.", None),
    ]


@given(cut=st.integers(0, len(HISTORY)))
def test_it_reads_on_as_if_it_had_never_stopped(cut: int) -> None:
    """Read to any byte and then on, by what it remembered: the same messages, sessions and ids."""
    whole, halves = feed(FORMAT, HISTORY, PATH), feed_in_halves(FORMAT, HISTORY, cut, PATH)
    assert messages(halves) == messages(whole)
    assert sessions(halves) == sessions(whole)
    assert not unaccounted(whole, lines_of(HISTORY))


@given(cut=st.integers(0, len(HISTORY)))
def test_it_agrees_with_every_prefix_of_the_file(cut: int) -> None:
    """What was found before the file grew is found again under the same id, only longer."""
    whole, prefix = messages(feed(FORMAT, HISTORY, PATH)), messages(feed(FORMAT, HISTORY[:cut], PATH))
    for key, write in prefix.items():
        assert (whole[key].text or "").startswith(write.text or "")
        assert (whole[key].role, whole[key].created_at) == (write.role, write.created_at)


LINES = st.sampled_from([*HISTORY.splitlines(), b"```", b"> x", b"#### y  ", b"\xff\xfe\x00", b"~~~~", b""])


@settings(deadline=None)
@given(lines=st.lists(LINES | st.binary(max_size=30), max_size=40), cut=st.integers(0, 2000))
def test_it_reads_any_lines_and_accounts_for_each(lines: list[bytes], cut: int) -> None:
    """Nothing makes it raise; each line is kept or left out; reading in halves gives the same messages."""
    data = b"\n".join(lines) + b"\n"
    whole = feed(FORMAT, data, PATH)
    assert not unaccounted(whole, lines_of(data))
    assert messages(feed_in_halves(FORMAT, data, cut, PATH)) == messages(whole)


@given(at=st.integers(0, len(HISTORY.split(b"\n")) - 1), rubbish=st.binary(max_size=20))
def test_it_keeps_every_other_line_when_one_is_rubbish(at: int, rubbish: bytes) -> None:
    """A line put in anywhere takes no words away."""
    lines = HISTORY.split(b"\n")
    lines.insert(at, rubbish)
    data = b"\n".join(lines)
    found = feed(FORMAT, data, PATH)
    left = reasons(found)
    kept = "\n".join(write.text or "" for write in messages(found).values())
    for line in lines_of(data):
        text = line.data.decode(errors="replace").replace("\0", "").strip()
        if line.offset not in left and not started_at(text):
            assert any(bare(text, kind).strip() in kept for kind in ("user", "note", "answer"))
