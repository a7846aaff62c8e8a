"""Mistakes in configuration files, in words."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from deploy_scripts.errors import VerbError
from deploy_scripts.project_files import strict_json

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from pathlib import Path

    from deploy_scripts.project_files.strict_json import Place

MISSING: Final = object()
"""Stands for a value that isn't there; null is a value."""
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")
_SHOWN: Final = 80


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration file."""

    file: str
    path: str  # the place in it, such as `[2].properties[0].dataType`; empty for all of it
    found: str
    expected: str

    def __str__(self) -> str:
        place = f"{self.file}: {self.path}" if self.path else self.file
        return f"{place}: found {self.found}; expected {self.expected}"


class ConfigurationProblems(VerbError):  # noqa: N818 - a name for what it holds: one or many
    """The configuration files have mistakes."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{count} problem{'' if count == 1 else 's'} in the twin's configuration:"]
        return "\n  ".join([*lines, *map(str, self.problems)])


def read_document(directory: Path, file: str) -> Any:
    """Read the JSON of a configuration file."""
    try:
        return strict_json.parse((directory / file).read_bytes())
    except FileNotFoundError:
        problem = Problem(file, "", "no such file", f"it in {directory}")
    except OSError as error:
        found = f"a file that can't be read ({error.strerror})"
        problem = Problem(file, "", found, "one that can")
    except strict_json.FlawError as error:
        expected = "each key once in an object" if error.place else "plain JSON in UTF-8"
        problem = Problem(file, path_of(error.place), error.found, expected)
    raise ConfigurationProblems([problem])


def all_of(*reads: Callable[[], Any]) -> list[Any]:
    """Call several readers, and return what each returns; raise the mistakes of all of them."""
    found: list[Any] = []
    problems: list[Problem] = []
    for read in reads:
        try:
            found.append(read())
        except ConfigurationProblems as error:
            problems += error.problems
    if problems:
        raise ConfigurationProblems(problems)
    return found


def path_of(place: Place) -> str:
    """Spell a place as a path, such as `[2].properties[0].dataType`."""

    def step(each: str | int) -> str:
        if isinstance(each, int):
            return f"[{each}]"
        return f".{each}" if _PLAIN_KEY.fullmatch(each) else f"[{shown(each)}]"

    return "".join(map(step, place)).removeprefix(".")


def shown(value: Any) -> str:
    """Show a value that was found, on one line that any terminal can take."""
    if value is MISSING:
        return "nothing"
    if isinstance(value, dict | list):
        return "an object" if isinstance(value, dict) else "a list"
    text = json.dumps(value, ensure_ascii=False)
    text = "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
    if len(text) <= _SHOWN:
        return text
    return f"{len(value) if isinstance(value, str) else len(text)} characters: {text[:_SHOWN]}..."
