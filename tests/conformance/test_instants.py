"""Time is an instant, not a string."""

from decimal import Decimal

import pytest

from tests.conformance.asking import ask_last_entry, ask_page, count, last_entry, pages, times
from tests.conformance.conftest import (
    Subject,
    each_host,
    each_store,
    each_store_of_native_timestamps,
)
from tests.conformance.oracle import Stored


def at(second: str, value: int = 1) -> Stored:
    return Stored(f"2026-01-30T{second}", {"n": Decimal(value)})


def keys(subject: Subject, **asked) -> list[str]:
    timestamp_format = asked.pop("timestamp_format", "iso8601")
    return times(pages(subject.reader(timestamp_format), subject.device_id, ["n"], **asked), "n")


@each_store
@pytest.mark.parametrize("edge", ["start_time", "end_time"])
@pytest.mark.parametrize("asked", ["17:30:45Z", "17:30:45.000Z", "17:30:45.000000000Z"])
def test_an_edge_includes_its_instant_in_every_spelling(subject, edge, asked):
    spellings = [
        "17:30:45Z",
        "17:30:45.0Z",
        "17:30:45.000Z",
        "17:30:45+00:00",
        "17:30:45.000000000Z",
    ]
    subject.put(*map(at, spellings))
    assert len(keys(subject, **{edge: f"2026-01-30T{asked}"})) == len(spellings)


@each_store
def test_edges_are_exact_to_the_nanosecond(subject):
    subject.put(at("17:30:45.000000001Z"), at("17:30:45.000000002Z"), at("17:30:45.000000003Z"))
    asked = keys(
        subject,
        start_time="2026-01-30T17:30:45.000000002Z",
        end_time="2026-01-30T17:30:45.000000002Z",
    )
    assert asked == ["2026-01-30T17:30:45.000000002Z"]


@each_store
def test_an_offset_in_the_query_means_the_same_instant(subject):
    subject.put(at("17:00:00Z"), at("17:30:00Z"))
    assert keys(
        subject, start_time="2026-01-30T19:00:00+02:00", end_time="2026-01-30T12:00:00-05:00"
    ) == ["2026-01-30T17:00:00Z"]


@each_store
@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
def test_entries_of_one_second_come_in_the_order_of_time(subject, order):
    subject.put(
        *map(at, ["17:00:45Z", "17:00:45.9Z", "17:00:45.95Z", "17:00:45.100Z", "17:00:46Z"])
    )
    expected = ["45Z", "45.100Z", "45.9Z", "45.95Z", "46Z"]
    if order == "DESCENDING":
        expected.reverse()
    assert [time[17:] for time in keys(subject, order_by_time=order)] == expected


def test_answers_are_in_utc_in_the_precision_that_was_stored(subject):
    subject.put(at("17:00:00.500+00:00"), at("17:00:01.000Z"), at("17:00:02"))
    assert [time[17:] for time in keys(subject)] == ["00.500Z", "01.000Z", "02Z"]


@each_store
def test_two_spellings_of_one_instant_are_both_returned_in_key_order(subject):
    subject.put(at("17:00:45Z", 2), at("17:00:45.0Z", 1))
    answer = pages(subject.reader(), subject.device_id, ["n"])
    (values,) = [each["values"] for each in answer[0]["propertyValues"]]
    assert [value["value"]["integerValue"] for value in values] == [1, 2]


@each_store
def test_keys_with_other_offsets_are_found_with_the_setting(subject):
    # 21:30 at +04:00 is 17:30 in UTC, and sorts four hours too late.
    subject.put(at("17:10:00Z"), at("21:30:00+04:00"), at("17:50:00Z"), at("12:20:00-05:00"))
    assert [time[11:] for time in keys(subject, timestamp_format="mixed_offsets")] == [
        "17:10:00Z",
        "17:20:00Z",
        "17:30:00Z",
        "17:50:00Z",
    ]


def test_an_entry_that_needs_the_setting_is_counted_not_misplaced(subject):
    subject.put(at("17:10:00Z"), at("17:30:00+04:00"))
    found = ask_page(subject.reader(), subject.device_id, ["n"])
    assert count(found.document) == 1
    assert found.flaws.unreadable_timestamps == 1
    assert "MIXED_OFFSETS" in found.flaws.examples[0]


@each_store
@pytest.mark.parametrize(
    ("timestamp_format", "key_type"),
    [("epoch_milliseconds", "N"), ("epoch_milliseconds_text", "S")],
)
def test_epoch_milliseconds_are_supported(subject, timestamp_format, key_type):
    first = 1_769_792_400_000  # 2026-01-30T17:00:00Z
    for milliseconds in (first - 1, first, first + 1, first + 3_600_000, first + 3_600_001):
        subject.put(Stored(str(milliseconds), {"n": Decimal(1)}), key_type=key_type)
    assert keys(subject, timestamp_format=timestamp_format) == [
        "2026-01-30T17:00:00.000Z",
        "2026-01-30T17:00:00.001Z",
        "2026-01-30T18:00:00.000Z",
    ]


@each_store
@pytest.mark.parametrize(
    ("timestamp_format", "key_type"), [("epoch_seconds", "N"), ("epoch_seconds_text", "S")]
)
def test_epoch_seconds_are_supported(subject, timestamp_format, key_type):
    first = 1_769_792_400  # 2026-01-30T17:00:00Z
    for seconds in (first - 1, first, first + 1, first + 3_600, first + 3_601):
        subject.put(Stored(str(seconds), {"n": Decimal(1)}), key_type=key_type)
    assert keys(subject, timestamp_format=timestamp_format, max_results=1) == [
        "2026-01-30T17:00:00Z",
        "2026-01-30T17:00:01Z",
        "2026-01-30T18:00:00Z",
    ]
    assert keys(subject, timestamp_format=timestamp_format, order_by_time="DESCENDING") == [
        "2026-01-30T18:00:00Z",
        "2026-01-30T17:00:01Z",
        "2026-01-30T17:00:00Z",
    ]


@each_store_of_native_timestamps
@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize("size", [1, 200])
def test_timestamps_of_the_stores_own_type_are_supported(subject, order, size):
    stored = [
        "2026-01-30T16:59:59.999999Z",
        "2026-01-30T17:00:00Z",
        "2026-01-30T17:00:00.000001Z",
        "2026-01-30T17:00:00.5Z",
        "2026-01-30T18:00:00Z",
        "2026-01-30T18:00:00.000001Z",
    ]
    # Several of one instant, where a page of one value ends between them.
    same = [Stored(stored[3], {"n": Decimal(number)}, str(number)) for number in range(3)]
    subject.put(*(Stored(key, {"n": Decimal(1)}) for key in stored), *same, key_type="T")
    asked = {"timestamp_format": "native", "order_by_time": order, "max_results": size}
    expected = [*stored[1:4], *[stored[3]] * 3, stored[4]]
    assert keys(subject, **asked) == (expected if order == "ASCENDING" else expected[::-1])
    assert last_entry(subject.reader("native"), subject.device_id, ["n"]) == {"n": 1}


@each_store
@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
def test_keys_with_a_space_are_supported(subject, order):
    spelled = ["16:59:59.999Z", "17:00:00Z", "17:00:00.5Z", "17:30:00+00:00", "18:00:00.000001Z"]
    subject.put(*(Stored(f"2026-01-30 {each}", {"n": Decimal(1)}) for each in spelled))
    found = keys(subject, timestamp_format="iso8601_space", order_by_time=order, max_results=1)
    expected = ["2026-01-30T17:00:00Z", "2026-01-30T17:00:00.5Z", "2026-01-30T17:30:00Z"]
    assert found == (expected if order == "ASCENDING" else expected[::-1])
    assert last_entry(subject.reader("iso8601_space"), subject.device_id, ["n"]) == {"n": 1}


@each_store
@pytest.mark.parametrize(
    ("timestamp_format", "key", "setting"),
    [
        ("iso8601", "2026-01-31 00:00:00Z", "iso8601_space"),
        ("iso8601_space", "2026-01-30T00:00:00Z", "no space"),
    ],
)
def test_a_key_of_the_other_separator_is_counted_not_misplaced(
    subject, timestamp_format, key, setting
):
    subject.put(Stored(key, {"n": Decimal(1)}))
    found = ask_last_entry(subject.reader(timestamp_format), subject.device_id, ["n"])
    assert found.document == {"propertyValues": {}}
    assert found.flaws.unreadable_timestamps == 1
    assert setting in found.flaws.examples[0]


@each_host
def test_each_host_reads_keys_as_it_is_set(subject):
    test_epoch_milliseconds_are_supported(subject, "epoch_milliseconds", "N")


def test_the_last_entry_is_the_newest_by_instant_not_by_key(subject):
    subject.put(at("17:00:45.5Z", 1), at("17:00:45Z", 2), at("17:00:45.25Z", 3))
    assert last_entry(subject.reader(), subject.device_id, ["n"]) == {"n": 1}


@each_store
def test_the_last_entry_among_mixed_offsets_is_the_newest_by_instant(subject):
    subject.put(at("17:59:00Z", 1), at("20:00:00+04:00", 2))
    assert last_entry(subject.reader("mixed_offsets"), subject.device_id, ["n"]) == {"n": 1}


def test_a_device_without_entries_has_no_last_entry(subject):
    assert last_entry(subject.reader(), subject.device_id, ["n"]) == {}


@each_store
def test_epoch_text_that_sorts_in_the_wrong_place_is_counted_not_misplaced(subject):
    for key in ("52345", "1769792400000"):
        subject.put(Stored(key, {"n": Decimal(1)}))
    reader = subject.reader("epoch_milliseconds_text")
    found = ask_last_entry(reader, subject.device_id, ["n"])
    assert list(found.document["propertyValues"]) == ["n"]
    assert found.flaws.unreadable_timestamps == 1
