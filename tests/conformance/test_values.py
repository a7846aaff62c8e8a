"""Values are typed by the declared type, not by how the store keeps them."""

import json
from decimal import Decimal

import pytest

from tests.conformance.asking import ask_page, count, page
from tests.conformance.conftest import each_host, each_store
from tests.conformance.oracle import Stored

REPRESENTABLE = [
    ("DOUBLE", Decimal(21), {"doubleValue": 21.0}),
    ("DOUBLE", Decimal("21.5"), {"doubleValue": 21.5}),
    ("DOUBLE", "21.5", {"doubleValue": 21.5}),
    ("DOUBLE", "-1e3", {"doubleValue": -1000.0}),
    ("DOUBLE", Decimal("0.1000000000000000055511151231257827021"), {"doubleValue": 0.1}),
    ("INTEGER", Decimal(21), {"integerValue": 21}),
    ("INTEGER", Decimal("21.0"), {"integerValue": 21}),
    ("INTEGER", "21", {"integerValue": 21}),
    ("INTEGER", Decimal(-(2**31)), {"integerValue": -(2**31)}),
    ("LONG", Decimal(2**63 - 1), {"longValue": 2**63 - 1}),
    ("LONG", "21", {"longValue": 21}),
    ("BOOLEAN", True, {"booleanValue": True}),
    ("BOOLEAN", Decimal(0), {"booleanValue": False}),
    ("BOOLEAN", Decimal(1), {"booleanValue": True}),
    ("STRING", "warm", {"stringValue": "warm"}),
    ("STRING", "x" * 256, {"stringValue": "x" * 256}),
    ("STRING", Decimal("21.5"), {"stringValue": "21.5"}),
    ("STRING", Decimal("0.00001"), {"stringValue": "0.00001"}),
    ("STRING", False, {"stringValue": "false"}),
    (
        {"type": "LIST", "nestedType": {"type": "DOUBLE"}},
        [Decimal(1), "2.5"],
        {"listValue": [{"doubleValue": 1.0}, {"doubleValue": 2.5}]},
    ),
    (
        {"type": "MAP", "nestedType": {"type": "LIST", "nestedType": {"type": "LONG"}}},
        {"x": [Decimal(1)]},
        {"mapValue": {"x": {"listValue": [{"longValue": 1}]}}},
    ),
    ("LIST", [Decimal(1), "a"], {"listValue": [{"integerValue": 1}, {"stringValue": "a"}]}),
    (
        "RELATIONSHIP",
        {"targetEntityId": "e", "targetComponentName": "c"},
        {"relationshipValue": {"targetEntityId": "e", "targetComponentName": "c"}},
    ),
    (None, Decimal(21), {"integerValue": 21}),
    (None, Decimal(2**31), {"longValue": 2**31}),
    (None, Decimal(2**63), {"doubleValue": float(2**63)}),
    (None, Decimal("21.5"), {"doubleValue": 21.5}),
    (None, True, {"booleanValue": True}),
    (None, "21", {"stringValue": "21"}),
    (None, {"a": [True]}, {"mapValue": {"a": {"listValue": [{"booleanValue": True}]}}}),
]
UNREPRESENTABLE = [
    ("DOUBLE", "NaN"),
    ("DOUBLE", "Infinity"),
    ("DOUBLE", "-inf"),
    ("DOUBLE", "warm"),
    ("DOUBLE", ""),
    ("DOUBLE", "1_000"),
    ("DOUBLE", True),
    ("DOUBLE", "1e999"),
    ("DOUBLE", [Decimal(1)]),
    ("INTEGER", Decimal("21.7")),
    ("INTEGER", Decimal(2**31)),
    ("INTEGER", True),
    ("LONG", Decimal(2**63)),
    ("BOOLEAN", Decimal(2)),
    ("BOOLEAN", "maybe"),
    ("STRING", [Decimal(1)]),
    ("STRING", "x" * 257),
    ("STRING", ""),
    (None, "x" * 257),
    ("LIST", [Decimal(1)] * 51),
    ("MAP", {str(number): True for number in range(51)}),
    ("DOUBLE", "1" * 20_000 + "x"),
    ("LIST", "no list"),
    ({"type": "LIST", "nestedType": {"type": "DOUBLE"}}, [Decimal(1), "warm"]),
    ("LIST", [None]),
    ("MAP", [Decimal(1)]),
    ("MAP", {"x" * 257: Decimal(1)}),
    ("MAP", json.loads('{"in":' * 32 + "true" + "}" * 32)),
    ("RELATIONSHIP", "e"),
    ("RELATIONSHIP", {"targetEntityId": "e" * 129}),
    ("RELATIONSHIP", {"targetComponentName": ""}),
]


@each_store
@pytest.mark.parametrize(("declared", "stored", "expected"), REPRESENTABLE)
def test_a_value_is_answered_by_its_declared_type(subject, declared, stored, expected):
    subject.put(Stored("2026-01-30T17:00:00Z", {"n": stored}))
    types = {} if declared is None else {"n": declared}
    answer = page(subject.reader(), subject.device_id, ["n"], property_types=types)
    (value,) = answer["propertyValues"][0]["values"]
    ((kind, number),) = value["value"].items()
    assert {kind: number} == expected
    assert type(number) is type(expected[kind])


@each_store
@pytest.mark.parametrize(("declared", "stored"), UNREPRESENTABLE)
def test_what_the_type_cannot_express_is_left_out_and_counted(subject, declared, stored):
    subject.put(
        Stored("2026-01-30T17:00:00Z", {"n": stored, "other": Decimal(1)}),
        Stored("2026-01-30T17:00:01Z", {"other": Decimal(2)}),
    )
    found = ask_page(
        subject.reader(),
        subject.device_id,
        ["n", "other"],
        property_types={} if declared is None else {"n": declared},
    )
    (other,) = found.document["propertyValues"]
    assert other["entityPropertyReference"]["propertyName"] == "other"
    assert len(other["values"]) == 2
    assert found.flaws.unrepresentable_values == 1
    assert found.flaws.examples


@each_host
def test_all_of_these_values_come_through_each_host_at_once(subject):
    cases = [*REPRESENTABLE, *((declared, stored, None) for declared, stored in UNREPRESENTABLE)]
    named = {f"n{number}": case for number, case in enumerate(cases)}
    subject.put(
        Stored("2026-01-30T17:00:00Z", {name: stored for name, (_, stored, _) in named.items()})
    )
    types = {name: declared for name, (declared, _, _) in named.items() if declared is not None}
    found = ask_page(subject.reader(), subject.device_id, list(named), property_types=types)
    values = {
        each["entityPropertyReference"]["propertyName"]: [
            every["value"] for every in each["values"]
        ]
        for each in found.document["propertyValues"]
    }
    expected = {name: [value] for name, (_, _, value) in named.items() if value is not None}
    # 21 isn't 21.0; a map's keys have no order.
    assert json.dumps(values, sort_keys=True) == json.dumps(expected, sort_keys=True)
    assert found.flaws.unrepresentable_values == len(UNREPRESENTABLE)


def test_a_null_is_no_value_and_no_flaw(subject):
    subject.put(Stored("2026-01-30T17:00:00Z", {"n": None}))
    found = ask_page(subject.reader(), subject.device_id, ["n"], property_types={"n": "DOUBLE"})
    assert (count(found.document), found.flaws.unrepresentable_values) == (0, 0)
