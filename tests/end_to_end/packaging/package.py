"""Packages as `chalice package` makes them, and what requirements lead to."""

from __future__ import annotations

import csv
import io
import json
import re
import sysconfig
import zipfile
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_METADATA: Final = re.compile(r"([^/]+)-([^-/]+)\.dist-info/RECORD")


@dataclass(frozen=True)
class Package:
    """A deployment package and its SAM template."""

    directory: Path

    @property
    def zip_path(self) -> Path:
        return self.directory / "deployment.zip"

    @property
    def names(self) -> list[str]:
        """Every file in the zip."""
        with zipfile.ZipFile(self.zip_path) as package:
            return package.namelist()

    @property
    def distributions(self) -> dict[str, str]:
        """The versions of the distributions in the zip, by canonical name."""
        found = map(_METADATA.fullmatch, self.names)
        return {canonicalize_name(each[1]): each[2] for each in found if each}

    def files_of_distributions(self) -> set[str]:
        """Every file that a distribution in the zip says is its own."""
        with zipfile.ZipFile(self.zip_path) as package:
            return {
                row[0]
                for name in package.namelist()
                if _METADATA.fullmatch(name)
                for row in csv.reader(io.StringIO(package.read(name).decode()))
            }

    @property
    def resources(self) -> dict[str, Any]:
        template = json.loads((self.directory / "sam.json").read_text())
        resources: dict[str, Any] = template["Resources"]
        return resources

    def functions(self) -> dict[str, Any]:
        """The properties of every Lambda function, by its handler."""
        return {
            each["Properties"]["Handler"]: each["Properties"]
            for each in self.resources.values()
            if each["Type"] == "AWS::Serverless::Function"
        }

    def statements(self, handler: str) -> list[dict[str, Any]]:
        """Everything that a function's role allows or denies."""
        role_name, _ = self.functions()[handler]["Role"]["Fn::GetAtt"]
        role = self.resources[role_name]["Properties"]
        assert "ManagedPolicyArns" not in role
        return [
            statement
            for policy in role["Policies"]
            for statement in policy["PolicyDocument"]["Statement"]
        ]

    def allowed(self, handler: str) -> dict[str, set[str]]:
        """The actions that a function's role allows, each with its resources."""
        allowed: dict[str, set[str]] = {}
        for statement in self.statements(handler):
            assert statement["Effect"] == "Allow"
            for action in _listed(statement["Action"]):
                allowed.setdefault(action, set()).update(_listed(statement["Resource"]))
        return allowed


def _listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def closure(requirements: Iterable[Requirement]) -> dict[str, str]:
    """Return everything that requirements lead to in this environment: versions by name."""
    found: dict[str, str] = {}
    seen: set[tuple[str, frozenset[str]]] = set()

    def follow(requirement: Requirement) -> None:
        name, extras = canonicalize_name(requirement.name), frozenset(requirement.extras)
        if (name, extras) in seen:
            return
        seen.add((name, extras))
        found[name] = metadata.version(name)
        assert requirement.specifier.contains(found[name]), f"{requirement}: {found[name]} is here"
        for text in metadata.requires(name) or ():
            needed = Requirement(text)
            if _applies(needed, extras):
                follow(needed)

    for requirement in requirements:
        follow(requirement)
    return found


def install(distributions: Iterable[str], environment: Path) -> None:
    """Put distributions into a virtual environment: links to their files here, which need no network."""
    paths = {"base": str(environment), "platbase": str(environment)}
    site = Path(sysconfig.get_path("purelib", "venv", paths))
    for name in distributions:
        for file in metadata.files(name) or ():
            if ".." not in file.parts:  # neither scripts nor manuals
                (site / file).parent.mkdir(parents=True, exist_ok=True)
                (site / file).symlink_to(file.locate())


def _applies(requirement: Requirement, extras: frozenset[str]) -> bool:
    if requirement.marker is None:
        return True
    return any(requirement.marker.evaluate({"extra": extra}) for extra in extras | {""})


def listed_in(requirements: Path) -> Iterator[Requirement]:
    """Yield the requirements of a file without options that hold for this Python."""
    for line in requirements.read_text().splitlines():
        text = line.partition("#")[0].strip()
        if text and _applies(requirement := Requirement(text), frozenset()):
            yield requirement
