"""The parts that are easier to test by themselves than through a client."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from botocore.model import ShapeResolver

from local_cloud.twinmaker.connectors import instants
from local_cloud.twinmaker.protocol.rest_json import load_model, rest_json, to_json
from local_cloud.twinmaker.protocol.validation import compiled, violations

SECOND = 1_000_000_000


@pytest.mark.parametrize(
    ("text", "nanoseconds"),
    [
        ("1970-01-01T00:00:00Z", 0),
        ("1970-01-01T00:00:00.000000001Z", 1),
        ("1970-01-01T00:00:00.5Z", SECOND // 2),
        ("1970-01-01T02:00:00+02:00", 0),
        ("1969-12-31T22:30:00.25-01:30", SECOND // 4),
        ("2026-01-30T17:00:00Z", 1769792400 * SECOND),
        ("1969-12-31T23:59:59.999999999Z", -1),
        ("0001-01-01T00:00:00Z", -62135596800 * SECOND),
        ("0001-01-01T00:00:00+18:00", -(62135596800 + 18 * 3600) * SECOND),
        ("2024-02-29T23:59:59.123456789+18:00", 1709186399123456789),
    ],
)
def test_a_time_is_read_to_the_nanosecond(text: str, nanoseconds: Any) -> None:
    assert instants.parse(text) == nanoseconds


@pytest.mark.parametrize("text", ["", "2026-01-30T17:00:00\u0665Z", "٢٠٢٦-01-30T17:00:00Z"])
def test_only_ascii_digits_make_a_time(text: str) -> None:
    with pytest.raises(instants.TimeError, match="isn't of the form"):
        instants.parse(text)


def test_the_year_zero_is_impossible() -> None:
    with pytest.raises(instants.TimeError, match="is impossible"):
        instants.parse("0000-01-01T00:00:00Z")


def test_a_moment_is_written_in_utc_with_the_decimals_it_has() -> None:
    east = timezone(timedelta(hours=2))
    assert instants.written(datetime(2026, 1, 30, 19, tzinfo=east)) == "2026-01-30T17:00:00Z"
    assert instants.written(datetime(5, 1, 1, tzinfo=UTC)) == "0005-01-01T00:00:00Z"
    half = datetime(2026, 1, 30, 17, 0, 0, 500_000, tzinfo=UTC)
    assert instants.written(half) == "2026-01-30T17:00:00.500000Z"


def test_every_pattern_of_the_service_model_can_be_checked() -> None:
    model = load_model("iottwinmaker")
    patterns = {model.shape_for(name).metadata.get("pattern") for name in model.shape_names}
    for pattern in patterns - {None}:
        assert isinstance(compiled(pattern), re.Pattern)


SHAPES: Any = {
    "Thing": {
        "type": "structure",
        "members": {
            "when": {"shape": "When"},
            "bytes": {"shape": "Bytes", "locationName": "payload"},
            "sizes": {"shape": "Sizes"},
            "names": {"shape": "Names"},
        },
    },
    "When": {"type": "timestamp"},
    "Bytes": {"type": "blob"},
    "Size": {"type": "integer", "min": 1, "max": 3},
    "Sizes": {"type": "list", "member": {"shape": "Size"}, "max": 2},
    "Names": {"type": "map", "key": {"shape": "Name"}, "value": {"shape": "Name"}, "max": 1},
    "Name": {"type": "string", "pattern": "[a-z]+", "max": 4},
}
TYPES = ShapeResolver(SHAPES)


def test_an_answer_is_written_as_rest_json_says() -> None:
    shape = TYPES.get_shape_by_name("Thing")
    value = {
        "when": datetime(2026, 1, 30, 17, 0, 0, 123_456, tzinfo=UTC),
        "bytes": b"abc",
        "sizes": [1, 2],
        "names": {"a": "b"},
    }
    assert to_json(value, shape) == {
        "when": 1769792400.123,
        "payload": "YWJj",
        "sizes": [1, 2],
        "names": {"a": "b"},
    }


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"sizes": [4]}, "sizes[0]: 4 isn't in the range 1 to 3"),
        ({"sizes": [1, 2, 3]}, "sizes: 3 items are more than the 2 allowed"),
        ({"names": {"a": "b", "c": "d"}}, "names: 2 items are more than the 1 allowed"),
        ({"names": {"A": "b"}}, "names (key 'A'): 'A' doesn't match the pattern [a-z]+"),
        ({"names": {"a": "abcde"}}, "names.a: 5 characters are more than the 4 allowed"),
        ({"names": {"a": "b1"}}, "names.a: 'b1' doesn't match"),
        ({"sizes": 5}, "Invalid type for parameter sizes"),
    ],
)
def test_a_constraint_that_botocore_leaves_to_the_service_is_checked(
    value: Any, message: str
) -> None:
    found = violations(value, TYPES.get_shape_by_name("Thing"))
    assert len(found) == 1
    assert message in found[0]


def test_all_violations_are_named_at_once() -> None:
    value = {"sizes": [9, 9], "names": {"A": "b"}}
    assert len(violations(value, TYPES.get_shape_by_name("Thing"))) == 3


def test_a_path_is_decoded_after_it_was_matched() -> None:
    call = rest_json("iottwinmaker").match("GET", "/workspaces/arn%3Aaws%2Fx")
    assert (call.name, call.uri_members) == ("GetWorkspace", {"workspaceId": "arn:aws/x"})


def test_every_operation_of_the_model_has_a_route() -> None:
    protocol = rest_json("iottwinmaker")
    for name in protocol.model.operation_names:
        http = protocol.model.operation_model(name).http
        path = http["requestUri"].replace("{", "").replace("}", "")
        assert protocol.match(http["method"], path).name == name
