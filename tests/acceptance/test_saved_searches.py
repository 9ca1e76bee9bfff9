"""Saved searches: kept as they were sent, run like any search, one a name."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from asking import externals

SEARCH = {"q": "kettle source:pi after:7d", "groupBy": "message", "limit": 1}


@pytest.fixture
def kettles(api: httpx.Client) -> httpx.Client:
    messages = [
        {"sessionExternalId": "s", "externalId": f"k{n}", "role": "user", "source": "pi", "textContent": f"kettle number {n}"}
        for n in range(3)
    ]  # fmt: skip
    api.headers["X-After"] = api.post("/sync/batch", json={"messages": messages}).headers["x-commit"]
    return api


def save(api: httpx.Client, name: str = "Kettles", **search: Any) -> dict[str, Any]:
    answer = api.post("/api/searches", json={"name": name, "search": SEARCH | search})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()["search"]
    return found


def test_it_runs_a_search_again(kettles: httpx.Client) -> None:
    """What was saved is answered as POST /api/search answers it; members of the body count before, and pages go on."""
    saved = save(kettles)
    assert kettles.get(f"/api/searches/{saved['id']}").json()["search"] == saved
    assert saved["search"] == SEARCH
    run = f"/api/searches/{saved['id']}/run"
    first = kettles.post(run).json()
    assert (first["total"], len(first["results"])) == (3, 1)
    assert externals(first) == externals(kettles.post("/api/search", json=SEARCH).json())
    rest = kettles.post(run, json={"limit": 5, "cursor": first["nextCursor"]}).json()
    assert len({*externals(first), *externals(rest)}) == 3


def test_it_lists_by_name_and_forgets(kettles: httpx.Client) -> None:
    """In pages by name; what was deleted is 404, and its name is free again."""
    saved = [save(kettles, name) for name in ("b", "a", "c")]
    page = kettles.get("/api/searches", params={"limit": 2}).json()
    rest = kettles.get("/api/searches", params={"limit": 2, "cursor": page["nextCursor"]}).json()
    assert [each["name"] for each in page["searches"] + rest["searches"]] == ["a", "b", "c"]
    assert "nextCursor" not in rest
    gone = f"/api/searches/{saved[0]['id']}"
    assert kettles.delete(gone).json() == {"id": saved[0]["id"], "ok": True}
    for answer in (kettles.get(gone), kettles.delete(gone), kettles.post(f"{gone}/run")):
        assert (answer.status_code, answer.json()["error"]) == (404, "Saved search not found")
    assert save(kettles, "b")["id"] != saved[0]["id"]


@pytest.mark.parametrize(
    ("body", "status", "sentence"),
    [
        ({"search": SEARCH}, 400, "name must be text of 1 to 200 characters."),
        ({"name": " ", "search": SEARCH}, 400, "name must be text of 1 to 200 characters."),
        ({"name": "x" * 201, "search": SEARCH}, 400, "name must be text of 1 to 200 characters."),
        ({"name": "x"}, 400, "search must be an object, as POST /api/search takes it."),
        ({"name": "x", "search": {"q": " "}}, 400, "Missing query parameter 'q'"),
        ({"name": "x", "search": {"q": "x", "limit": 5000}}, 400, "limit must be a whole number from 0 to 1000."),
        ({"name": "Kettles", "search": SEARCH}, 409, "There is a saved search of this name: delete it first, or choose another name."),
    ],
)  # fmt: skip
def test_it_keeps_no_search_that_could_not_run(
    api: httpx.Client, body: dict[str, Any], status: int, sentence: str
) -> None:
    """What would be refused when it is run is refused when it is saved."""
    save(api)
    answer = api.post("/api/searches", json=body)
    assert (answer.status_code, answer.json()["error"]) == (status, sentence)


@pytest.mark.parametrize(
    "wrong", [{"filter": {"before": "AAA"}}, {"filter": {"after": "2026-13-01"}}, {"tz": "Mars"}]
)
def test_it_saves_no_search_that_cannot_be_run(api: httpx.Client, wrong: dict[str, Any]) -> None:
    """A date or a zone that is none is refused when it is saved, and not each time that it is run; relative dates are kept."""
    refused = api.post("/api/searches", json={"name": "n", "search": {"q": "loop", **wrong}})
    assert refused.status_code == 400
    assert "must be" in refused.json()["error"]
    kept = api.post("/api/searches", json={"name": "n", "search": {"q": "loop", "filter": {"after": "7d"}}})
    assert kept.status_code == 200
