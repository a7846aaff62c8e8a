"""The twin's configuration files: what they are called, what is in them, and what is wrong with them.

Every mistake in every file is found before any is reported, each with its place. docs/configuration.md
has the rules for people.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, NoReturn

from chalicelib.contracts.twinmaker import DEVICE_ID_PROPERTY
from chalicelib.model.data_value import DATA_VALUE_TYPES, DataType, to_data_value
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.layout import PROVIDER_RULE, PROVIDER_SPELLINGS, ProviderLayout
from deploy_scripts.errors import VerbError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

DEVICES_FILE: Final = "config_iot_devices.json"
PROVIDERS_FILE: Final = "config_providers.json"
TWIN_FILE: Final = "config.json"

# The limits and patterns of TwinMaker's API (botocore's service model 'iottwinmaker').
LONGEST_TWIN_NAME: Final = 128
"""Characters of an `Id`: the twin's workspace has the twin's name."""
LONGEST_COMPONENT_TYPE_ID: Final = 256
LONGEST_PROPERTY_NAME: Final = 256
LONGEST_UNIT: Final = 256
_TWIN_NAME: Final = re.compile(r"[a-zA-Z_0-9][a-zA-Z_\-0-9]*[a-zA-Z0-9]")
_DEVICE_ID: Final = re.compile(r"[a-zA-Z_.\-0-9:]+")
_LAYER_4: Final = re.compile(r"layer[\W_]*4[\W_]*p", re.IGNORECASE)
_PROPERTY_NAME: Final = re.compile(r"[a-zA-Z_\-0-9]+")
_TYPES: Final = tuple(sorted(DATA_VALUE_TYPES.values()))

_TWIN_NAME_RULE: Final = (
    f"2 to {LONGEST_TWIN_NAME} letters, digits, '-' and '_', not starting with '-' and ending with "
    "a letter or digit"
)
_DEVICE_ID_RULE: Final = "a device's id: letters, digits and '_', '.', '-', ':'"
_PROPERTY_NAME_RULE: Final = (
    f"a property's name: 1 to {LONGEST_PROPERTY_NAME} letters, digits, '-' and '_'"
)
_TYPE_RULE: Final = f"one of {', '.join(_TYPES)}"
_PROPERTY_SHAPE: Final = '{"name": ..., "dataType": ...}'
_CONSTANT_SHAPE: Final = '{"name": ..., "dataType": ..., "value": ...}'
_SHOWN: Final = 80
_PLAIN_KEY: Final = re.compile(r"[A-Za-z_][A-Za-z_0-9]*")


class _Missing:
    """Stands for a key that isn't there; null is a value."""


_MISSING: Final = _Missing()


@dataclass(frozen=True, slots=True)
class Problem:
    """One mistake in a configuration file.

    Attributes
    ----------
    file
        The file's name.
    path
        Where in it: a key path such as `[2].properties[0].dataType`, or empty for all of it.
    found
        What is there.
    expected
        What should be.
    """

    file: str
    path: str
    found: str
    expected: str

    def __str__(self) -> str:
        where = f"{self.file}: {self.path}" if self.path else self.file
        return f"{where}: found {self.found}; expected {self.expected}"


class ConfigurationProblems(VerbError):  # noqa: N818 - a name for what it holds: one or many
    """The configuration files have mistakes.

    Attributes
    ----------
    problems
        All of them, file by file.
    """

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(problems)
        super().__init__(self.problems)

    def __str__(self) -> str:
        count = len(self.problems)
        lines = [f"{count} problem{'' if count == 1 else 's'} in the twin's configuration:"]
        return "\n  ".join([*lines, *map(str, self.problems)])


@dataclass(frozen=True, slots=True)
class DeviceProperty:
    """A property of a device.

    Attributes
    ----------
    name
        Its name in telemetry and in TwinMaker.
    data_type
        Its declared type.
    unit
        Its unit of measure, if it has one.
    value
        The value of a constant property; None for telemetry.
    """

    name: str
    data_type: DataType
    unit: str | None = None
    value: Any = None


@dataclass(frozen=True, slots=True)
class Device:
    """An IoT device.

    Attributes
    ----------
    id
        Its id: the partition key of its telemetry.
    properties
        What it measures.
    constants
        What doesn't change.
    """

    id: str
    properties: tuple[DeviceProperty, ...]
    constants: tuple[DeviceProperty, ...] = ()


@dataclass(frozen=True, slots=True)
class TwinConfiguration:
    """What the configuration files say.

    Attributes
    ----------
    name
        The digital twin's name.
    layout
        Which cloud keeps the hot storage, and which one has the twin.
    devices
        The twin's devices, in the file's order.
    """

    name: str
    layout: ProviderLayout
    devices: tuple[Device, ...]

    @classmethod
    def load(cls, directory: Path) -> TwinConfiguration:
        """Read the configuration files in a directory.

        Raises
        ------
        ConfigurationProblems
            Something is wrong with them: it names every mistake.
        """
        problems: list[Problem] = []
        name = _twin_name(directory, problems)
        layout = _layout(directory, problems)
        devices = _devices(directory, problems, twin_name=name)
        if problems or name is None or layout is None:
            raise ConfigurationProblems(problems)
        return cls(name, layout, devices)


def twin_name(directory: Path) -> str:
    """Return the digital twin's name from `config.json` in a directory.

    Raises
    ------
    ConfigurationProblems
        Something is wrong with that file.
    """
    problems: list[Problem] = []
    name = _twin_name(directory, problems)
    if problems or name is None:
        raise ConfigurationProblems(problems)
    return name


def devices(directory: Path) -> list[Device]:
    """Return the devices of `config_iot_devices.json` in a directory.

    Raises
    ------
    ConfigurationProblems
        Something is wrong with that file.
    """
    problems: list[Problem] = []
    listed = _devices(directory, problems, twin_name=None)
    if problems:
        raise ConfigurationProblems(problems)
    return list(listed)


@dataclass(frozen=True, slots=True)
class _Value:
    """A value in a file, with its place and the list that mistakes go to."""

    value: Any
    file: str
    path: str
    problems: list[Problem]

    def wrong(self, expected: str, *, found: str | None = None) -> None:
        """Note that something else was expected here."""
        found = _shown(self.value) if found is None else found
        self.problems.append(Problem(self.file, self.path, found, expected))

    def member(self, name: str) -> _Value:
        """Return the value of an object's key."""
        value = self.value.get(name, _MISSING)
        return _Value(value, self.file, f"{self.path}.{name}".lstrip("."), self.problems)

    def items(self) -> Iterator[_Value]:
        """Yield a list's elements."""
        for number, value in enumerate(self.value):
            yield _Value(value, self.file, f"{self.path}[{number}]", self.problems)

    def is_a(self, kind: type, expected: str) -> bool:
        """Say whether the value is of a type; if not, note it."""
        if isinstance(self.value, kind):
            return True
        self.wrong(expected)
        return False

    def text(self, pattern: re.Pattern[str], longest: int | None, expected: str) -> str | None:
        """Return a text that follows a pattern; otherwise note it and return None."""
        value = self.value
        if isinstance(value, str) and pattern.fullmatch(value):
            if longest is None or len(value) <= longest:
                return value
            self.wrong(expected, found=f"{len(value)} characters: {_shown(value)}")
            return None
        self.wrong(expected)
        return None


def _twin_name(directory: Path, problems: list[Problem]) -> str | None:
    document = _read(directory, TWIN_FILE, problems)
    if document is None or not document.is_a(dict, 'an object: {"digital_twin_name": ...}'):
        return None
    return document.member("digital_twin_name").text(_TWIN_NAME, LONGEST_TWIN_NAME, _TWIN_NAME_RULE)


def _layout(directory: Path, problems: list[Problem]) -> ProviderLayout | None:
    document = _read(directory, PROVIDERS_FILE, problems)
    expected = 'an object: {"layer_3_hot_provider": ..., "layer_4_provider": ...}'
    if document is None or not document.is_a(dict, expected):
        return None
    layer_3_hot = _provider(document.member("layer_3_hot_provider"))
    layer_4 = document.member("layer_4_provider")
    if layer_4.value is _MISSING:
        _check_spelling(document)
    # Projects from before there was a layer 4 provider have both on one cloud.
    twin = layer_3_hot if layer_4.value is _MISSING else _provider(layer_4)
    return None if layer_3_hot is None or twin is None else ProviderLayout(layer_3_hot, twin)


def _check_spelling(document: _Value) -> None:
    """Note a key that was meant to be `layer_4_provider`: as if it weren't there, it would be ignored."""
    for key in document.value:
        if _LAYER_4.match(key):
            document.member(key).wrong("the key layer_4_provider", found="an unknown key")


def _provider(named: _Value) -> str | None:
    name = named.value
    provider = PROVIDER_SPELLINGS.get(name.strip().lower()) if isinstance(name, str) else None
    if provider is None:
        named.wrong(PROVIDER_RULE)
    return provider


def _devices(
    directory: Path, problems: list[Problem], *, twin_name: str | None
) -> tuple[Device, ...]:
    document = _read(directory, DEVICES_FILE, problems)
    if document is None or not document.is_a(list, "a list of devices"):
        return ()
    ids: dict[str, str] = {}
    listed = [_device(each, ids, twin_name) for each in document.items()]
    return tuple(device for device in listed if device is not None)


def _device(listed: _Value, ids: dict[str, str], twin_name: str | None) -> Device | None:
    if not listed.is_a(dict, 'a device: {"id": ..., "properties": [...]}'):
        return None
    device_id = _device_id(listed.member("id"), ids, twin_name)
    names: dict[str, str] = {}
    properties = _properties(listed.member("properties"), names, constant=False)
    constants = listed.member("constProperties")
    fixed = () if constants.value is _MISSING else _properties(constants, names, constant=True)
    return None if device_id is None else Device(device_id, properties, fixed)


def _device_id(given: _Value, ids: dict[str, str], twin_name: str | None) -> str | None:
    prefix = "" if twin_name is None else f"{twin_name}-"
    longest = LONGEST_COMPONENT_TYPE_ID - len(prefix)
    device_id = given.text(
        _DEVICE_ID,
        longest,
        f"{_DEVICE_ID_RULE}; at most {longest}, because TwinMaker's component type id "
        f"{prefix}ID can have {LONGEST_COMPONENT_TYPE_ID}",
    )
    return _of_its_own(given, device_id, ids)


def _of_its_own(given: _Value, name: str | None, known: dict[str, str]) -> str | None:
    """Note a name that was given before."""
    if name is None:
        return None
    first = known.setdefault(name, given.path)
    if first != given.path:
        given.wrong(f"another one than {first}", found=f"{_shown(name)} again")
        return None
    return name


def _properties(
    listed: _Value, names: dict[str, str], *, constant: bool
) -> tuple[DeviceProperty, ...]:
    if not listed.is_a(list, "a list of properties"):
        return ()
    found = [_property(each, names, constant=constant) for each in listed.items()]
    return tuple(each for each in found if each is not None)


def _property(listed: _Value, names: dict[str, str], *, constant: bool) -> DeviceProperty | None:
    shape = _CONSTANT_SHAPE if constant else _PROPERTY_SHAPE
    if not listed.is_a(dict, f"a property: {shape}"):
        return None
    name = _property_name(listed.member("name"), names)
    data_type = _data_type(listed.member("dataType"))
    unit = _unit(listed.member("unitOfMeasure"))
    value = _constant(listed.member("value"), data_type) if constant else None
    return (
        None if name is None or data_type is None else DeviceProperty(name, data_type, unit, value)
    )


def _property_name(given: _Value, names: dict[str, str]) -> str | None:
    name = given.text(_PROPERTY_NAME, LONGEST_PROPERTY_NAME, _PROPERTY_NAME_RULE)
    if name == DEVICE_ID_PROPERTY:
        given.wrong(
            f"another name: {DEVICE_ID_PROPERTY} is the device's id in every component type"
        )
        return None
    return _of_its_own(given, name, names)


def _data_type(declared: _Value) -> DataType | None:
    before = len(declared.problems)
    _check_type(declared)
    if len(declared.problems) > before:
        return None
    try:
        return DataType.parse(declared.value, "it")
    except InvalidQueryError as error:  # nested too deep
        declared.wrong("a data type", found=f"one that can't be used: {error}")
        return None


def _check_type(declared: _Value) -> None:
    """Note what is wrong with a type, at each level of nesting."""
    name = declared
    while isinstance(declared.value, dict):
        name, declared = declared.member("type"), declared.member("nestedType")
        if not _is_type_name(name.value):
            name.wrong(_TYPE_RULE)
        if declared.value in (_MISSING, None):
            return
    if not _is_type_name(declared.value):
        declared.wrong(f'{_TYPE_RULE}, or an object: {{"type": "LIST", "nestedType": {{...}}}}')


def _is_type_name(name: Any) -> bool:
    return isinstance(name, str) and name.upper() in _TYPES


def _unit(given: _Value) -> str | None:
    if given.value is _MISSING or given.value is None:
        return None
    unit: Any = given.value
    if isinstance(unit, str) and 1 <= len(unit) <= LONGEST_UNIT:
        return unit
    given.wrong(f"a unit of measure: text of 1 to {LONGEST_UNIT} characters")
    return None


def _constant(given: _Value, declared: DataType | None) -> Any:
    if given.value is _MISSING or given.value is None:
        given.wrong("the constant's value")
    elif declared is not None:
        try:
            to_data_value(given.value, declared)
        except RecursionError:
            given.wrong(f"a value of the type {declared.type}", found="one nested too deep")
        except ValueError as error:
            given.wrong(f"a value of the type {declared.type} ({error})")
    return given.value


class _Object(dict[str, Any]):
    """A JSON object that knows which keys stood in it more than once."""

    repeated: tuple[str, ...] = ()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) < len(pairs):
        keys = [key for key, _ in pairs]
        found.repeated = tuple(key for key in found if keys.count(key) > 1)
    return found


class _UnreadableError(ValueError):
    """A file can't be read at all."""

    def __init__(self, found: str, expected: str) -> None:
        self.found, self.expected = found, expected
        super().__init__(found)


def _beyond_json(name: str) -> NoReturn:
    """Refuse a number that Python's parser takes and JSON doesn't have."""
    raise _UnreadableError(f"the number {name}", "JSON, which doesn't have it")


def _read(directory: Path, file: str, problems: list[Problem]) -> _Value | None:
    """Read a JSON file; if that can't be done, note it and return None."""
    try:
        value = _parsed(directory / file)
    except _UnreadableError as error:
        problems.append(Problem(file, "", error.found, error.expected))
        return None
    document = _Value(value, file, "", problems)
    _note_repeated_keys(document)
    return document


def _parsed(path: Path) -> Any:
    try:
        # Editors on Windows may put a byte order mark in front.
        text = path.read_bytes().decode("utf-8-sig")
        return json.loads(text, object_pairs_hook=_object, parse_constant=_beyond_json)
    except FileNotFoundError as error:
        raise _UnreadableError("no such file", f"it in {path.parent}") from error
    except OSError as error:
        found = f"a file that can't be read ({error.strerror})"
        raise _UnreadableError(found, "one that can") from error
    except UnicodeDecodeError as error:
        raise _UnreadableError(f"no UTF-8 at byte {error.start}", "JSON in UTF-8") from error
    except json.JSONDecodeError as error:
        found = f"a mistake at line {error.lineno}, column {error.colno}: {error.msg}"
        raise _UnreadableError(found, "JSON") from error
    except _UnreadableError:
        raise
    except (ValueError, RecursionError) as error:
        found = "JSON that is nested too deep or has a number too long"
        raise _UnreadableError(found, "simpler JSON") from error


def _note_repeated_keys(document: _Value) -> None:
    waiting = [document]
    while waiting:
        each = waiting.pop()
        if isinstance(each.value, _Object):
            for key in each.value.repeated:
                place = _Value(None, each.file, each.path + _key(key, each.path), each.problems)
                place.wrong("each key once in an object", found="the key more than once")
            waiting += reversed(
                [
                    _Value(value, each.file, each.path + _key(key, each.path), each.problems)
                    for key, value in each.value.items()
                ]
            )
        elif isinstance(each.value, list):
            waiting += reversed(list(each.items()))


def _key(name: str, path: str) -> str:
    if not _PLAIN_KEY.fullmatch(name):
        return f"[{_shown(name)}]"
    return f".{name}" if path else name


def _shown(value: Any) -> str:
    """Show what was found, on one line that any terminal can take."""
    match value:
        case _Missing():
            return "nothing"
        case dict():
            return "an object"
        case list():
            return "a list"
    text = json.dumps(value, ensure_ascii=False)
    text = "".join(each if each.isprintable() else json.dumps(each)[1:-1] for each in text)
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."
