"""Every error that Backscroll raises on purpose, as a tree; its text is one sentence that says what to do.

    BackscrollError
    ├── SettingError          a setting or flag cannot be used                       exit 2
    ├── AlreadyRunning        another `serve` holds this home                        exit 3
    ├── DatabaseError         Postgres cannot be used as it is                       exit 4
    │   ├── MigrationError    the schema is not the one this program knows
    │   └── DatabaseUnavailable   no connection now; try again                       503
    │       ├── NoRoom            its disk is full; nothing was stored               503
    │       └── Contended         another was in the way, or it took too long        503
    ├── Unreachable           the command line finds no service                      exit 4
    ├── RequestError          the caller's doing; carries its HTTP status            400
    │   ├── Unauthorized                                                             401
    │   ├── Forbidden                                                                403
    │   ├── NotFound                                                                 404
    │   ├── Conflict                                                                 409
    │   ├── TooSlow                                                                  408
    │   ├── TooLarge                                                                 413
    │   └── TooMany           with `retry_after_s`                                   429
    ├── Busy                  too much at once; try again in a moment                503
    └── NotYet                not ready, or a commit token not reached; `retry_after_s`   503

A text here is shown to people as it is, so it never holds message text, keys or SQL.
"""

from __future__ import annotations

from typing import ClassVar


class BackscrollError(Exception):
    """The root: catch this to catch all of ours."""

    status: ClassVar[int] = 500
    exit_code: ClassVar[int] = 1


class SettingError(BackscrollError):
    exit_code = 2


class AlreadyRunning(BackscrollError):
    exit_code = 3


class DatabaseError(BackscrollError):
    exit_code = 4


class MigrationError(DatabaseError):
    pass


class DatabaseUnavailable(DatabaseError):
    status = 503
    retry_after_s: float = 1.0


class NoRoom(DatabaseUnavailable):
    retry_after_s = 30.0


class Contended(DatabaseUnavailable):
    pass


class Unreachable(BackscrollError):
    exit_code = 4


class RequestError(BackscrollError):
    status = 400


class Unauthorized(RequestError):
    status = 401


class Forbidden(RequestError):
    status = 403


class NotFound(RequestError):
    status = 404


class Conflict(RequestError):
    status = 409


class TooSlow(RequestError):
    status = 408


class TooLarge(RequestError):
    status = 413


class TooMany(RequestError):
    status = 429

    def __init__(self, message: str, *, retry_after_s: float) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class Busy(BackscrollError):
    status = 503
    retry_after_s: float = 1.0


class NotYet(BackscrollError):
    status = 503

    def __init__(self, message: str, *, retry_after_s: float = 1.0, missing: tuple[str, ...] = ()) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s
        self.missing = missing
