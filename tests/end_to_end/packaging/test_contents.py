"""The zip holds what runs in a function, and nothing else."""

from __future__ import annotations

from importlib import metadata
from typing import Final

import pytest
from packaging.utils import canonicalize_name

from deploy_scripts import PROJECT

from .package import Package, closure, listed_in

REQUIREMENTS: Final = PROJECT / "requirements.txt"
LARGEST_ZIP: Final = 25_000_000
"""Bytes: half of what Lambda takes directly (AWS Lambda developer guide, 'Quotas')."""
FOR_ENGINEERS: Final = (
    "awslambdaric",
    "click",
    "hypothesis",
    "jsonschema",
    "matplotlib",
    "moto",
    "mypy",
    "openapi-spec-validator",
    "pip",
    "pytest",
    "rich",
    "ruff",
    "setuptools",
    "werkzeug",
)


def test_the_zip_has_exactly_what_requirements_lead_to(multicloud: Package) -> None:
    assert multicloud.distributions == closure(listed_in(REQUIREMENTS))


def test_the_zip_has_the_versions_that_are_pinned(multicloud: Package) -> None:
    pinned = {canonicalize_name(each.name): str(each.specifier) for each in listed_in(REQUIREMENTS)}
    packaged = {name: f"=={multicloud.distributions.get(name)}" for name in pinned}

    assert packaged == pinned


def test_every_module_of_ours_is_in_the_zip(multicloud: Package) -> None:
    ours = {path.relative_to(PROJECT).as_posix() for path in PROJECT.glob("chalicelib/**/*.py")}

    assert {"app.py", *ours} <= set(multicloud.names)


def test_a_file_in_the_zip_is_ours_or_belongs_to_a_distribution(multicloud: Package) -> None:
    known = multicloud.files_of_distributions()
    # Chalice's own runtime is put in by Chalice.
    ours = ("app.py", "chalicelib/", "chalice/__init__.py", "chalice/app.py", "chalice/local.py")

    assert [
        each for each in multicloud.names if each not in known and not each.startswith(ours)
    ] == []


@pytest.mark.parametrize("name", FOR_ENGINEERS)
def test_the_zip_has_nothing_for_engineers(multicloud: Package, name: str) -> None:
    assert metadata.version(name), "not even installed here"
    assert name not in multicloud.distributions
    assert not [each for each in multicloud.names if each.startswith(f"{name.replace('-', '_')}/")]


@pytest.mark.parametrize(
    "start",
    [
        "tests/",
        "demo/",
        "deploy_scripts/",
        "local_cloud/",
        ".local",
        ".chalice",
        "config",
        "chalice/cli/",
    ],
)
def test_the_zip_has_nothing_of_the_engineers_machine(multicloud: Package, start: str) -> None:
    assert not [each for each in multicloud.names if each.startswith(start)]


def test_the_zip_is_small(multicloud: Package) -> None:
    assert multicloud.zip_path.stat().st_size < LARGEST_ZIP
