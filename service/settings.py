"""Settings: what a person may choose, each with its environment variable, unit and default.

Rule: a setting is read once, at start, from the environment (`from_environment`); a command-line flag
overrides it by `msgspec.structs.replace`. Each is described in docs/operations.md (a test compares).
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import msgspec
import platformdirs
from msgspec import Meta

from service.errors import SettingError

PREFIX = "BACKSCROLL_"
_ADDRESS = re.compile(r"https?://[^\s/]\S*")
_KEY = re.compile(r"[!-~]*")


class Settings(msgspec.Struct, frozen=True, kw_only=True):
    """All settings. The environment variable of `field` is `BACKSCROLL_FIELD`."""

    home: Path = Path(platformdirs.user_data_dir("backscroll"))
    """Where the embedded Postgres, the text index, the key file and the exported model lie."""
    database_url: str = ""
    """Any Postgres >= 16 with pgvector >= 0.8; empty: the embedded one under `home`."""
    host: str = "127.0.0.1"
    port: int = 8787
    embedding_model: str = ""
    """A sentence-transformers model by name or path; empty: the bundled all-MiniLM-L6-v2. `none`: words only."""
    log_level: str = "info"
    url: str = ""
    """The service that the command line talks to; empty: http://<host>:<port>."""
    api_key: str = ""
    """The key that the command line uses; empty: the one in `<home>/api-key`."""
    pool_size: int = 16
    """Connections to Postgres of one API process, at most."""
    body_limit_bytes: int = 64 * 1024 * 1024
    """A larger request body is answered 413."""
    requests_per_minute: int = 600
    """For a key that comes from elsewhere than loopback; 0: no limit."""
    sync_requests_per_minute: int = 6000
    """The same for /sync; 0: no limit."""
    requests_at_once: int = 1000
    """Of one API process; more are answered 503. Open streams do not count."""
    bodies_at_once_bytes: int = 256 * 1024 * 1024
    """Of request bodies that one API process reads or works on; more are answered 503."""
    patience_s: Annotated[int, Meta(ge=1)] = 30
    """How long a client may take to send a request's head, and take nothing of an answer."""
    streams_per_key: int = 10_000
    """Live streams that a key may have open, per process."""
    queries_per_stream: int = 64
    """Queries that one live stream may carry."""
    exact_scan_rows: int = 20_000
    """Vector candidates up to this many are compared one by one; more are asked of the HNSW index."""
    change_log_hours: int = 24
    """How long the change log is kept at least; a live stream can resume for as long."""
    request_log_days: int = 30
    """How long the request log is kept."""
    audit_log_days: int = 365
    """How long the audit log is kept."""
    price_file: str = ""
    """Prices in the form of LiteLLM's model_prices_and_context_window.json, before the bundled table; empty: none."""
    slow_request_ms: int = 1000
    """A request whose answer begins later than this is logged as slow; 0: none is."""
    traces: bool = False
    """Send traces by OpenTelemetry to `OTEL_EXPORTER_OTLP_ENDPOINT` (`pip install 'backscroll[otel]'`)."""
    allowed_hosts: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_.:,\[\] -]*$")] = ""
    """Names, with commas between, under which browsers may reach it besides localhost; else only a key opens."""

    @property
    def base_url(self) -> str:
        return self.url.rstrip("/") or f"http://{bracketed(self.host)}:{self.port}"

    @property
    def key_file(self) -> Path:
        return self.home / "api-key"

    @property
    def text_index_dir(self) -> Path:
        return self.home / "text-index"

    @property
    def models_dir(self) -> Path:
        return self.home / "models"


def from_environment(environ: Mapping[str, str] | None = None, **flags: Any) -> Settings:
    """The settings of this process. `flags` that are not None win over the environment.

    Errors: `SettingError` names the variable and what it takes.

    >>> from_environment({"BACKSCROLL_PORT": "9000"}, host="0.0.0.0").base_url
    'http://0.0.0.0:9000'
    """
    environ = os.environ if environ is None else environ
    given: dict[str, Any] = {
        field: environ[PREFIX + field.upper()]
        for field in Settings.__struct_fields__
        if environ.get(PREFIX + field.upper())
    }
    given.update({name: value for name, value in flags.items() if value is not None})
    for name in ("home",):
        if name in given:
            given[name] = Path(given[name]).expanduser().absolute()
    for name in ("api_key", "url"):  # as they come out of files: with the end of their line
        if name in given:
            given[name] = given[name].strip()
    try:
        settings = msgspec.convert(given, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise SettingError(
            f"A BACKSCROLL_ setting is not usable: {error}. docs/operations.md lists what each takes."
        ) from error
    _check_client(settings)
    return settings


def _check_client(settings: Settings) -> None:
    """What would fail far from here, and look like a service that is away. Errors: `SettingError`."""
    if settings.url and not _ADDRESS.fullmatch(settings.url):
        raise SettingError(
            "BACKSCROLL_URL is no address of a service: it begins with http:// or https:// and names a host."
        )
    if not _KEY.fullmatch(settings.api_key):
        raise SettingError(
            "BACKSCROLL_API_KEY is no key: set it to one as `backscroll key create` tells it, in one piece."
        )


def to_environment(settings: Settings) -> dict[str, str]:
    """The variables from which another process reads the same settings.

    >>> from_environment(to_environment(Settings(port=9000))).port
    9000
    """
    return {PREFIX + field.upper(): str(getattr(settings, field)) for field in Settings.__struct_fields__}


def bracketed(host: str) -> str:
    """An IPv6 address as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
