"""Who and where people are: home directories, user and host names, e-mail addresses.

Rule: a user's name is known from a home directory. Elsewhere it is taken out where it stands as a word, unless it is a
word that people use anyway (`dev`, `mark`): that one is taken out in paths and beside `@` only.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import Literal

NameKind = Literal["home", "user", "host", "email"]
Found = Callable[[NameKind], None]
"""Told of each that is replaced."""
USER, HOST, EMAIL = "user", "host", "user@example.com"
SHORTEST = 4

_HOMES = re.compile(
    r"(?P<before>(?<![\w.])/(?:mnt/[a-z]/|private/|System/Volumes/Data/)?(?:Users|home)/|(?<!\w)[A-Za-z]:(?:\\{1,4}|/)Users(?:\\{1,4}|/))"
    r"(?P<name>[A-Za-z0-9_](?:[\w.+@-]*[\w+])?)"
)
_DASHED = re.compile(r"(?P<before>(?<![A-Za-z0-9])-(?:Users|home)-)(?P<name>[A-Za-z0-9_.]+)(?=-|\b)")
_EMAIL = re.compile(
    r"(?<![\w.+-])[A-Za-z0-9_][\w.+-]{0,63}@(?:[A-Za-z0-9-]{1,63}\.){1,5}[A-Za-z]{2,24}(?![\w@]|\.\w|/)"
)
_PROMPT = re.compile(
    r"(?<![\w.@/+-])(?P<user>[a-z_][\w.-]{0,31})@(?P<host>[A-Za-z0-9][\w.-]{0,62})(?=[: ][^\n]{0,80}?[$%#](?:\s|$))"
)
_MACHINE = re.compile(
    r"(?<![\w.-])(?:[A-Za-z][\w-]{0,40}(?:MacBook|iMac|Mac-?mini|Mac-?Studio)[\w-]{0,30}(?:\.local|\.lan|\.home)?|(?:MacBook|iMac)[\w-]{2,30}(?:\.local|\.lan)?"
    r"|(?:DESKTOP|LAPTOP)-[A-Z0-9]{7,8})(?![\w-])"
)
_NOBODY = frozenset(
    ("user", "shared", "public", "default", "linuxbrew", "username", "you", "me", "name", "your")
)
_NO_PERSON = re.compile(
    r"(?i)^(?:git|noreply|no-reply|donotreply|postmaster|root|npm|hg|ssh)@|@(?:[\w-]+\.)*(?:example|test|invalid|localhost)(?:\.\w+)?$|@users\.noreply\.|\.(?:png|jpe?g|gif|svg|webp|js|ts|tsx|jsx|json|css|html|py|md|txt|sh|ya?ml|toml|lock|service|rs|go|java)$"
)
_PLAIN_WORDS_TEXT = """
admin root test tests code work home node ubuntu debian vscode runner jenkins circleci docker
postgres mysql nginx apache guest developer local build builder deploy server client agent project
projects will mark grant rose bill frank jack hope faith rich dave data main core base page pages
site media static assets public private student teacher owner member demo sample opt usr user python
java rust ruby claude codex cursor coder sandbox workspace workspaces repo repos service app apps
web api dev ops lab labs
"""
_PLAIN_WORDS = frozenset(_PLAIN_WORDS_TEXT.split())


def gather(texts: Iterable[str]) -> frozenset[str]:
    """Names of users that home directories in these texts tell.

    >>> sorted(gather(["cd /Users/ada.l/src", r"C:\\Users\\kim\\x", "/home/user/x", "-Users-zoe-src"]))
    ['ada.l', 'kim', 'zoe']
    """
    found = {
        match["name"]
        for text in texts
        if _may_have_home(text)
        for pattern in (_HOMES, _DASHED)
        for match in pattern.finditer(text)
    }
    return frozenset(name for name in found if name.lower() not in _NOBODY)


def replaced(text: str, names: Iterable[str], found: Found) -> str:
    """The text without them; `names` are known from elsewhere.

    >>> replaced("/home/ada_l/x and ada_l, mail ada@lovelace.org", ["ada_l"], lambda kind: None)
    '/home/user/x and user, mail user@example.com'
    """
    if "@" in text:
        text = _PROMPT.sub(lambda match: _told(found, "host", f"{USER}@{HOST}"), text)
        text = _EMAIL.sub(lambda match: _email(match[0], found), text)
    if "Mac" in text or "DESKTOP-" in text or "LAPTOP-" in text:
        text = _MACHINE.sub(lambda match: _told(found, "host", HOST), text)
    if _may_have_home(text):
        for pattern in (_HOMES, _DASHED):
            text = pattern.sub(lambda match: _home(match, found), text)
    for name in sorted(names, key=len, reverse=True):
        if name in text:
            text = _word(name).sub(lambda match: _told(found, "user", USER), text)
    return text


def _may_have_home(text: str) -> bool:
    return "Users" in text or "home" in text


def _home(match: re.Match[str], found: Found) -> str:
    if match["name"].lower() in _NOBODY:
        return match[0]
    return _told(found, "home", match["before"] + USER)


def _email(address: str, found: Found) -> str:
    return address if _NO_PERSON.search(address) else _told(found, "email", EMAIL)


def _told(found: Found, kind: NameKind, text: str) -> str:
    found(kind)
    return text


def _word(name: str) -> re.Pattern[str]:
    """A name where it stands alone; one that is a usual word only beside `@` or as an owner."""
    escaped = re.escape(name)
    if len(name) < SHORTEST or name.lower() in _PLAIN_WORDS:
        return re.compile(rf"(?<![\w.-]){escaped}(?=@[A-Za-z])|(?<=\b(?:user|User|USER)[=:]){escaped}(?!\w)")
    return re.compile(rf"(?<![A-Za-z0-9_]){escaped}(?![A-Za-z0-9_])")
