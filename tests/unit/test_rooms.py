"""The rooms of the project: which may import which, and where an SDK belongs (docs/architecture.md)."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions
from typing import TYPE_CHECKING, Final

import pytest

from deploy_scripts import PROJECT
from deploy_scripts.providers import PACKAGED, PROVIDERS

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def store_of(provider: str) -> str:
    """The folder of a provider's store, by the file of its settings."""
    return PROVIDERS[provider].load_settings.__module__.rpartition(".")[2]


def sdk_of(provider: str) -> set[str]:
    """The packages that a provider's functions require, but for what any store may import."""
    requirements = PROJECT / PACKAGED[provider].directory / "requirements.txt"
    pinned = set(re.findall("^([a-z0-9-]+)==", requirements.read_text(), re.MULTILINE))
    pinned -= LIBRARIES["stores"]
    return {name for name, owners in packages_distributions().items() if pinned & {*owners}}


ROOMS: Final = (
    "aws",
    "http",
    "data_connector",
    "hot_reader",
    "stores",
    "contracts",
    "tokens",
    "connections",
    "observability",
    "settings",
    "model",
)
"""Those of chalicelib: each may import the ones after it."""
LIBRARIES: Final = {
    "aws": {"aws_lambda_powertools", "chalice"},
    "http": {"orjson"},
    "data_connector": {"boto3", "botocore", "orjson", "requests", "urllib3"},
    "stores": {"botocore", "orjson", "urllib3"},
    "contracts": {"orjson"},
    "tokens": {"aws_lambda_powertools", "botocore", "orjson", "requests"},
    "connections": {"botocore", "certifi", "urllib3"},
    "observability": {"aws_lambda_powertools", "orjson"},
}
"""The libraries that a room of chalicelib may import; one that isn't listed imports none."""
SDKS: Final = {"dynamodb": {"botocore"}} | {store_of(name): sdk_of(name) for name in PACKAGED}
"""The SDK that each store may import, by the store's folder."""
NEIGHBOURS: Final = {
    "chalicelib": set(),
    "functions": {"chalicelib"},
    "local_cloud": set(),
    "deploy_scripts": {"chalicelib"},
    "demo": {"chalicelib", "deploy_scripts", "local_cloud"},
    "benchmarks": {"chalicelib", "deploy_scripts", "demo", "local_cloud"},
}
"""The folders at the top, and which others each may import."""
TWINMAKER_ROOMS: Final = ("operations", "connectors", "twin", "protocol", "errors")
"""Those of the local TwinMaker: each may import the ones after it."""
COMMAND_LINE: Final = "deploy_scripts/__main__.py"
"""Puts the verbs together, those of the demo included."""
MOST_MODULES: Final = 14
MOST_LINES: Final = 400


def sources(folder: str) -> list[Path]:
    return sorted((PROJECT / folder).rglob("*.py"))


PRODUCT: Final = [path for folder in NEIGHBOURS for path in sources(folder)]


def in_project(path: Path) -> str:
    return path.relative_to(PROJECT).as_posix()


def imported(path: Path) -> Iterator[str]:
    """Yield the full name of everything that a file imports, at once, later, or for its types."""
    package = path.relative_to(PROJECT).parent.parts
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom):
            above = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*above, *([node.module] if node.module else [])])
            yield from (f"{module}.{each.name}" for each in node.names)


def of_ours(path: Path) -> set[str]:
    return {name for name in imported(path) if name.partition(".")[0] in NEIGHBOURS}


def libraries(path: Path) -> set[str]:
    """The libraries that a file imports when it runs, typing stubs aside."""
    names = {name.partition(".")[0] for name in imported(path)}
    stubs = {name for name in names if name.startswith("mypy_boto3_")}
    return names - set(sys.stdlib_module_names) - set(NEIGHBOURS) - stubs


@pytest.mark.parametrize("folder", NEIGHBOURS)
def test_a_folder_imports_only_the_ones_below_it(folder):
    allowed = {folder, *NEIGHBOURS[folder]}
    wrong = {
        in_project(path): names
        for path in sources(folder)
        if in_project(path) != COMMAND_LINE
        and (names := {name for name in of_ours(path) if name.partition(".")[0] not in allowed})
    }
    assert not wrong


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_chalicelib_imports_only_itself_and_those_below(room):
    allowed = {f"chalicelib.{each}" for each in ROOMS[ROOMS.index(room) :]}
    wrong = {
        in_project(path): names
        for path in sources(f"chalicelib/{room}")
        if (names := {n for n in of_ours(path) if ".".join(n.split(".")[:2]) not in allowed})
    }
    assert not wrong


def test_every_room_of_chalicelib_has_its_rule():
    folders = {path.parent.name for path in (PROJECT / "chalicelib").glob("*/__init__.py")}
    assert folders == set(ROOMS)
    assert [path.name for path in (PROJECT / "chalicelib").glob("*.py")] == ["__init__.py"]


@pytest.mark.parametrize("room", ROOMS)
def test_a_room_of_chalicelib_imports_only_libraries_that_belong_there(room):
    found = {library for path in sources(f"chalicelib/{room}") for library in libraries(path)}
    sdks = {library for each in SDKS.values() for library in each} if room == "stores" else set()
    assert found <= LIBRARIES.get(room, set()) | sdks


@pytest.mark.parametrize("store", SDKS)
def test_a_store_imports_its_own_sdk_only_and_no_other_store(store):
    paths = sources(f"chalicelib/stores/{store}")
    found = {library for path in paths for library in libraries(path)}
    of_sdks = found & set().union(*SDKS.values())
    assert of_sdks
    assert of_sdks <= SDKS[store]
    stores = {name.split(".")[2] for path in paths for name in of_ours(path) if ".stores." in name}
    assert stores <= {store, "hot_store"}


def test_what_all_stores_share_imports_no_sdk_and_no_store():
    (shared,) = (PROJECT / "chalicelib" / "stores").glob("[!_]*.py")
    assert not libraries(shared)
    assert not [name for name in of_ours(shared) if ".stores." in name]


@pytest.mark.parametrize("cloud", ["aws", "azure", "gcp", "twinmaker"])
def test_a_cloud_of_the_local_cloud_imports_itself_and_what_all_share(cloud):
    shared = set() if cloud == "twinmaker" else {"PROJECT", "child_process", "request_body"}
    wrong = {
        in_project(path): names
        for path in sources(f"local_cloud/{cloud}")
        if (names := {n for n in of_ours(path) if n.split(".")[1] not in {cloud, *shared}})
    }
    assert not wrong


@pytest.mark.parametrize("room", TWINMAKER_ROOMS[:-1])
def test_a_room_of_the_local_twinmaker_imports_only_itself_and_those_below(room):
    allowed = set(TWINMAKER_ROOMS[TWINMAKER_ROOMS.index(room) :])
    wrong = {
        in_project(path): names
        for path in sources(f"local_cloud/twinmaker/{room}")
        if (names := {n for n in of_ours(path) if n.split(".")[2] not in allowed})
    }
    assert not wrong


def test_the_local_twinmaker_imports_only_what_its_distribution_requires():
    project = tomllib.loads((PROJECT / "local_cloud/twinmaker/pyproject.toml").read_text())
    found = {name for path in sources("local_cloud/twinmaker") for name in libraries(path)}
    assert found - {"botocore"} == set(project["project"]["dependencies"])


def test_no_modules_import_each_other_in_a_circle():
    modules = {
        ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__"): path
        for path in PRODUCT
    }
    arrows = {
        module: {
            target
            for name in of_ours(path)
            # What is imported is a module, or a name in one.
            if (target := name if name in modules else name.rpartition(".")[0]) in modules
        }
        - {module}
        for module, path in modules.items()
    }
    while ends := [module for module, targets in arrows.items() if not targets]:
        for end in ends:
            del arrows[end]
        for targets in arrows.values():
            targets.difference_update(ends)
    # What is left is in a circle, or leads to one.
    assert not arrows


def test_no_folder_of_the_product_is_crowded():
    folders = [path.parent for path in PRODUCT if path.name != "__init__.py"]
    crowded = {in_project(each) for each in folders if folders.count(each) > MOST_MODULES}
    assert not crowded


def test_no_module_of_the_product_is_long():
    lengths = {in_project(path): len(path.read_text().splitlines()) for path in PRODUCT}
    assert not {name: length for name, length in lengths.items() if length > MOST_LINES}
