"""Checks a value against a shape of botocore's service model, constraints included.

``botocore.validate.ParamValidator`` checks types, required and unknown members, unions and
minima, because that is what a client needs. A service also refuses what breaks a maximum, a
pattern or an enumeration; those are checked here.
"""

from __future__ import annotations

import math
import re
from functools import cache
from typing import TYPE_CHECKING, Any, cast

from botocore.validate import ParamValidator

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import ListShape, MapShape, Shape, StringShape, StructureShape

INTEGER_RANGE = (-(2**31), 2**31 - 1)
"""The values of an ``integer`` shape: 32 bit, signed (Smithy, simple types)."""

LONG_RANGE = (-(2**63), 2**63 - 1)
"""The values of a ``long`` shape: 64 bit, signed (Smithy, simple types)."""

_RANGES = {"integer": INTEGER_RANGE, "long": LONG_RANGE}
_SHOWN = 80


def violations(value: object, shape: Shape) -> list[str]:
    """Return how a value breaks its shape.

    Parameters
    ----------
    value : object
        A request or an answer, or a part of one; timestamps as ``datetime``.
    shape : botocore.model.Shape
        The shape that the value must have.

    Returns
    -------
    list of str
        One sentence for each violation; empty for a good value. Violations of constraints are
        only looked for once the types are right.
    """
    return _reported(value, shape) or list(_broken_constraints(value, shape, ""))


def malformed(value: object, shape: Shape) -> list[str]:
    """Return how a value isn't what its shape is made of, constraints aside.

    Parameters
    ----------
    value : object
        A request or an answer; timestamps as ``datetime``.
    shape : botocore.model.Shape
        The shape that the value must have.

    Returns
    -------
    list of str
        One sentence for each wrong type, and for each required or unknown member.
    """
    minima = ("Invalid length", "Invalid range")  # how botocore begins to say that one is missed
    return [line for line in _reported(value, shape) if not line.startswith(minima)]


def _reported(value: object, shape: Shape) -> list[str]:
    report = ParamValidator().validate(cast("Any", value), shape)
    text: str = report.generate_report()
    return text.splitlines()


def _broken_constraints(value: Any, shape: Shape, path: str) -> Iterator[str]:
    if shape.type_name == "structure":
        yield from _in_structure(value, cast("StructureShape", shape), path)
    elif shape.type_name == "list":
        yield from _length(len(value), shape, path)
        member = cast("ListShape", shape).member
        for index, item in enumerate(value):
            yield from _broken_constraints(item, member, f"{path}[{index}]")
    elif shape.type_name == "map":
        yield from _length(len(value), shape, path)
        yield from _in_map(value, cast("MapShape", shape), path)
    elif shape.type_name == "string":
        yield from _in_string(value, cast("StringShape", shape), path)
    else:
        yield from _in_number(value, shape, path)


def _in_structure(value: dict[str, Any], shape: StructureShape, path: str) -> Iterator[str]:
    for name, item in value.items():
        yield from _broken_constraints(item, shape.members[name], f"{path}.{name}".lstrip("."))


def _in_map(value: dict[str, Any], shape: MapShape, path: str) -> Iterator[str]:
    for key, item in value.items():
        yield from _broken_constraints(key, shape.key, f"{path} (key {key!r})")
        yield from _broken_constraints(item, shape.value, f"{path}.{key}")


def _in_string(value: str, shape: StringShape, path: str) -> Iterator[str]:
    yield from _length(len(value), shape, path)
    if shape.enum and value not in shape.enum:
        yield f"{path}: {_shown(value)} isn't one of {', '.join(shape.enum)}"
    pattern = shape.metadata.get("pattern")
    if pattern is not None and not compiled(pattern).fullmatch(value):
        yield f"{path}: {_shown(value)} doesn't match the pattern {pattern}"


def _in_number(value: object, shape: Shape, path: str) -> Iterator[str]:
    if shape.type_name not in {"integer", "long", "double", "float"}:
        return
    if isinstance(value, bool):
        yield f"{path}: {value} is a Boolean, not a number"
    elif isinstance(value, float) and not math.isfinite(value):
        yield f"{path}: {value} isn't a finite number"
    elif isinstance(value, (int, float)):
        low, high = _RANGES.get(shape.type_name, (-math.inf, math.inf))
        low = max(low, shape.metadata.get("min", low))
        high = min(high, shape.metadata.get("max", high))
        if not low <= value <= high:
            yield f"{path}: {value} isn't in the range {low} to {high}"


def _length(length: int, shape: Shape, path: str) -> Iterator[str]:
    longest = shape.metadata.get("max")
    if longest is not None and length > longest:
        unit = "characters" if shape.type_name == "string" else "items"
        yield f"{path}: {length} {unit} are more than the {longest} allowed"


@cache
def compiled(pattern: str) -> re.Pattern[str]:
    r"""Translate a pattern of the service model for Python's ``re``.

    Parameters
    ----------
    pattern : str
        A regular expression in Java's dialect; the whole string has to match it.

    Returns
    -------
    re.Pattern
        The same for Python. ``\p{L}`` (letters) and ``\p{N}`` (numbers) become ``\w``, which is
        those two and the underscore: the service's one pattern with them allows the underscore
        too. ``\p{Z}`` (separators) becomes the list of Unicode's space characters.
    """
    translated = pattern.replace(r"\p{L}", r"\w").replace(r"\p{N}", r"\w")
    spaces = " \u00a0\u1680\u2000-\u200a\u2028\u2029\u202f\u205f\u3000"
    return re.compile(translated.replace(r"\p{Z}", spaces))


def _shown(value: str) -> str:
    """Quote a value for a message, shortened so that the message stays readable."""
    return repr(value if len(value) <= _SHOWN else f"{value[:_SHOWN]}...")
