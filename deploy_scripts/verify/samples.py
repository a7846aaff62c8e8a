"""The judgement of stored entries: whether the Hot Reader can read them, and the setting that would.

A read of a range never comes by a key that sorts elsewhere (docs/architecture.md, 'Time is an
instant'), so the Hot Readers can't report it. These entries were read without a range.
"""

from __future__ import annotations

import base64
import json
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.model.instants import NANOSECONDS, NativeTimestamp, parse_instant
from chalicelib.model.locations import locations, value_at, values_at
from chalicelib.settings.hot_reader import TIMESTAMP_FORMATS
from deploy_scripts.wording import first_few, short

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping, Sequence

    from chalicelib.model.timestamps import StoredTimestamp, TimestampFormat
    from chalicelib.settings.hot_reader import HotReaderSettings
    from deploy_scripts.project_files.twin_configuration import Device

    Entry = Mapping[str, Any]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_PLAUSIBLE_SINCE: Final = parse_instant("2000-01-01T00:00:00Z")
"""A count of seconds that is read as one of milliseconds is a day of January 1970."""
_PLAUSIBLE_AHEAD: Final = 366 * 86_400 * NANOSECONDS
"""Nanoseconds by which a device's clock may be fast, or telemetry a forecast."""
_DEEPEST: Final = 5
"""Levels of maps in which a property is searched for."""
_SHOWN: Final = 8
"""Fields that a message names."""
_LONGEST: Final = 60
"""Characters of an example."""


class Remark(NamedTuple):
    """A flaw of entries, the same for every device that has it."""

    flaw: str  # the flaw in words, behind which an example goes
    cure: str  # what to do about it
    fatal: bool  # True if nothing of the device can be read


@dataclass(frozen=True, slots=True)
class Judgement:
    """A device's entries, judged."""

    device_id: str
    # The instant of the newest entry that can be read, spelled in UTC; None if none can.
    newest: str | None
    remarks: Mapping[Remark, str]  # what is wrong, each with an example

    @property
    def readable(self) -> bool:
        """True if values of the device can be read."""
        return self.newest is not None and not any(each.fatal for each in self.remarks)


def judge(device: Device, entries: Sequence[Entry], settings: HotReaderSettings) -> Judgement:
    """Judge a device by its oldest and newest entries, at least one; it has properties."""
    remarks: dict[Remark, str] = {}
    place = locations(settings.timestamp_attribute)
    keys = [_key(value_at(entry, place)) for entry in entries]
    timestamps = [_read(settings.timestamp_format, key) for key in keys]
    readable = [each for each in timestamps if each is not None]
    for key, entry, timestamp in zip(keys, entries, timestamps, strict=True):
        if timestamp is None:
            remark, example = _of_key(key, entry, settings, fatal=not readable)
            remarks.setdefault(remark, example)
    remarks |= dict(_of_properties(device, entries, settings.values_path))
    newest = max(readable).text if readable else None
    return Judgement(device.id, newest, remarks)


def _key(stored: Any) -> Any:
    """Return a key as a Hot Reader sees it: numbers are decimal."""
    match stored:
        case datetime():
            return NativeTimestamp((stored - _EPOCH) // timedelta(microseconds=1) * 1_000)
        case int() | float() if not isinstance(stored, bool):
            return Decimal(repr(stored)) if stored % 1 else Decimal(int(stored))
    return stored


def _read(spelling: TimestampFormat, key: Any) -> StoredTimestamp | None:
    """Read a key as a plausible instant, if it can be."""
    with suppress(ValueError):
        read = spelling.read(key)
        if _PLAUSIBLE_SINCE <= read.instant <= time.time_ns() + _PLAUSIBLE_AHEAD:
            return read
    return None


def _setting_for(key: Any) -> str | None:
    """Return the settings that read a key, as assignments; None if there are none."""
    for mixed_offsets in (False, True):
        for name, made in TIMESTAMP_FORMATS.items():
            if _read(made(mixed_offsets), key) is not None:
                return f"TIMESTAMP_FORMAT={name}" + (" and MIXED_OFFSETS=true" * mixed_offsets)
    return None


def _of_key(
    key: Any, entry: Entry, settings: HotReaderSettings, *, fatal: bool
) -> tuple[Remark, str]:
    """Say what is wrong with a key that can't be read, and which setting would."""
    name = settings.timestamp_attribute
    if key is None:
        others = [
            f"TIMESTAMP_ATTRIBUTE={field} with {setting}"
            for field, value in entry.items()
            if (setting := _setting_for(_key(value))) is not None
        ]
        cure = " or ".join(f"set {each}" for each in others[:_SHOWN])
        cure = (
            cure or f"write the time into the field {name}, or name its field: TIMESTAMP_ATTRIBUTE"
        )
        return Remark(f"entries have no field {name}", cure, fatal), f"the fields {_names(entry)}"
    flaw = "timestamps aren't spelled as TIMESTAMP_FORMAT and MIXED_OFFSETS say"
    example = _shown(key)
    with suppress(ValueError):
        day = settings.timestamp_format.read(key).text.partition("T")[0]
        flaw = "timestamps are read as days that they can't mean"
        example = f"{example} as {day}"
    setting = _setting_for(key)
    cure = f"set {setting}"
    if setting is None:
        cure = "no setting reads that: write a format of TIMESTAMP_FORMAT in docs/settings.md"
    elif not fatal:
        cure = (
            f"{setting} reads these, but all of a storage have to be spelled alike: a read of a range "
            "can't know of those that sort elsewhere"
        )
    return Remark(flaw, cure, fatal), example


def _of_properties(
    device: Device, entries: Sequence[Entry], values_path: str | None
) -> Iterator[tuple[Remark, str]]:
    """Look elsewhere for properties that no entry has where a Hot Reader looks."""
    stored = {each.name: each.source or each.name for each in device.properties}
    places = {name: locations(source, values_path) for name, source in stored.items()}
    names = [*places]
    there = {name for entry in entries for name in values_at(entry, places)}
    missing = [name for name in names if name not in there]
    fatal = len(missing) == len(names)
    found = {name: path for name in missing if (path := _path_to(name, entries)) is not None}
    above = {path[:-1] for path in found.values()}
    alike = all(path[-1] == stored[name] for name, path in found.items())
    if not there and len(above) == 1 and alike:  # an entry may lack some of them
        map_of_all = ".".join(above.pop())
        flaw = f"values aren't fields of the entries, but of the map {map_of_all} in them"
        cure = f"set VALUES_PATH={map_of_all}"
        if not map_of_all:
            flaw, cure = f"values aren't in the map {values_path}", "leave out VALUES_PATH"
        yield Remark(flaw, cure, fatal), next(iter(found))
        return
    within = tuple(values_path.split(".")) if values_path else ()
    for name, path in found.items():
        source = ".".join(path[len(within) :])
        cure = f"give the property {name} the source {source} in config_iot_devices.json"
        if path[: len(within)] != within:
            cure = f"VALUES_PATH={values_path} doesn't lead to it: a map that has all of them would"
        yield Remark(f"entries have no {name}, but {'.'.join(path)}", cure, fatal), name
    if found or not fatal:
        return  # an entry may lack a property
    for field, value in entries[-1].items():
        if _is_json(value):
            flaw = f"the field {field} isn't a map, but JSON as a string or bytes, which nobody looks into"
            cure = (
                f"let what writes it store {field} as a map; a message to IoT Hub needs the content type "
                "application/json and the encoding utf-8 for that"
            )
            yield Remark(flaw, cure, fatal), _shown(value)
            return
    cure = "give each property its stored name or path as source in config_iot_devices.json"
    flaw = "entries have none of the device's properties"
    yield Remark(flaw, cure, fatal), f"the fields {_names(entries[-1])}"


def _names(entry: Entry) -> str:
    return first_few(sorted(entry), _SHOWN)


def _path_to(name: str, entries: Sequence[Entry]) -> tuple[str, ...] | None:
    """Find a property in the newest entry that has it, whatever its case, in maps as in the entry."""
    for entry in reversed(entries):
        level: list[tuple[tuple[str, ...], Entry]] = [((), entry)]
        for _ in range(_DEEPEST):
            for path, fields in level:
                for field in sorted(fields, key=lambda field: field != name):
                    if field.casefold() == name.casefold():
                        return (*path, field)
            level = [
                ((*path, field), value)
                for path, fields in level
                for field, value in fields.items()
                if isinstance(value, dict)
            ]
    return None


def _is_json(value: Any) -> bool:
    """Tell whether a value is a JSON object, as a string, as bytes, or in Base64."""
    content = bytes(value) if isinstance(value, bytes | bytearray) else str(value).encode()
    for decode in (bytes, base64.b64decode):
        with suppress(ValueError, RecursionError):
            if isinstance(json.loads(decode(content)), dict):
                return not isinstance(value, dict)
    return False


def other_devices(
    without: Collection[str],
    known: Collection[str],
    entries: Sequence[Entry],
    settings: HotReaderSettings,
) -> Iterator[tuple[Remark, str]]:
    """Say whose entries there are in a storage that has none of some devices."""
    field = settings.device_id_attribute
    elsewhere = {
        name: value
        for entry in entries
        for name, value in entry.items()
        if not isinstance(value, dict | list) and str(value) in without
    }
    if field in elsewhere:
        stored = "string" if isinstance(elsewhere[field], str) else "number"
        flaw = f"the devices' ids in the field {field} are of the type {stored}"
        yield Remark(flaw, f"set DEVICE_ID_TYPE={stored}", fatal=True), _shown(elsewhere[field])
    elif elsewhere:
        name, value = next(iter(elsewhere.items()))
        flaw = f"the devices' ids are in the field {name}, not in {field}"
        yield Remark(flaw, f"set DEVICE_ID_ATTRIBUTE={name}", fatal=True), _shown(value)
    elif others := sorted({str(each) for each in ids_of(entries, settings) if each} - {*known}):
        cure = "take the ids over into config_iot_devices.json as they are stored"
        yield Remark("there are entries of other devices", cure, fatal=False), first_few(others)


def ids_of(entries: Sequence[Entry], settings: HotReaderSettings) -> list[Any]:
    """Return the devices' ids of entries, as they are stored; None where there is none."""
    place = locations(settings.device_id_attribute)
    return [_key(value_at(entry, place)) for entry in entries]


def in_words(judged: Collection[Judgement]) -> Iterator[tuple[str, str]]:
    """Yield each flaw with its devices and an example, and its cure: once for all that have it."""
    for remark in dict.fromkeys(remark for each in judged for remark in each.remarks):
        having = [each for each in judged if remark in each.remarks]
        example = having[0].remarks[remark]
        ids = first_few([each.device_id for each in having])
        yield f"{ids}: {remark.flaw} ({example})", remark.cure


def _shown(value: Any) -> str:
    return short(value if isinstance(value, Decimal | NativeTimestamp) else repr(value), _LONGEST)
