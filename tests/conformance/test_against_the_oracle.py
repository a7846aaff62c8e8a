"""Random entries, spellings, ranges, orders, page sizes and filters, against the plain oracle."""

from __future__ import annotations

import itertools
from dataclasses import replace
from decimal import Decimal
from typing import Any

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.conformance import oracle
from tests.conformance.asking import last_entry, page, pages
from tests.conformance.batches import BatchingMemoryStore
from tests.conformance.conftest import Direct, Subject, Tables, each_host, each_store
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored, by_property, read_back

SELECTED = ["a", "b", "c"]
DAY = ("2026-01-30T00:00:00Z", "2026-01-31T00:00:00Z")
FRACTIONS = ["", ".0", ".000", ".5", ".50", ".25", ".123456789", ".1", ".999999999", ".000000001"]

utc_zones = st.sampled_from(["Z", "+00:00", "-00:00", ""])
offset_zones = st.sampled_from(["Z", "+02:00", "-05:30", "+14:00", "-12:00", "+00:00"])
properties = st.dictionaries(
    st.sampled_from(SELECTED), st.integers(-3, 3).map(Decimal), min_size=0, max_size=3
)
page_sizes = st.one_of(st.none(), st.integers(1, 9))
orders = st.sampled_from(["ASCENDING", "DESCENDING"])
stores = st.one_of(
    st.builds(MemoryStore),
    st.integers(1, 9).map(BatchingMemoryStore),
    st.just(25).map(BatchingMemoryStore),
)


@st.composite
def keys(draw: st.DrawFn, zones: st.SearchStrategy[str]) -> str:
    # Few seconds, so that many entries share one.
    hour, second = draw(st.integers(0, 23)), draw(st.integers(0, 3))
    hour = hour if zones is offset_zones else 12
    return f"2026-01-30T{hour:02}:00:{second:02}{draw(st.sampled_from(FRACTIONS))}{draw(zones)}"


def entries(zones: st.SearchStrategy[str]) -> st.SearchStrategy[list[Stored]]:
    return st.lists(
        st.builds(Stored, keys(zones), properties, st.sampled_from(["", "a", "b"])),
        max_size=25,
        unique_by=lambda each: (each.key, each.identity),
    )


def kept_by(tables: Tables, stored: list[Stored]) -> list[Stored]:
    """Leave out what a store with one entry for each key would replace."""
    if not tables.unique_keys:
        return stored
    return list({each.key: replace(each, identity="") for each in stored}.values())


@st.composite
def instants(draw: st.DrawFn, zones: st.SearchStrategy[str]) -> str:
    key = draw(keys(zones))
    return key if key[-1] == "Z" or key[-6] in "+-" else key + "Z"


def check(subject: Subject, timestamp_format: str, edges: list[str], order: str, size: int | None,
          least: int | None) -> None:  # fmt: skip
    start, end = sorted(edges, key=oracle.instant_of)
    filters = [{"propertyName": "b", "operator": ">=", "value": {"integerValue": least}}]
    answer = pages(
        subject.reader(timestamp_format),
        subject.device_id,
        SELECTED,
        start_time=start,
        end_time=end,
        order_by_time=order,
        max_results=size,
        property_filters=[] if least is None else filters,
    )
    expected = oracle.history(
        subject.entries,
        SELECTED,
        start,
        end,
        descending=order == "DESCENDING",
        keep=lambda values: least is None or values.get("b", -99) >= least,
    )
    assert read_back(answer) == by_property(expected, SELECTED)
    assert all(
        sum(len(each["values"]) for each in one["propertyValues"]) == size for one in answer[:-1]
    )


@given(
    stored=entries(utc_zones),
    edges=st.tuples(instants(utc_zones), instants(utc_zones)).map(list),
    order=orders,
    size=page_sizes,
    least=st.one_of(st.none(), st.integers(-3, 3)),
    store=stores,
)
@settings(max_examples=200)
def test_utc_spellings_in_memory(stored, edges, order, size, least, store):
    subject = Subject(Direct(store))
    subject.put(*stored)
    check(subject, "iso8601", edges, order, size, least)


@given(
    stored=entries(offset_zones),
    edges=st.tuples(instants(offset_zones), instants(offset_zones)).map(list),
    order=orders,
    size=page_sizes,
    store=stores,
)
@settings(max_examples=200)
def test_mixed_offsets_in_memory(stored, edges, order, size, store):
    subject = Subject(Direct(store))
    subject.put(*stored)
    check(subject, "mixed_offsets", edges, order, size, None)


queries = given(
    stored=entries(utc_zones),
    edges=st.tuples(instants(utc_zones), instants(utc_zones)).map(list),
    order=orders,
    size=page_sizes,
    least=st.one_of(st.none(), st.integers(-3, 3)),
)
over_the_wire = settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


@each_store
@queries
@settings(over_the_wire, max_examples=30)
def test_utc_spellings_in_each_store(readers, stored, edges, order, size, least):
    subject = Subject(readers)
    subject.put(*kept_by(readers.tables, stored))
    check(subject, "iso8601", edges, order, size, least)


@each_host
@queries
@settings(over_the_wire, max_examples=10)
def test_utc_spellings_behind_each_host(readers, stored, edges, order, size, least):
    subject = Subject(readers)
    subject.put(*kept_by(readers.tables, stored))
    check(subject, "iso8601", edges, order, size, least)


@given(
    stored=entries(utc_zones),
    size=st.integers(1, 5),
    arriving=st.lists(st.integers(0, 3), max_size=20),
    store=stores,
)
@example(
    stored=[
        Stored(f"2026-01-30T12:00:{second}Z", {"a": Decimal(1)}, "")
        for second in ("00", "01", "02", "02.0", "02.000000001")
    ],
    size=3,
    arriving=[1],
    store=MemoryStore(),
)
@settings(max_examples=200)
def test_entries_that_arrive_at_the_end_while_paging(stored, size, arriving, store):
    """Before each page, so many instants' entries arrive that are later than all that are there."""
    subject = Subject(Direct(store))
    by_instant = itertools.groupby(oracle.in_order(stored), key=lambda each: each.instant)
    later = [list(same) for _, same in by_instant]
    arrivals = iter([3, *arriving])
    answer: list[dict[str, Any]] = []
    token = None
    while not answer or token:
        for _ in range(next(arrivals, 0)):
            subject.put(*(later.pop(0) if later else ()))
        answer.append(
            page(
                *(subject.reader(), subject.device_id, SELECTED),
                start_time=DAY[0],
                end_time=DAY[1],
                max_results=size,
                next_token=token,
            )
        )
        token = answer[-1].get("nextToken")
    expected = oracle.history(subject.entries, SELECTED, *DAY)
    assert read_back(answer) == by_property(expected, SELECTED)


@given(stored=entries(utc_zones).filter(bool))
@settings(max_examples=200)
def test_the_newest_values_in_memory(stored):
    subject = Subject(Direct(MemoryStore()))
    subject.put(*stored)
    answer = last_entry(subject.reader(), subject.device_id, SELECTED)
    assert answer == oracle.newest(stored)
