"""Many keys or values at once are treated as each alone."""

from __future__ import annotations

import itertools
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from chalicelib.hot_reader.pages import encoded_size
from chalicelib.model.data_columns import to_data_values
from chalicelib.model.data_value import DataType, UnrepresentableValueError, to_data_value
from chalicelib.model.entries import StoredColumn
from chalicelib.model.instants import NativeTimestamp
from chalicelib.model.timestamps import (
    EpochMillisecondsFormat,
    Iso8601Format,
    NativeFormat,
    TimestampFormat,
)
from tests.conformance.test_batches import TYPES, number_texts, texts

FORMATS: list[TimestampFormat] = [Iso8601Format(), Iso8601Format(mixed_offsets=True)]
days = st.sampled_from(
    ["2026-01-30", "2026-02-29", "2024-02-29", "2026-13-01", "2026-00-01", "0000-01-01", "2026-1-1"]
)
times = st.sampled_from(["17:00:00", "23:59:59", "24:00:00", "17:60:00", "17:00:60", "17:00:01"])
fractions = st.sampled_from(["", ".", ".5", ".50", ".123", ".123456789", ".1234567891", ".000"])
zones = st.sampled_from(["Z", "Z", "Z", "z", "", "+00:00", "+02:00", "ZZ", "Z\n"])
odd_keys = st.builds("{}T{}{}{}".format, days, times, fractions, zones)
plain_keys = st.builds(
    "2026-01-{:02}T17:{:02}:{:02}{}Z".format,
    st.integers(1, 31),
    st.integers(0, 59),
    st.integers(0, 59),
    st.sampled_from(["", ".000", ".5"]),
)
many_plain_keys = st.lists(plain_keys, min_size=1, max_size=8, unique=True).map(sorted)


@given(
    many_plain_keys,
    st.one_of(st.none(), odd_keys),
    st.sampled_from([0, 19]),
    st.sampled_from(FORMATS),
)
@settings(max_examples=200)
def test_plain_keys_are_read_as_each_is_and_are_in_order(keys, odd, width, timestamps):
    if width:
        keys = sorted({key[:width] + "Z" for key in keys})
    if odd is not None:
        keys = sorted({*keys, odd})
    spelled = timestamps.plain_texts(keys)
    if spelled is None:
        return
    read = [timestamps.read(key) for key in keys]
    assert list(spelled) == [each.text for each in read]
    instants = [each.instant for each in read]
    assert all(one < next_one for one, next_one in itertools.pairwise(instants))


@pytest.mark.parametrize(
    ("timestamps", "one", "odd"),
    [
        (EpochMillisecondsFormat(as_text=False), Decimal, Decimal("1.5")),
        (EpochMillisecondsFormat(as_text=True), "17697924{:05}".format, "1769792499999Z"),
        (NativeFormat(), lambda count: NativeTimestamp(count * 1_000), "Z"),
    ],
)
def test_keys_that_count_are_read_as_each_is(timestamps, one, odd):
    keys = [one(count) for count in (2, 3, 70_000)]
    assert timestamps.plain_texts(keys) == [timestamps.read(key).text for key in keys]
    assert timestamps.plain_texts([keys[0], keys[0]]) is None
    with pytest.raises(ValueError, match="is not"):
        timestamps.plain_texts([odd])


@given(many_plain_keys)
def test_keys_of_one_width_are_plain(keys):
    same = sorted({key[:19] + ".250Z" for key in keys})
    assert list(Iso8601Format().plain_texts(same) or ()) == same


@pytest.mark.parametrize(
    "keys",
    [
        ["2026-01-30T17:00:45.95Z", "2026-01-30T17:00:45Z"],
        ["2026-01-30T17:00:45Z", "2026-01-30T17:00:45Z"],
        ["2026-01-30T17:00:46Z", "2026-01-30T17:00:45Z"],
        ["2026-02-29T17:00:45Z"],
        ["2026-01-30T17:00:45Z", "2026-01-30T24:00:45Z"],
        ["2026-01-30T17:00:45Z", "2026-01-30T17:60:45Z"],
        ["2026-01-30T17:00:45Z", "2026-01-30T17:01:60Z"],
        ["2026-01-30T17:00:45Z", "2026-01-30T17:00:4\u0666"],
        ["2026-01-30T17:00:45Z", "2026-01-30T17:00:46\ud800"],
        ["2026-01-30T17:00:45Z2026-01-30T17:00:45Z", "2026-01-30T17:00:46Z2026-01-30T25:00:45Z"],
        ["2026-01-30T17:00:45Z2026-01-30T17:00:46Z"],
        ["2026-01-30T17:00:45Z", "2026-01-30T17:00:46.5Z2026-01-30T17:00:47Z"],
        ["2026-01-30T17:00:45.1234567891Z"],
        ["2026-01-30T17:00:45+00:00"],
        ["2026-01-30T17:00:45Z", Decimal(1)],
        ["2026-01-30T17:00:4", "5Z"],
    ],
)
def test_keys_that_take_a_look_at_each_are_not_plain(keys):
    assert Iso8601Format().plain_texts(keys) is None


@given(odd_keys, odd_keys, st.booleans())
@settings(max_examples=500)
def test_a_bound_beyond_a_key_leaves_out_that_key_and_none_after_it(key, other, descending):
    timestamps = Iso8601Format()
    try:
        timestamps.read(key), timestamps.read(other)
    except ValueError:
        return
    bound: Any = timestamps.beyond(key, descending=descending)
    if bound is None:
        return
    assert bound < key if descending else bound > key
    after = other < key if descending else other > key
    assert (other <= bound if descending else other >= bound) == after


@pytest.mark.parametrize("as_text", [True, False])
@pytest.mark.parametrize(
    ("descending", "expected"), [(False, 1769792400001), (True, 1769792399999)]
)
def test_beyond_a_millisecond_is_the_next(as_text, descending, expected):
    key = "1769792400000" if as_text else Decimal(1769792400000)
    bound = EpochMillisecondsFormat(as_text=as_text).beyond(key, descending=descending)
    assert bound == (str(expected) if as_text else Decimal(expected))


columns = st.one_of(
    st.lists(number_texts, max_size=6).map(lambda found: StoredColumn("text", found, None)),
    st.lists(texts, max_size=6).map(lambda found: StoredColumn("text", found, None)),
    st.lists(st.booleans(), max_size=6).map(lambda found: StoredColumn("boolean", found, None)),
    st.lists(st.decimals(allow_nan=False, allow_infinity=False).map(str), max_size=6).map(
        lambda found: StoredColumn("number", found, None)
    ),
    st.lists(st.integers().map(str), max_size=6).map(
        lambda found: StoredColumn("number", found, None)
    ),
    st.lists(st.one_of(st.integers(), st.floats()), max_size=6).map(
        lambda found: StoredColumn("number", found, None)
    ),
    st.lists(st.floats(), max_size=6).map(lambda found: StoredColumn("number", found, None)),
)


@given(columns, st.sampled_from(TYPES))
@example(StoredColumn("number", ["2.5", "3", "-0.0", "2147483648"], None), None)
# Their doubles are whole, or other numbers; they aren't.
@example(StoredColumn("number", ["2.5", "0.99999999999999999999"], None), None)
@example(StoredColumn("number", ["2.5", "9007199254740993"], None), None)
@example(StoredColumn("number", [2.5, 3, 2**53 + 1], None), None)
@example(StoredColumn("number", [2.5, 5.123456789e18], None), None)
@example(StoredColumn("number", [2.5, 1e19], None), None)
@settings(max_examples=500)
def test_a_column_is_converted_as_each_value_is(column, declared):
    data_type = None if declared is None else DataType(declared)
    converted = to_data_values(column, data_type)
    if converted is None:
        return
    kinds, contents = converted
    kinds = [kinds] * len(contents) if isinstance(kinds, str) else kinds
    spelled = column.kind == "number" and all(isinstance(each, str) for each in column.values)
    stored = [Decimal(each) if spelled else each for each in column.values]
    each_alone = [to_data_value(value, data_type) for value in stored]
    values = [{kind: content} for kind, content in zip(kinds, contents, strict=True)]
    assert list(map(repr, values)) == list(map(repr, each_alone))


def test_numbers_of_several_kinds_are_converted_together():
    column = StoredColumn("number", ["21.5", "22", "2147483648"], None)
    kinds = ["doubleValue", "integerValue", "longValue"]
    assert to_data_values(column, None) == (kinds, [21.5, 22, 2147483648])


@pytest.mark.parametrize(
    ("odd", "declared"),
    [
        *((odd, "DOUBLE") for odd in ("NaN", "-inf", "1_0", "", "-", "1-2", "٣", "1" * 400)),
        *((odd, "INTEGER") for odd in (str(2**31), str(-(2**31) - 1), "1.5", "--1")),
        *((odd, "LONG") for odd in (str(2**63), "9" * 5_000)),
        *((odd, "STRING") for odd in ("", "x" * 257)),
    ],
)
def test_a_column_with_a_value_that_its_type_cannot_express_is_not_converted(odd, declared):
    with pytest.raises(UnrepresentableValueError):
        to_data_value(odd, DataType(declared))
    assert to_data_values(StoredColumn("text", ["1", odd], None), DataType(declared)) is None


@pytest.mark.parametrize(
    ("odd", "declared"),
    [
        *((odd, "DOUBLE") for odd in (float("nan"), float("-inf"), 10**400)),
        *((odd, "INTEGER") for odd in (2**31, 1.5)),
        *((odd, "LONG") for odd in (2**63, 1e300)),
    ],
)
def test_nor_is_one_with_such_a_number(odd, declared):
    with pytest.raises(UnrepresentableValueError):
        to_data_value(odd, DataType(declared))
    assert to_data_values(StoredColumn("number", [1, odd], None), DataType(declared)) is None


@given(st.lists(texts, min_size=1, max_size=6))
def test_texts_take_as_many_bytes_as_each_alone(contents):
    each_alone = sum(encoded_size("stringValue", (each,)) for each in contents)
    assert encoded_size("stringValue", contents) == each_alone
