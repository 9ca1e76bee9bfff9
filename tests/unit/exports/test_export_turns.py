"""Stored messages become cases: whole answers, calls with their results, stable ids."""

from __future__ import annotations

from typing import Any

from stored import ABOUT, call, result, row, text, thought

from service.exports.model import Case
from service.exports.reading import read
from service.exports.turns import Built, Wanted, build


def made(rows: list[dict[str, Any]], **wanted: Any) -> Built:
    return build(ABOUT, rows, Wanted(**wanted), ready=True)


def cases(rows: list[dict[str, Any]], **wanted: Any) -> list[Case]:
    return made(rows, **wanted).cases


def split_rows() -> list[dict[str, Any]]:
    """As a plugin sends them: tool rows without text before the answer, results in the row of their call."""
    return [
        row("user", "Why does it loop?"),
        row("assistant", None, call("Read", {"path": "a.ts"}), result("code")),
        row("assistant", "Reading."),
        row("assistant", None, call("Bash", {"command": "npm test"}, "t2")),
        row("tool", None, result([{"type": "text", "text": "1 failed"}], "t2", isError=True)),
        row("assistant", "The cookie is Strict."),
        row("user", "Fix it"),
        row("assistant", "Done."),
    ]


def test_it_gives_whole_answers_of_split_rows() -> None:
    """All of the assistant's rows up to the next person's are one answer, and none is empty."""
    first, second = cases(split_rows())
    assert (first.input, first.output) == ("Why does it loop?", "Reading.\n\nThe cookie is Strict.")
    assert (second.input, second.output) == ("Fix it", "Done.")
    assert [case.id for case in (first, second)] == ["ses:0", "ses:1"]
    assert [call.name for said in first.answer for call in said.calls] == ["Read", "Bash"]
    assert second.context == first.asked + first.answer


def test_it_puts_each_result_behind_its_call() -> None:
    """Parallel calls in rows of their own, results in any order: a call, then its result; an unanswered one is marked."""
    found = read(
        [
            row("user", "go"),
            row("assistant", None, call("A", {}, "a")),
            row("assistant", None, call("B", {}, "b")),
            row("assistant", "and", call("C", {}, "c")),
            row("tool", None, result("for b", "b")),
            row("tool", None, result("for a", "a")),
        ]
    ).said
    assert [(said.role, said.call_id, said.text) for said in found if said.role == "tool"] == [
        ("tool", "a", "for a"),
        ("tool", "b", "for b"),
        ("tool", "c", ""),
    ]
    assert [said.answered for said in found if said.role == "tool"] == [True, True, False]
    assert [said.role for said in found] == ["user", *["assistant", "tool"] * 3]


def test_it_keeps_ids_of_calls_apart() -> None:
    """An id that comes again, as after a resume, becomes another; results without an id go to the open call."""
    found = read(
        [
            row("user", "go"),
            row("assistant", None, call("A", {}, "x"), result("first", "x")),
            row("assistant", None, call("A", {}, "x")),
            row("tool", "second"),
        ]
    )
    results = [(said.call_id, said.text) for said in found.said if said.role == "tool"]
    assert results == [("x", "first"), ("call_2", "second")]
    assert found.lost_results == 0


def test_it_counts_results_of_no_call() -> None:
    """A result whose call is not in the session is left out, and said so."""
    built = made([row("user", "go"), row("tool", None, result("lost", "gone")), row("assistant", "done")])
    assert built.warned == {"tool results without a call": 1}
    assert [said.role for said in built.cases[0].conversation] == ["user", "assistant"]


def test_it_takes_arguments_as_they_are_spelled() -> None:
    """JSON in a text is an object too and keeps its spelling; what is no object stands under `input`."""
    said = read(
        [row("assistant", None, call("A", '{"n": 1.0}'), call("B", "*** patch"), call("C", ["x"]))]
    ).said
    calls = [call for each in said for call in each.calls]
    assert [(call.args, call.args_json) for call in calls] == [
        ({"n": 1.0}, '{"n": 1.0}'),
        ({"input": "*** patch"}, '{"input":"*** patch"}'),
        ({"input": ["x"]}, '{"input":["x"]}'),
    ]


def test_it_says_a_text_once() -> None:
    """A text part that the message's text holds is not said again; reasoning stands apart."""
    (said,) = read([row("assistant", "one\n\ntwo", text("one"), text("two"), thought("hm"))]).said
    assert (said.text, said.reasoning) == ("one\n\ntwo", "hm")


def test_it_makes_one_case_of_a_session() -> None:
    """`full` holds every turn, `final_only` the last one that was answered with what stands before."""
    rows = [*split_rows(), row("user", "Thanks")]
    (whole,) = cases(rows, mode="full")
    (final,) = cases(rows, mode="final_only")
    assert (whole.id, final.id) == ("ses:0", "ses:1")
    assert whole.input == "Why does it loop?\n\nFix it"
    assert whole.output == "Reading.\n\nThe cookie is Strict.\n\nDone."
    assert (final.input, final.output) == ("Fix it", "Done.")
    assert whole.conversation == final.conversation


def test_it_says_why_there_is_no_case() -> None:
    """No person, no words, no answer: each is counted, and ids of the others stay."""
    assert made([row("assistant", "hi")]).skipped == {"nobody asks anything": 1}
    built = made(
        [row("user", "a"), row("assistant", None, call("X", {})), row("user", "b"), row("assistant", "c")]
    )
    assert built.skipped == {"no answer text": 1}
    assert [case.id for case in built.cases] == ["ses:1"]


def test_it_expects_of_a_turn_what_was_written_there() -> None:
    """A turn's own expected output counts for it, the session's for its end; status and tags are the turn's too."""
    rows = split_rows()
    rows[5] |= {"expected_output": "SameSite", "eval_status": "golden", "tags": ["auth"]}
    about = ABOUT.__class__(
        **{**{f: getattr(ABOUT, f) for f in ABOUT.__struct_fields__}, "expected": "end", "tags": ("t",)}
    )
    first, second = build(about, rows, Wanted(), ready=True).cases
    assert (first.expected, first.status, first.tags) == ("SameSite", "golden", ("auth", "t"))
    assert (second.expected, second.status, second.tags) == ("end", "", ("t",))


def test_it_takes_single_turns_that_are_marked() -> None:
    """Of a session that is not marked only marked turns; of a marked one not those that are marked against it."""
    rows = split_rows()
    rows[7]["eval_ready"] = True
    assert [case.id for case in build(ABOUT, rows, Wanted(), ready=False).cases] == ["ses:1"]
    rows[7]["eval_ready"] = False
    assert [case.id for case in build(ABOUT, rows, Wanted(), ready=True).cases] == ["ses:0"]
    hit = Wanted(messages=frozenset({rows[4]["id"], rows[5]["id"]}))
    assert [case.id for case in build(ABOUT, rows, hit, ready=True).cases] == ["ses:0"]


def test_it_leaves_tools_and_programs_out() -> None:
    """Without tools an answer is its words, without system what a program said is gone."""
    rows = [row("system", "Be brief."), *split_rows()]
    (first, _) = cases(rows, tools=False, system=False)
    assert [(said.role, said.text) for said in first.conversation] == [
        ("user", "Why does it loop?"),
        ("assistant", "Reading."),
        ("assistant", "The cookie is Strict."),
    ]
    assert cases(rows)[0].context[0].text == "Be brief."
