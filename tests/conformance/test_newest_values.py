"""The newest value of each property, also of one that the newest entry lacks."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

from tests.conformance.asking import ask_last_entry, last_entry
from tests.conformance.conftest import each_store
from tests.conformance.oracle import Stored


def at(time: str, **values: Any) -> Stored:
    return Stored(
        f"2026-01-30T{time}",
        {
            name: Decimal(value) if isinstance(value, int) else value
            for name, value in values.items()
        },
    )


def test_a_property_that_the_newest_entry_lacks_has_its_newest_value_before_it(subject):
    subject.put(
        at("17:00:00Z", n=1, m=2, k=3), at("17:00:01Z", n=4, m=5), at("17:00:02Z", n=6, m=None)
    )
    subject.put(at("17:00:03Z", n=7))
    newest = last_entry(subject.reader(), subject.device_id, ["m", "n", "k", "other"])
    assert newest == {"m": 5, "n": 7, "k": 3}


@each_store
def test_the_time_is_that_of_the_value_and_not_of_the_newest_entry(subject):
    subject.put(at("17:00:00.25Z", m=2), at("18:00:01+01:00", n=1))
    reader = subject.reader("mixed_offsets")
    found = ask_last_entry(reader, subject.device_id, ["n", "m"], times=True).document
    assert {name: each["time"] for name, each in found["propertyValues"].items()} == {
        "n": "2026-01-30T17:00:01Z",
        "m": "2026-01-30T17:00:00.25Z",
    }


@each_store
def test_the_search_ends_after_as_many_entries_as_it_is_set_to(subject):
    subject.put(*(at(f"17:00:0{second}Z", n=second) for second in range(1, 9)))
    subject.put(at("17:00:00Z", m=1))
    for look_back, found in ((1, {"n": 8}), (8, {"n": 8}), (9, {"n": 8, "m": 1})):
        reader = subject.reader(look_back=look_back)
        assert last_entry(reader, subject.device_id, ["n", "m"]) == found


@each_store
def test_within_a_second_the_instant_decides_and_not_the_key(subject):
    subject.put(at("17:00:45.5Z", n=1), at("17:00:45Z", m=1), at("17:00:45.25Z", m=2))
    subject.put(at("17:00:46Z", n=2))
    for look_back in (2, 300):
        reader = subject.reader(look_back=look_back)
        newest = last_entry(reader, subject.device_id, ["n", "m"])
        assert newest == ({"n": 2, "m": 2} if look_back > 2 else {"n": 2})


@each_store
def test_an_older_value_does_not_stand_for_a_newest_one_that_has_no_such_type(subject):
    subject.put(at("17:00:00Z", n=1, m=1), at("17:00:01Z", m="high"), at("17:00:02Z", n=2))
    types = {"n": "DOUBLE", "m": "DOUBLE"}
    found = ask_last_entry(subject.reader(), subject.device_id, ["n", "m"], property_types=types)
    assert list(found.document["propertyValues"]) == ["n"]
    assert found.flaws.unrepresentable_values == 1
