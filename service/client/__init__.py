"""A small client of the HTTP API, as the command line uses it: calls block, answers are the API's JSON as it is.

with Client.of(from_environment()) as backscroll:
    backscroll.search("redirect loop")["results"]
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from types import TracebackType
from typing import Any

import httpx
import zstandard

from service.client.following import Event, Folded, events, lines_of
from service.errors import (
    BackscrollError,
    Forbidden,
    NotFound,
    NotYet,
    RequestError,
    SettingError,
    TooLarge,
    TooMany,
    Unauthorized,
    Unreachable,
)
from service.settings import Settings

Json = dict[str, Any]
TIMEOUT_S = 60.0
EXPORT_TIMEOUT_S = 3600.0
"""A set is made whole before its first byte comes."""
SILENT_S = 40.0
"""A stream that says nothing for so long, no comment either, is dead."""
PAGE = 500
FILES_PAGE = 5000
NEAR = ("127.0.0.1", "localhost", "::1")


class Client:
    """One service and one key. Errors of every call: `Unreachable`; `RequestError` with the service's own sentence."""

    def __init__(self, url: str, key: str, *, use_proxy: bool = True) -> None:
        self.url = url
        self.commit: str | None = None
        """The token of the latest write; reads and searches from then on wait until they contain it."""
        self._near = httpx.URL(url).host in NEAR
        # Without TLS no certificates are loaded, which takes 26 ms; no redirect is followed from there to where there is.
        self._http = httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {key}"},
            timeout=TIMEOUT_S,
            trust_env=use_proxy,
            verify=not url.startswith("http://"),
            follow_redirects=False,
        )

    @classmethod
    def of(cls, settings: Settings) -> Client:
        """The service and key that the settings name. Errors: `SettingError` when there is no key.

        A proxy that the environment names is for other machines, not for the service on this one.
        """
        return cls(settings.base_url, settings.api_key or read_key(settings), use_proxy=bool(settings.url))

    def health(self) -> Json:
        return self._call("GET", "/health")

    def search(
        self, query: str, *, type: str = "hybrid", group_by: str = "session", limit: int = 20,
        filter: Mapping[str, Sequence[str]] | None = None, fold: bool = False, explain: bool = False,
    ) -> Json:  # fmt: skip
        """The answer of POST /api/search. `filter`: values of source, project, model, role, tool, tag by name."""
        given = {name: list(values) for name, values in (filter or {}).items() if values}
        return self._call(
            "POST",
            "/api/search",
            json={
                "q": query,
                "type": type,
                "groupBy": group_by,
                "limit": limit,
                "filter": given,
                "fold": fold,
                "explain": explain,
            },
        )

    def similar(self, **asked: Any) -> Json:
        """The answer of POST /api/similar: what is like a `session`, a `message` or a `text`."""
        return self._call("POST", "/api/similar", json=asked)

    def context(
        self, query: str, *, budget: int = 4000, limit: int = 5, format: str = "text", window: int = 1,
        filter: Mapping[str, Sequence[str]] | None = None,
    ) -> Json:  # fmt: skip
        """The answer of POST /api/context; of Markdown and XML `{"text": …}`."""
        given = {name: list(values) for name, values in (filter or {}).items() if values}
        asked = {
            "q": query, "budget": budget, "limit": limit, "format": format, "window": window, "filter": given
        }  # fmt: skip
        return self._call("POST", "/api/context", json=asked, text=format in ("markdown", "xml"))

    def sessions(self, *, limit: int = 50, cursor: str | None = None, **filters: str | None) -> Json:
        """A page of the list, the latest first. `filters`: source, project, model, kind, tag, status, after, before, q."""
        given = {"limit": limit, "cursor": cursor, **filters}
        return self._call(
            "GET", "/api/sessions", params={name: value for name, value in given.items() if value is not None}
        )

    def all_sessions(self, **filters: str | None) -> Iterator[Json]:
        """Every session that passes the filters, page by page."""
        cursor = None
        while True:
            page = self.sessions(limit=PAGE, cursor=cursor, **filters)
            yield from page["sessions"]
            if (cursor := page.get("nextCursor")) is None:
                return

    def session(self, session_id: str) -> Json:
        """A session with its messages, by id or external id."""
        return self._call("GET", "/api/sessions/get", params={"id": session_id})

    def usage(self, report: str, **asked: Any) -> Json:
        """The answer of GET /api/usage/<report>: daily, summary, models, projects, sources, sessions, tools and so on.

        `asked`: its parameters by name (`from` as a keyword of a dict); those that are None are left out.
        """
        given = {name: value for name, value in asked.items() if value is not None}
        return self._call("GET", f"/api/usage/{report}", params=given)

    def external_ids(self) -> list[str]:
        """Of every session that was ever sent, deleted ones too."""
        ids: list[str] = self._call("GET", "/sync/sessions/list")["sessionIds"]
        return ids

    def sync(self, *, sessions: Sequence[Json] = (), messages: Sequence[Json] = ()) -> Json:
        """Send a batch; the answer counts what was accepted and names what was not in `errors`."""
        return self._call(
            "POST", "/sync/batch", json={"sessions": list(sessions), "messages": list(messages)}
        )

    def import_lines(self, lines: bytes, *, restore: bool = False) -> Json:
        """Send what an importer found (`service/importers/wire.py`), as NDJSON; the answer counts and names what failed.

        Compressed, but not to this machine: there packing took longer than sending, a sixth of an import.
        """
        headers = {"Content-Type": "application/x-ndjson"}
        if not self._near:
            lines = zstandard.ZstdCompressor(level=3).compress(lines)
            headers["Content-Encoding"] = "zstd"
        return self._call(
            "POST",
            "/api/import",
            params={"restore": "true"} if restore else None,
            content=lines,
            headers=headers,
        )

    def import_files(self, machine: str) -> Json:
        """How far each file of a machine is read, all pages as one, and the name of the key's workspace."""
        given = {"machine": machine, "limit": FILES_PAGE}
        answer = page = self._call("GET", "/api/import/files", params=given)
        while cursor := page.get("nextCursor"):
            page = self._call("GET", "/api/import/files", params=given | {"cursor": cursor})
            answer["files"] += page["files"]
        return answer

    def label(self, session_id: str, **fields: Any) -> Json:
        """Change a session's title, tags, notes, status and so on."""
        return self._call("PATCH", f"/api/sessions/{session_id}", json=fields)

    def label_many(self, **order: Any) -> Json:
        """The answer of POST /api/evals/labels."""
        return self._call("POST", "/api/evals/labels", json=order)

    def evals(self, **filters: Any) -> Json:
        """A page of marked sessions, with counts over all of them."""
        return self._call("GET", "/api/evals", params=filters)

    def preview_set(self, asked: Mapping[str, Any]) -> Json:
        """What an export of the same would hold."""
        return self._call("POST", "/api/evals/preview", json=dict(asked))

    def export_set(self, asked: Mapping[str, Any], put: Callable[[bytes], object]) -> Mapping[str, str]:
        """Give an eval set to `put`, piece by piece; the headers tell what it holds."""
        return self._stream("POST", "/api/export/evals", put, json=dict(asked))

    def export_session(self, session_id: str, put: Callable[[bytes], object], **asked: Any) -> int:
        """Give a session to `put`: 1."""
        self._stream("GET", "/api/export", put, params={"id": session_id, **asked})
        return 1

    def delete(self, session_id: str) -> Json:
        return self._call("DELETE", f"/api/sessions/{session_id}")

    def follow(self, queries: Mapping[str, tuple[str, Json]]) -> Iterator[tuple[str, Json]]:
        """Each answer of live queries and every later one, whole, by the id that it was asked under; for ever.

        `queries`: id to the query's name and its arguments. A connection that is lost is made again and goes on where it
        was, as long as it takes. `{"error": ...}` in place of an answer: there is none now.
        """
        asked = [json.dumps({"id": id, "query": name, "args": args}) for id, (name, args) in queries.items()]
        folded = {id: Folded() for id in queries}
        token, pause_s = "", 1.0
        while True:
            with suppress(Unreachable, NotYet, TooMany):
                for event in self._events(asked, token):
                    token = event.token or token
                    pause_s = pause_s if event.retry_ms is None else event.retry_ms / 1000
                    if event.kind == "revoked":
                        raise Unauthorized(f"The service at {self.url} no longer accepts this key.")
                    if event.kind != "reset" and (id := event.data["id"]) in folded:
                        yield id, folded[id].take(event)
            time.sleep(pause_s)

    def _events(self, asked: Sequence[str], token: str) -> Iterator[Event]:
        """The events of one connection, until it ends. Errors: as `_call`."""
        given = {"Accept": "text/event-stream", **({"Last-Event-ID": token} if token else {})}
        timeout = httpx.Timeout(TIMEOUT_S, read=SILENT_S)
        try:
            with self._http.stream(
                "GET", "/api/live", params={"q": asked}, headers=given, timeout=timeout
            ) as answer:
                if answer.is_error:
                    answer.read()
                    raise refusal(answer, url=self.url)
                yield from events(lines_of(answer.iter_bytes()))
        except httpx.RequestError as error:
            raise Unreachable(f"The stream from {self.url} was cut.") from error

    def _call(
        self, method: str, path: str, *, params: Mapping[str, Any] | None = None, json: Any = None,
        content: bytes | None = None, headers: Mapping[str, str] | None = None, text: bool = False,
    ) -> Json:  # fmt: skip
        reads = self.commit and not path.startswith("/sync") and content is None
        given = {**(headers or {}), **({"X-After": self.commit or ""} if reads else {})}
        try:
            answer = self._http.request(
                method, path, params=params, json=json, content=content, headers=given
            )
        except httpx.RequestError as error:
            raise Unreachable(
                f"Backscroll does not answer at {self.url}: start it with `backscroll serve`, or set BACKSCROLL_URL."
            ) from error
        if answer.is_error:
            raise refusal(answer, url=self.url)
        self.commit = answer.headers.get("X-Commit", self.commit)
        return {"text": answer.text} if text else self._json(answer)

    def _stream(
        self, method: str, path: str, put: Callable[[bytes], object], *, params: Any = None, json: Any = None
    ) -> Mapping[str, str]:
        try:
            with self._http.stream(
                method, path, params=params, json=json, timeout=EXPORT_TIMEOUT_S
            ) as answer:
                if answer.is_error:
                    answer.read()
                    raise refusal(answer, url=self.url)
                for piece in answer.iter_bytes():
                    put(piece)
                return answer.headers
        except httpx.RequestError as error:
            raise Unreachable(
                f"Backscroll at {self.url} does not answer, or broke off: look at its log and try again."
            ) from error

    def _json(self, answer: httpx.Response) -> Json:
        """Errors: `Unreachable` for what no Backscroll answers, as a proxy or another program does."""
        try:
            body = answer.json()
        except ValueError:
            body = None
        if not isinstance(body, dict):
            raise Unreachable(
                f"What answers at {self.url} is not Backscroll ({answer.status_code}, not JSON): check BACKSCROLL_URL, "
                "and whether a proxy stands between."
            )
        return body

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()


def read_key(settings: Settings) -> str:
    """The key in the key file of the home. Errors: `SettingError` when there is none to read."""
    try:
        return settings.key_file.read_text(encoding="utf-8").strip()
    except FileNotFoundError:
        raise SettingError(
            f"There is no key in {settings.key_file}: start `backscroll serve` once, which writes it, "
            "or set BACKSCROLL_HOME or BACKSCROLL_API_KEY."
        ) from None
    except OSError as error:
        raise SettingError(
            f"The key file {settings.key_file} cannot be read ({error.strerror}); set BACKSCROLL_API_KEY."
        ) from error


def refusal(answer: httpx.Response, *, url: str) -> BackscrollError:
    """The error that an answer stands for, in the service's words where it has some."""
    status = answer.status_code
    if status == 401:
        return Unauthorized(
            f"The service at {url} does not accept this key: check BACKSCROLL_API_KEY, BACKSCROLL_HOME and BACKSCROLL_URL."
        )
    try:
        sentence = str(answer.json()["error"])
    except (ValueError, KeyError, TypeError):
        sentence = f"The service at {url} answered {status}; is that Backscroll?"
    if status == 429:
        return TooMany(sentence, retry_after_s=retry_after_s(answer))
    if status in {502, 503, 504}:
        return NotYet(sentence, retry_after_s=retry_after_s(answer))
    if status >= 500:
        return BackscrollError(
            f"The service at {url} answered {status} ({sentence.rstrip('.')}); its log says more."
        )
    kinds = {403: Forbidden, 404: NotFound, 413: TooLarge}
    return kinds.get(status, RequestError)(sentence)


def retry_after_s(answer: httpx.Response) -> float:
    """How long an answer asks to wait; a second where it does not say."""
    told = answer.headers.get("Retry-After", "")
    return float(told) if told.isdigit() else 1.0
