"""Which session a write means."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from service.storage.resolve import Deleted, Existing, Found, Missing, Ref, decide

EARLY, LATE = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)


def existing(id: int, source: str, *, provisional: bool = False, at: datetime = EARLY) -> Existing:
    return Existing(id, "a", source, provisional, at)


def one(ref: Ref, *sessions: Existing, deleted: tuple[tuple[str, str], ...] = ()) -> object:
    return decide([ref], existing=sessions, deleted=deleted)[ref]


def test_it_finds_a_session_by_source_and_external_id() -> None:
    """Two sources may use one external id; each write means its own."""
    assert one(Ref("a", "pi"), existing(1, "pi"), existing(2, "opencode")) == Found(1, "pi")


def test_it_adopts_a_provisional_session() -> None:
    """The first write that names a source takes over the session whose source was only assumed."""
    assert one(Ref("a", "pi"), existing(1, "opencode", provisional=True)) == Found(1, "pi", adopts=True)


def test_it_confirms_the_assumed_source() -> None:
    """A write that names the very source that was assumed makes it certain."""
    assert one(Ref("a", "opencode"), existing(1, "opencode", provisional=True)) == Found(
        1, "opencode", adopts=True
    )


def test_it_never_lets_two_sources_adopt_one_session() -> None:
    """Within a batch the second source makes a session of its own."""
    refs = [Ref("a", "pi"), Ref("a", "aider")]
    targets = decide(refs, existing=[existing(1, "opencode", provisional=True)], deleted=[])
    assert sorted(type(target).__name__ for target in targets.values()) == ["Found", "Missing"]


def test_it_means_the_latest_session_without_a_source() -> None:
    """An external id without a source is the session that was updated last."""
    assert one(Ref("a", None), existing(1, "pi", at=LATE), existing(2, "aider")) == Found(1, "pi")


def test_it_makes_one_session_for_a_batch_that_names_the_source_once() -> None:
    """Messages without a source belong to the session that the same batch makes with one."""
    targets = decide([Ref("a", None), Ref("a", "pi")], existing=[], deleted=[])
    assert set(targets.values()) == {Missing("a", "pi", source_provisional=False)}


def test_it_leaves_a_deleted_session_deleted() -> None:
    """A tombstone of the source, or of a session whose source was assumed, holds."""
    assert one(Ref("a", "pi"), deleted=(("pi", "a"),)) == Deleted("a")
    assert one(Ref("a", "pi"), deleted=(("", "a"),)) == Deleted("a")
    assert one(Ref("a", None), deleted=(("pi", "a"),)) == Deleted("a")
    assert one(Ref("a", "aider"), deleted=(("pi", "a"),)) == Missing("a", "aider", source_provisional=False)


def test_it_decides_each_session_by_itself_however_many_a_request_names() -> None:
    """Twenty thousand sessions of one request take a fraction of a second, whether they are new, known or provisional."""
    names = [f"s{number}" for number in range(20_000)]
    known = [Existing(id, name, "opencode", id % 2 == 0, EARLY) for id, name in enumerate(names[:10_000])]
    deleted = {("pi", name) for name in names[15_000:]}
    refs = [Ref(name, source) for name in names for source in ("pi", None)]
    begun_s = time.process_time()
    targets = decide(refs, existing=known, deleted=deleted)
    assert time.process_time() - begun_s < 5
    assert (targets[Ref("s0", "pi")], targets[Ref("s1", None)]) == (
        Found(0, "pi", adopts=True),
        Found(1, "opencode"),
    )
    assert (targets[Ref("s19999", "pi")], targets[Ref("s19999", None)]) == (
        Deleted("s19999"),
        Deleted("s19999"),
    )
