"""docs/adding-a-store.md lists every file that names a store or its provider, and no other does."""

from __future__ import annotations

import ast
import re
from fnmatch import fnmatch
from typing import TYPE_CHECKING, Final

import pytest

from deploy_scripts import PROJECT
from deploy_scripts.providers import PACKAGED, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

PAGE: Final = (PROJECT / "docs" / "adding-a-store.md").read_text()
MOST_FILES: Final = 7
_ROW: Final = re.compile(r"^\| `([^`]+)` \|", re.MULTILINE)
CODE: Final = (
    "chalicelib",
    "functions",
    "deploy_scripts",
    "demo",
    "local_cloud",
    "benchmarks",
    "tests",
)
SUFFIXES: Final = (".py", ".sh", ".js", ".mjs", ".json", ".toml", ".txt", ".cfg", ".yaml")
each_provider = pytest.mark.parametrize("provider", PACKAGED)


def store_of(provider: str) -> str:
    return PROVIDERS[provider].load_settings.__module__.rpartition(".")[2]


def listed(section: str, provider: str) -> list[str]:
    """Return the files of a section's table, with a provider's names."""
    rows = _ROW.findall(PAGE.partition(f"\n## {section}\n")[2].partition("\n## ")[0])
    assert rows
    entry = PACKAGED[provider].entry
    names = {"PROVIDER": provider, "STORE": store_of(provider), "ENTRY": entry}
    return [re.sub("PROVIDER|STORE|ENTRY", lambda found: names[found[0]], row) for row in rows]


def project_files() -> dict[str, str]:
    """Return the project's code and its settings, by path."""
    paths = [path for folder in CODE for path in (PROJECT / folder).rglob("*")]
    paths += [path for path in PROJECT.iterdir() if path.name != "package-lock.json"]
    return {
        path.relative_to(PROJECT).as_posix(): path.read_text()
        for path in paths
        if path.suffix in SUFFIXES and path.is_file() and "build" not in path.parts
    }


def elsewhere(provider: str, files: Mapping[str, str]) -> list[str]:
    """Return the files that name a provider's store and aren't listed."""
    patterns = listed("The seven files", provider) + listed("Beside them", provider)
    return [
        name
        for name, text in files.items()
        if store_of(provider) in text.lower() and not any(fnmatch(name, each) for each in patterns)
    ]


def strings(text: str) -> Iterable[str]:
    """Yield the strings of a module."""
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


@each_provider
def test_there_are_few_files_and_each_exists(provider):
    files = listed("The seven files", provider)
    assert len(files) <= MOST_FILES
    assert [name for name in files if not (PROJECT / name).is_file()] == []


@each_provider
def test_only_listed_files_name_a_store(provider):
    files = project_files()
    assert len(files) > 200
    assert elsewhere(provider, files) == []


@each_provider
@pytest.mark.parametrize("name", ["demo/new.py", "deploy_scripts/plan/new.py", "tests/unit/new.sh"])
def test_a_further_file_that_names_a_store_would_be_found(provider, name):
    text = f"titles = {{'x': 'My {store_of(provider).capitalize()} database'}}"
    assert elsewhere(provider, {name: text}) == [name]


@each_provider
def test_only_listed_modules_of_the_product_ask_for_a_provider(provider):
    patterns = listed("The seven files", provider) + listed("Beside them", provider)
    asking = [
        name
        for name, text in project_files().items()
        if name.endswith(".py")
        and not name.startswith(("tests/", "benchmarks/"))
        and provider in strings(text)
        and not any(fnmatch(name, each) for each in patterns)
    ]
    assert asking == []
