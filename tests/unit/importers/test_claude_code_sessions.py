"""Which session the records of a transcript belong to, what it is called, and what it used."""

from __future__ import annotations

from typing import Any

from claude_records import OTHER, PATH, SESSION, Conversation, call, lines, text
from feeding import feed, feed_in_halves, lines_of, messages, reasons, sessions, unaccounted

from service.importers.claude_code import FORMAT
from service.importers.model import Found, FoundSession, Place
from service.model.session import SessionWrite


def found_in(data: bytes, path: str = PATH) -> list[Found]:
    found = feed(FORMAT, data, path)
    assert unaccounted(found, lines_of(data)) == []
    return found


def only(data: bytes, path: str = PATH) -> SessionWrite:
    [write] = sessions(found_in(data, path)).values()
    return write


def hello(**fields: Any) -> Conversation:
    talk = Conversation()
    talk.user("Hello", **fields)
    return talk


def test_it_takes_a_file_for_the_session_it_is_named_after() -> None:
    """Records that were copied from another session are this one's, and say whose they were."""
    found = found_in(hello(sessionId=OTHER).data)
    assert list(sessions(found)) == [SESSION]
    [write] = messages(found).values()
    assert write.attrs == {"sessionId": OTHER}


def test_it_takes_a_file_under_another_name_for_the_session_of_its_first_record() -> None:
    """A copy that was named by hand meets the session that it is a copy of."""
    snapshot = lines({"type": "file-history-snapshot", "snapshot": {}})
    found = found_in(snapshot + hello().data + hello(sessionId=OTHER).data, "/backup/copy (1).jsonl")
    assert list(sessions(found)) == [SESSION]


def test_it_names_a_session_that_nothing_names_after_its_file() -> None:
    """Records without a session make one by the file's name."""
    found = found_in(hello(sessionId=None).data, "/t/notes.jsonl")
    assert list(sessions(found)) == ["notes"]


def test_it_knows_where_and_with_what_a_session_ran() -> None:
    """Folder, branch and first time are the first ones told; model and version the last."""
    talk = hello()
    talk.assistant(text("Hi"), version="2.1.1", cwd="/elsewhere")
    write = only(talk.data)
    assert (write.project_path, write.project_name, write.model) == ("/src/app", "app", "claude-opus-4-5")
    assert write.attrs == {"version": "2.1.1", "gitBranch": "main"}
    assert write.created_at == next(iter(messages(found_in(talk.data)).values())).created_at


def test_it_sums_up_what_the_messages_used() -> None:
    """Totals are absolute sums over messages, each counted once, also when the file is read on."""
    talk = hello()
    for number in range(12):
        usage = {"input_tokens": 10, "cache_read_input_tokens": 5, "output_tokens": number}
        talk.assistant(text("a"), id=f"msg_{number}", usage=usage | {"output_tokens": 1})
        talk.assistant(text("b"), id=f"msg_{number}", usage=usage)
    write = only(talk.data)
    assert (write.prompt_tokens, write.cache_read_tokens, write.completion_tokens) == (120, 60, 66)
    for cut in range(0, len(talk.data), 400):
        assert sessions(feed_in_halves(FORMAT, talk.data, cut, PATH))[SESSION] == write


def test_it_makes_a_file_of_a_sub_agent_a_session_below_its_parent() -> None:
    """Beside the parent or in its folder: the same session, by the agent's id."""
    row = {"isSidechain": True, "agentId": "a1"}
    for path in ("/p/agent-a1.jsonl", f"/p/{SESSION}/subagents/agent-a1.jsonl"):
        write = only(hello(**row).data, path)
        assert (write.external_id, write.parent_external_id) == (f"{SESSION}:agent-a1", SESSION)
        assert write.attrs is not None
        assert write.attrs["agentId"] == "a1"


def test_it_knows_a_sub_agent_in_progress_records_for_the_same_session() -> None:
    """Its rows in the parent's file carry the ids that its own file gives them, and the title of its task."""
    answer = {"id": "msg_a", "role": "assistant", "content": [call("toolu_a")], "usage": {"output_tokens": 7}}
    talk = hello()
    talk.assistant(call("toolu_1", "Task", description="Find it", subagent_type="Explore", prompt="Look"))
    talk.agent("a1", {"type": "user", "uuid": "n1", "message": {"role": "user", "content": "Look"}})
    row = {"type": "assistant", "uuid": "n2", "requestId": "r", "message": answer}
    talk.agent("a1", row, parentToolUseID="toolu_1")
    nested = found_in(talk.data)
    own = Conversation()
    own.user("Look", uuid="n1", isSidechain=True, agentId="a1")
    own.add("assistant", uuid="n2", requestId="r", message=answer, isSidechain=True, agentId="a1")
    child = f"{SESSION}:agent-a1"
    ids = [key for key in messages(nested) if key[0] == child]
    assert ids == list(messages(found_in(own.data, "/p/agent-a1.jsonl")))
    write = sessions(nested)[child]
    assert (write.title, write.parent_external_id) == ("Find it", SESSION)
    assert write.completion_tokens is None
    assert write.attrs is not None
    assert (write.attrs["agentType"], write.attrs["parentToolUseId"]) == ("Explore", "toolu_1")


def test_it_learns_from_a_result_which_sub_agent_its_call_started() -> None:
    """Where the parent has no rows of the sub-agent, its task still gives it a title."""
    talk = hello()
    talk.assistant(call("toolu_1", "Agent", description="Find it", prompt="Look"))
    talk.answer_to("toolu_1", toolUseResult={"agentId": "a1", "status": "async_launched"})
    write = sessions(found_in(talk.data))[f"{SESSION}:agent-a1"]
    assert (write.title, write.parent_external_id) == ("Find it", SESSION)


def test_it_tells_sidechains_in_one_file_apart_by_their_roots() -> None:
    """Two sidechains side by side are told apart, by their parents, through records that are no messages too."""
    talk = hello()
    talk.assistant(call("toolu_1", "Task", description="One", prompt="Do one"))
    for chain in ("a", "b"):
        prompt = "Do one" if chain == "a" else "Do two"
        talk.user(prompt, isSidechain=True, parentUuid=None, uuid=f"{chain}1")
    for step in (2, 3):
        for chain in ("a", "b"):
            link: dict[str, Any] = {
                "isSidechain": True,
                "parentUuid": f"{chain}{step - 1}",
                "uuid": f"{chain}{step}",
            }
            if step == 2:
                talk.add("progress", data={"type": "hook_progress"}, **link)
            else:
                talk.assistant(text(f"Done {chain}"), id=f"msg_{chain}", **link)
    found = found_in(talk.data)
    said = {key[0].removeprefix(SESSION): write.text for key, write in messages(found).items()}
    assert said == {"": None, ":sidechain-a1": "Done a", ":sidechain-b1": "Done b"}
    assert sessions(found)[f"{SESSION}:sidechain-a1"].title == "One"
    assert sessions(found)[f"{SESSION}:sidechain-b1"].parent_external_id == SESSION


def test_it_sets_a_persons_title_above_a_models() -> None:
    """Whatever comes later, the title that a person gave stays; of two of a kind the later one counts."""
    given = [
        {"type": "ai-title", "aiTitle": "First guess", "sessionId": SESSION},
        {"type": "custom-title", "customTitle": "The build", "sessionId": SESSION},
        {"type": "custom-title", "customTitle": "The build, again", "sessionId": SESSION},
        {"type": "ai-title", "aiTitle": "Second guess", "sessionId": SESSION},
    ]
    found = found_in(lines(given[0]) + hello().data + lines(*given[1:]))
    assert sessions(found)[SESSION].title == "The build, again"
    assert list(reasons(found).values()) == ["title that a better one replaced"]


def test_it_titles_a_session_by_the_summary_that_names_its_record() -> None:
    """Of the summaries at the head of a file only the one of this conversation counts, wherever its record stands."""
    foreign = {"type": "summary", "summary": "Of another", "leafUuid": "u999"}
    own = {"type": "summary", "summary": "Greetings", "leafUuid": "u1"}
    for data in (lines(foreign, own) + hello().data, lines(foreign) + hello().data + lines(own)):
        found = found_in(data)
        assert sessions(found)[SESSION].title == "Greetings"
        assert list(reasons(found).values()) == ["summary of another session"]


def test_it_makes_no_session_of_titles_alone() -> None:
    """A file that holds summaries, titles and settings only has no session; each line says why."""
    rows: list[dict[str, Any]] = [
        {"type": "summary", "summary": "Of another", "leafUuid": "u999"},
        {"type": "custom-title", "customTitle": "The build", "sessionId": SESSION},
        {"type": "permission-mode", "permissionMode": "plan", "sessionId": SESSION},
    ]
    found = found_in(lines(*rows))
    assert not any(isinstance(item, FoundSession) for item in found)
    assert sorted(reasons(found).values()) == [
        "setting of the session",
        "summary of another session",
        "title of a session without messages",
    ]


def test_it_reads_any_number_of_sub_agents_in_little_memory() -> None:
    """Of sub-agents that ended long ago nothing is kept in mind; what they used was told."""
    talk = hello()
    for number in range(300):
        root: dict[str, Any] = {"isSidechain": True, "parentUuid": None, "uuid": f"s{number}"}
        talk.assistant(text("Done"), id=f"msg_{number}", usage={"output_tokens": 5}, **root)
    parser = FORMAT.open(Place(PATH))
    found = [item for line in lines_of(talk.data) for item in parser.feed(line)]
    assert len(parser.resume(len(talk.data)).state["sessions"]) <= 80
    found += parser.finish()
    known = sessions(found)
    assert len(known) == 301
    assert all(write.completion_tokens == 5 for id, write in known.items() if id != SESSION)
