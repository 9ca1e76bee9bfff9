"""What the documents say is so: settings, errors, routes, commands, links."""

from __future__ import annotations

import ast
import re
import tomllib
from collections.abc import Iterator
from itertools import chain
from pathlib import Path

import click
import pytest

from service.api.about import openapi
from service.app import ROUTES
from service.cli import main
from service.settings import PREFIX, Settings

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
OPERATIONS = (ROOT / "docs" / "operations.md").read_text()
DECISIONS = ROOT / "docs" / "decisions"
ROW = re.compile(r"^\| `([^`]+)` \| ?([^|]*?) ?\|", re.MULTILINE)
LINK = re.compile(r"\]\((?!https?:|#)([^)#\s]+)")


def test_it_documents_every_setting() -> None:
    """docs/operations.md has each setting's variable with its default, and no other."""
    defaults = {
        PREFIX + name.upper(): "the platform's user data directory"
        if name == "home"
        else shown(getattr(Settings(), name))
        for name in Settings.__struct_fields__
    }
    assert {name: default for name, default in ROW.findall(OPERATIONS) if name.startswith(PREFIX)} == defaults


def shown(value: object) -> str:
    return "empty" if value == "" else f"`{value}`"


def test_it_documents_every_error() -> None:
    """Every error that we define has its row in docs/operations.md."""
    ours = errors()
    assert {name for name, _ in ROW.findall(OPERATIONS) if name in ours} == ours


def errors() -> set[str]:
    """The classes below BackscrollError, wherever they are defined."""
    bases = {
        node.name: {getattr(base, "id", "") for base in node.bases}
        for file in (ROOT / "service").rglob("*.py")
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ClassDef)
    }
    found = {"BackscrollError"}
    while more := {name for name, above in bases.items() if above & found} - found:
        found |= more
    return found


def routes() -> set[str]:
    return {f"{handler.opt['route'].method} {handler.opt['route'].path}" for handler in ROUTES}


def test_it_gives_a_reason_for_every_dependency() -> None:
    """Each dependency of pyproject.toml and of its extras has its row in the record of decision 2, and no other has."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    extras = [wanted for name, wanted in project["optional-dependencies"].items() if name != "dev"]
    wanted = [*project["dependencies"], *chain(*extras)]
    names = {re.split(r"[^A-Za-z0-9._-]", requirement)[0] for requirement in wanted}
    rows = re.findall(r"^\| (`[^|]+`) \|", (DECISIONS / "0002-dependencies.md").read_text(), re.MULTILINE)
    assert {name.strip("` ") for row in rows for name in row.split(",")} == names


def test_it_lists_every_decision() -> None:
    """The index of decisions links to each record."""
    index = (DECISIONS / "README.md").read_text()
    assert [file.name for file in sorted(DECISIONS.glob("0*.md")) if f"({file.name})" not in index] == []


def test_it_documents_every_route() -> None:
    """docs/api.md has a row for each route of the app, and no other."""
    rows = re.findall(r"^\| `([A-Z]+ [^`]+)` \|", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert len(rows) == len(set(rows))
    assert set(rows) == routes()


def test_it_describes_every_route_in_the_schema() -> None:
    """/schema has each route, with a description and an example of its answer."""
    described = openapi.document([handler.opt["route"] for handler in ROUTES])
    operations = {
        f"{method.upper()} {path}": operation
        for path, methods in described["paths"].items()
        for method, operation in methods.items()
    }
    assert set(operations) == routes()
    for name, operation in operations.items():
        content = next(iter(operation["responses"]["200"]["content"].values()))
        assert operation["description"], name
        assert content["example"] is not None, name


def commands(group: click.Group = main, path: str = "backscroll") -> Iterator[tuple[str, click.Command]]:
    for name, command in group.commands.items():
        yield f"{path} {name}", command
        if isinstance(command, click.Group):
            yield from commands(command, f"{path} {name}")


@pytest.mark.parametrize(
    ("path", "command"), list(commands()), ids=lambda value: value if isinstance(value, str) else ""
)
def test_it_shows_an_example_in_every_help(path: str, command: click.Command) -> None:
    """`--help` says what a verb does, and shows a line to type."""
    if not command.hidden:
        assert re.search(rf"^\s*(?:[A-Z_]+=\S+ )*{path}", command.help or "", re.MULTILINE)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_it_names_commands_that_exist(page: Path) -> None:
    """Each `backscroll ...` and `make ...` of a page is a verb with those options, or a target."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    known = dict(commands()) | {"backscroll": main}
    for line in named_commands(page.read_text()):
        words = line.split()
        if words[0] == "make":
            assert set(words[1:2]) <= targets, line
            continue
        verb = max((path for path in known if f"{line} ".startswith(f"{path} ")), key=len)
        assert verb != "backscroll" or words[1:2] == [] or words[1].startswith("-"), f"no such verb: {line}"
        options = {option for parameter in known[verb].params for option in parameter.opts} | {
            "--help",
            "--version",
        }
        assert {word.partition("=")[0] for word in words if word.startswith("--")} <= options, line


def named_commands(text: str) -> list[str]:
    """What is set as code: lines of fenced shell blocks, and words in backticks.

    >>> named_commands("Type `make run`, or:\\n```sh\\nA=1 backscroll api --port 1  # one more\\n```\\nto make a key")
    ['backscroll api --port 1', 'make run']
    """
    fenced = "\n".join(re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL))
    inline = re.findall(r"`([^`\n]+)`", re.sub(r"^```.*?^```", "", text, flags=re.MULTILINE | re.DOTALL))
    lines = [
        re.sub(r"^(?:[A-Z_]+=\S* )+", "", line).partition("  #")[0].strip()
        for line in [*fenced.splitlines(), *inline]
    ]
    return [line for line in lines if re.match(r"(backscroll|make)(\s|$)", line)]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_it_links_to_what_exists(page: Path) -> None:
    """Each relative link of a page leads to a file."""
    assert [link for link in LINK.findall(page.read_text()) if not (page.parent / link).exists()] == []


def test_it_refers_to_records_that_exist() -> None:
    """A page of docs/ that the code names for its reasons is there."""
    named = {
        page
        for file in (ROOT / "service").rglob("*.py")
        if "sample" not in file.parts
        for page in re.findall(r"docs/[\w/-]+\.md", file.read_text())
    }
    assert [page for page in sorted(named) if not (ROOT / page).exists()] == []
