"""Device ids, property names and values that mean something in a query language mean only themselves."""

from __future__ import annotations

from dataclasses import replace
from decimal import Decimal
from typing import TYPE_CHECKING

from tests.conformance.asking import last_entry, pages
from tests.conformance.conftest import each_store
from tests.conformance.oracle import Stored

if TYPE_CHECKING:
    from tests.conformance.conftest import Subject

HOSTILE = [
    '" OR 1=1 --',
    "' OR '1'='1",
    "x' ; SELECT * FROM c",
    "../secret",
    "a/b/../c",
    "`t`",
    "a`b",
    "#t = :t OR attribute_exists(#d)",
    "@device",
    "${jndi:x}",
    "x\r\nX-Left-Out: values=1",
    "<script>alert(1)</script>",
    "%2e%2e%2f",
    "*",
]
TIME = "2026-01-30T17:00:00Z"


@each_store
def test_names_and_values_are_data(subject: Subject):
    """Each device has one entry of its own; a query that says more than it means would find others."""
    own = {
        text: replace(subject, device_id=f"{subject.device_id}{text}", entries=[])
        for text in HOSTILE
    }
    names = ["n", *HOSTILE]
    for number, device in enumerate(own.values()):
        device.put(Stored(TIME, {"n": Decimal(number)} | {text: text for text in HOSTILE}))
    reader = subject.reader()
    for number, (text, device) in enumerate(own.items()):
        assert last_entry(reader, device.device_id, names) == {"n": number} | {
            each: each for each in HOSTILE
        }
        for value, met in ((text, True), ("another", False)):
            condition = {
                "propertyName": text,
                "operator": "=",
                "value": {"stringValue": value},
            }
            (page,) = pages(reader, device.device_id, ["n"], property_filters=[condition])
            assert bool(page["propertyValues"]) == met
