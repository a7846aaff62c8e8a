"""No gap and no repeat, whatever the page size."""

import json
from decimal import Decimal
from fractions import Fraction

import orjson
import pytest

from chalicelib.model.errors import InvalidQueryError
from tests.conformance import oracle
from tests.conformance.asking import END, START, count, page, pages, times
from tests.conformance.conftest import Subject, each_host, each_store
from tests.conformance.oracle import Stored, by_property, read_back

SELECTED = ["a", "b", "c"]
PAGE_BYTES = 65_536
"""The least that may be set. One number for all tests, as each further one is another server of each host."""


@pytest.fixture
def filled(subject: Subject) -> Subject:
    """Twenty entries, several a second, some without a property."""
    spellings = ["Z", ".000Z", ".5Z", ".25Z", ".123456789Z"]
    subject.put(
        *(
            Stored(
                f"2026-01-30T17:00:{number // 5:02}{spellings[number % 5]}",
                {name: Decimal(number) for name in SELECTED if (number + ord(name)) % 4},
            )
            for number in range(20)
        )
    )
    return subject


@each_store
@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize("size", [1, 3, 7, 200, None])
def test_every_page_size_gives_every_value_once_on_full_pages(filled, order, size):
    answer = pages(
        filled.reader(), filled.device_id, SELECTED, order_by_time=order, max_results=size
    )
    expected = oracle.history(
        filled.entries, SELECTED, START, END, descending=order == "DESCENDING"
    )
    assert read_back(answer) == by_property(expected, SELECTED)
    *full, last = map(count, answer)
    assert set(full) <= {size}
    assert 1 <= last <= (size or len(expected))


@each_host
@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
def test_each_host_hands_out_pages_without_gap_or_repeat(filled, order):
    test_every_page_size_gives_every_value_once_on_full_pages(filled, order, 7)


@each_store
def test_the_last_page_has_no_token_even_when_it_is_full(filled):
    total = len(oracle.history(filled.entries, SELECTED, START, END))
    answer = page(filled.reader(), filled.device_id, SELECTED, max_results=total)
    assert (count(answer), "nextToken" in answer) == (total, False)


def test_entries_that_arrive_at_the_end_are_neither_repeated_nor_missed(filled):
    reader = filled.reader()
    first = page(reader, filled.device_id, SELECTED, max_results=25)
    filled.put(Stored("2026-01-30T17:00:59Z", {"a": Decimal(99)}))
    rest = pages(reader, filled.device_id, SELECTED, max_results=25, next_token=first["nextToken"])
    expected = oracle.history(filled.entries, SELECTED, START, END)
    assert read_back([first, *rest]) == by_property(expected, SELECTED)


@each_store
@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize("size", [1, 2, 7])
def test_entries_of_one_key_are_all_returned_once(subject, order, size):
    """A store that doesn't allow several keeps the last one that was written."""
    written = [
        Stored("2026-01-30T17:00:00Z", {"a": Decimal(number), "b": Decimal(-number)}, str(number))
        for number in range(9)
    ]
    if subject.readers.tables.unique_keys:
        written = written[-1:]
    subject.put(*written)
    asked = {"order_by_time": order, "max_results": size}
    answer = pages(subject.reader(), subject.device_id, ["a", "b"], **asked)
    expected = oracle.history(
        subject.entries, ["a", "b"], START, END, descending=order == "DESCENDING"
    )
    assert read_back(answer) == by_property(expected, ["a", "b"])


@each_store
def test_a_selected_property_without_values_on_a_page_is_left_out(filled):
    answer = page(filled.reader(), filled.device_id, ["a", "nothing"], max_results=1)
    assert [
        each["entityPropertyReference"]["propertyName"] for each in answer["propertyValues"]
    ] == ["a"]


def test_a_page_ends_early_rather_than_exceed_its_bytes(subject):
    subject.put(
        *(
            Stored(f"2026-01-30T17:00:{second:02}Z", dict.fromkeys("abcde", 'é"\\\n' * 60))
            for second in range(60)
        )
    )
    answer = pages(subject.reader(page_bytes=PAGE_BYTES), subject.device_id, [*"abcde"])
    assert all(len(times(answer, name)) == 60 for name in "abcde")
    assert len(answer) > 1
    # As a Lambda function behind API Gateway returns it: JSON text within JSON.
    assert all(len(json.dumps(orjson.dumps(each).decode())) <= PAGE_BYTES for each in answer)


def test_a_value_larger_than_a_page_still_comes_alone(subject):
    subject.put(
        Stored("2026-01-30T17:00:00Z", {"texts": ["\x01" * 250] * 50}),
        Stored("2026-01-30T17:00:01Z", {"texts": ["y"]}),
    )
    answer = pages(subject.reader(page_bytes=PAGE_BYTES), subject.device_id, ["texts"])
    assert [count(each) for each in answer] == [1, 1]


def test_pages_of_the_store_are_followed_to_the_end_of_the_range(subject):
    # 1 MB of DynamoDB items is about 20 of these.
    for minute in range(3):
        subject.put(
            *(
                Stored(
                    f"2026-01-30T17:{minute:02}:{second:02}Z",
                    {"text": "x" * 50_000, "n": Decimal(1)},
                )
                for second in range(20)
            )
        )
    answer = page(subject.reader(), subject.device_id, ["n"])
    assert count(answer) == 60


@each_store
@pytest.mark.parametrize(
    "change",
    [
        {"order_by_time": "DESCENDING"},
        {"start_time": "2026-01-30T16:59:59Z"},
        {"end_time": "2026-01-30T18:00:01Z"},
        {
            "property_filters": [
                {"propertyName": "a", "operator": ">", "value": {"integerValue": 0}}
            ]
        },
        {"selected_properties": ["a", "b"]},
        {"iot_device_id": "another"},
    ],
)
def test_a_token_of_another_query_is_refused(filled, change):
    token = page(filled.reader(), filled.device_id, SELECTED, max_results=1)["nextToken"]
    with pytest.raises(InvalidQueryError, match="another query"):
        page(filled.reader(), filled.device_id, SELECTED, next_token=token, **change)


@each_store
@pytest.mark.parametrize(
    "token", ["x", "!!!", "W10", "e30", "é", "WzIsImEiLDAsImIiXQ", "A" * 20_000, "/w=="]
)
def test_a_token_from_elsewhere_is_refused(filled, token):
    with pytest.raises(InvalidQueryError, match="next_token"):
        page(filled.reader(), filled.device_id, SELECTED, next_token=token)


@each_store
def test_a_damaged_token_is_refused_wherever_it_is_damaged(filled):
    token = page(filled.reader(), filled.device_id, SELECTED, max_results=1)["nextToken"]
    for place in range(len(token)):
        # Another letter whose first bits differ, so that the decoded bytes do too.
        damaged = token[:place] + ("B" if token[place] > "a" else "z") + token[place + 1 :]
        with pytest.raises(InvalidQueryError, match="next_token"):
            page(filled.reader(), filled.device_id, SELECTED, next_token=damaged)


def test_a_token_goes_on_with_another_page_size_and_other_declared_types(filled):
    first = page(filled.reader(), filled.device_id, SELECTED, max_results=10)
    rest = pages(
        filled.reader(),
        filled.device_id,
        SELECTED,
        max_results=33,
        property_types={"a": "DOUBLE"},
        next_token=first["nextToken"],
    )
    expected = oracle.history(filled.entries, SELECTED, START, END)
    assert read_back([first, *rest]) == by_property(expected, SELECTED)


@each_store
@pytest.mark.parametrize("complete", [True, False])
def test_a_token_with_a_position_outside_of_the_range_is_refused(filled, complete):
    from chalicelib.contracts.wire_contract import history_query
    from chalicelib.hot_reader import next_token

    asked = {"iot_device_id": filled.device_id, "selected_properties": SELECTED}
    query = history_query(asked | {"start_time": START, "end_time": END})
    forged = next_token.encode(
        next_token.Position("2026-02-01T00:00:00Z", 0, "", complete, 1), query
    )
    with pytest.raises(InvalidQueryError, match="range"):
        page(filled.reader(), filled.device_id, SELECTED, next_token=forged)


def test_a_deeply_nested_token_is_refused(filled):
    import base64

    token = base64.urlsafe_b64encode(b"[" * 5_000).decode()
    with pytest.raises(InvalidQueryError, match="next_token"):
        page(filled.reader(), filled.device_id, SELECTED, next_token=token)


@each_store
@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize("size", [1, 2, 5])
@pytest.mark.parametrize(
    ("timestamp_format", "key_type"),
    [("epoch_milliseconds", "N"), ("epoch_milliseconds_text", "S")],
)
def test_keys_in_milliseconds_are_all_returned_once(
    subject, order, size, timestamp_format, key_type
):
    first = 1_769_792_400_000  # 2026-01-30T17:00:00Z
    milliseconds = [first, first + 1, first + 2, first + 999, first + 1000, first + 3_600_000]
    values = {"a": Decimal(1), "b": Decimal(2)}
    subject.put(*(Stored(str(each), values) for each in milliseconds), key_type=key_type)
    asked = {"order_by_time": order, "max_results": size}
    answer = pages(subject.reader(timestamp_format), subject.device_id, ["a", "b"], **asked)
    expected = [oracle.instant_of(START) + Fraction(each - first, 1000) for each in milliseconds]
    if order == "DESCENDING":
        expected.reverse()
    for name in ("a", "b"):
        assert [oracle.instant_of(time) for time in times(answer, name)] == expected


@each_store
@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
def test_a_token_at_the_very_end_of_the_range_gives_an_empty_page(subject, order):
    from chalicelib.contracts.wire_contract import history_query
    from chalicelib.hot_reader import next_token

    first, last = "1769792400000", "1769796000000"  # START and END
    subject.put(Stored(first, {"a": Decimal(1)}), Stored(last, {"a": Decimal(1)}), key_type="N")
    asked = {"iot_device_id": subject.device_id, "selected_properties": ["a"]}
    asked |= {"start_time": START, "end_time": END, "order_by_time": order}
    end = last if order == "ASCENDING" else first
    token = next_token.encode(
        next_token.Position(end, 0, "", complete=True, in_second=1), history_query(asked)
    )
    reader = subject.reader("epoch_milliseconds")
    answer = page(reader, subject.device_id, ["a"], order_by_time=order, next_token=token)
    assert (count(answer), "nextToken" in answer) == (0, False)
