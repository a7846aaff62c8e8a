"""The newest value of each property of a device, looked for in its newest entries.

docs/architecture.md, 'Order'.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Final

from chalicelib.hot_reader.time_order import TimeOrder
from chalicelib.model.data_value import DataValue, UnrepresentableValueError, to_data_value
from chalicelib.model.errors import HotStoreError
from chalicelib.model.results import Flaws, LastEntry

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from chalicelib.model.entries import StoredEntry
    from chalicelib.model.query import LastEntryQuery
    from chalicelib.model.timestamps import TimestampFormat

_MOST_UNREADABLE: Final = 100
"""Entries at which the search for the newest readable one ends: it must not read a whole history."""


def newest_values(
    query: LastEntryQuery,
    timestamps: TimestampFormat,
    stored: Iterable[StoredEntry],
    most: int,
    flaws: Flaws,
) -> tuple[LastEntry, bool]:
    """Look for the newest value of each selected property.

    Parameters
    ----------
    query
        The query.
    timestamps
        The spelling of the entries' keys.
    stored
        The device's entries in descending order of their keys. No more are taken than needed.
    most
        The number of entries, by instant, to look at.
    flaws
        Gets what has to be left out.

    Returns
    -------
    tuple[LastEntry, bool]
        What was found, and whether the entries beyond may have what is lacking.

    Raises
    ------
    HotStoreError
        None of the newest entries has a timestamp that can be read.
    """
    at_end = False

    def newest() -> Iterator[StoredEntry]:
        nonlocal at_end
        for entry in stored:
            yield entry
            if flaws.unreadable_timestamps == _MOST_UNREADABLE:
                break
        at_end = True

    values: dict[str, DataValue] = {}
    times: dict[str, str] = {}
    # What can't be represented isn't looked for in older entries: their values aren't the newest.
    lacking = dict.fromkeys(query.selected_properties)
    order = TimeOrder(timestamps, flaws.add_timestamp, descending=True)
    ordered = order.singly(newest())
    read = 0
    for entry, timestamp in islice(ordered, most):
        read += 1
        for name in [*lacking]:
            if (value := entry.values.get(name)) is None:
                continue
            del lacking[name]
            try:
                values[name] = to_data_value(value, query.property_types.get(name))
                times[name] = timestamp.text
            except UnrepresentableValueError as error:
                flaws.add_value(name, entry.key, error)
        if not lacking:
            break
    if not read and flaws.unreadable_timestamps == _MOST_UNREADABLE:
        raise unreadable(query, flaws)
    # At the end of all entries, some may still wait for their turn in the order of time.
    more = bool(lacking) and (not at_end or next(ordered, None) is not None)
    in_order = {name: values[name] for name in query.selected_properties if name in values}
    return LastEntry(in_order, flaws, times), more


def unreadable(query: LastEntryQuery, flaws: Flaws) -> HotStoreError:
    """Return the error of a device of which nothing that was read has a readable timestamp."""
    return HotStoreError(
        f"None of the {flaws.unreadable_timestamps} entries of the device {query.device_id!r} that were "
        f"read has a timestamp that can be read: {flaws.examples[0]}. Check TIMESTAMP_FORMAT, "
        "MIXED_OFFSETS and TIMESTAMP_ATTRIBUTE."
    )
