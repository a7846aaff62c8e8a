"""The documents lead somewhere: their links, the files that they name, the sections that code cites."""

from __future__ import annotations

import re
import subprocess
from typing import TYPE_CHECKING, Final

import pytest

from deploy_scripts import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

ARCHITECTURE: Final = "docs/architecture.md"


def committed(*patterns: str) -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard", *patterns],
        cwd=PROJECT,
        check=True,
        capture_output=True,
        text=True,
    )
    return [path for name in sorted(listed.stdout.split()) if (path := PROJECT / name).is_file()]


def prose(path: Path) -> str:
    """A document without its code blocks."""
    return re.sub(r"^```.*?^```$", "", path.read_text(), flags=re.DOTALL | re.MULTILINE)


def titles(path: Path) -> list[str]:
    return re.findall(r"^#+ (.+)$", prose(path), re.MULTILINE)


def anchor(title: str) -> str:
    """Return what GitHub makes of a title."""
    return re.sub(r"[^\w\- ]", "", title.lower()).replace(" ", "-")


DOCUMENTS: Final = committed("*.md")


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_links_lead_to_files_and_sections(path):
    for link in re.findall(r"\]\(([^)\s]+)\)", prose(path)):
        if link.startswith("https://"):
            continue
        name, _, section = link.partition("#")
        target = (path.parent / name).resolve() if name else path
        assert target.exists(), link
        if section:
            assert section in map(anchor, titles(target)), link


@pytest.mark.parametrize(
    ("name", "made_later"),
    [
        (ARCHITECTURE, {".chalice/deployed/"}),
        ("CONTRIBUTING.md", {"deploy_scripts/commands/my_verb.py"}),
        ("docs/threat-model.md", {".local/"}),
    ],
)
def test_a_page_about_the_code_names_files_and_folders_that_are_there(name, made_later):
    named = set(re.findall(r"`([\w./]+(?:/|\.py|\.md|\.toml|\.txt))`", prose(PROJECT / name)))
    assert len(named) > 10
    rooms = ("", "chalicelib", "deploy_scripts", "local_cloud", "tests", "tests/unit")
    missing = {
        each for each in named if not any((PROJECT / room / each).exists() for room in rooms)
    }
    assert missing <= made_later


def test_the_architecture_page_names_functions_that_their_files_have():
    named = re.findall(r"`([\w./]+\.py)`\s+\(`([\w.]+)`", prose(PROJECT / ARCHITECTURE))
    assert len(named) > 10
    for name, function in named:
        defined = re.findall(r"^ *(?:class|def) (\w+)", (PROJECT / name).read_text(), re.MULTILINE)
        assert set(function.split(".")) <= set(defined), (name, function)


@pytest.mark.parametrize("folder", ["chalicelib", "deploy_scripts"])
def test_the_architecture_page_has_every_room(folder):
    rooms = {path.parent.name for path in (PROJECT / folder).glob("*/__init__.py")}
    assert rooms <= set(re.findall(r"^\| `(\w+)/`", prose(PROJECT / ARCHITECTURE), re.MULTILINE))


def test_the_contributing_page_has_every_folder_of_tests():
    folders = {path.parent.name for path in (PROJECT / "tests").glob("*/__init__.py")}
    assert folders == set(
        re.findall(r"^\| `tests/(\w+)/`", prose(PROJECT / "CONTRIBUTING.md"), re.MULTILINE)
    )


def test_code_cites_sections_of_the_architecture_page_that_it_has():
    known = titles(PROJECT / ARCHITECTURE)
    cited = [
        " ".join(each.split())
        for path in committed("*.py", "*.js", "*.mjs", "*.md")
        for each in re.findall(
            rf"{re.escape(ARCHITECTURE)},[\s#]+(?:['\"])(.{{60}})", path.read_text(), re.DOTALL
        )
    ]
    assert cited
    wrong = [each for each in cited if not any(each.startswith((f"{t}'", f'{t}"')) for t in known)]
    assert not wrong


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: str(path.relative_to(PROJECT)))
def test_tables_are_whole(path):
    """A row without its table's head is shown as a line of text, and GitHub drops what a row has too many."""
    for table in re.findall(r"(?:^\|.*\n)+", prose(path) + "\n", re.MULTILINE):
        rows = table.splitlines()
        assert re.fullmatch(r"(\|[ :-]+)+\|", "".join(rows[1:2])), rows[0]
        for row in rows:
            # An escaped bar is a character, even within code (GitHub Flavored Markdown, 'Tables').
            cells = len(re.findall(r"(?<!\\)\|", row)) - 1
            assert cells == rows[0].count("|") - 1, row
