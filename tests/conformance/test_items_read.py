"""The items that a read costs, counted at the server."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from benchmarks.dynamodb_server import device, running
from benchmarks.hot_readers import history, hot_reader, payload
from chalicelib.contracts import wire_contract

if TYPE_CHECKING:
    from collections.abc import Iterator

    from benchmarks.lean_server import Counts, LeanServer


@pytest.fixture(scope="module")
def server() -> Iterator[LeanServer]:
    with running() as server:
        yield server


def pages_and_counts(
    server: LeanServer, pages: int, asked: dict[str, Any]
) -> tuple[list[int], list[Counts]]:
    """Follow nextToken for some pages: the number of values of each, and what it took."""
    reader = hot_reader(server)
    values, counts = [], []
    for _ in range(pages):
        before = server.counts()
        answer = history(reader, asked)
        values.append(answer.values)
        counts.append(server.counts().since(before))
        asked["next_token"] = answer.document["nextToken"]
    return values, counts


@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
def test_every_page_of_one_property_reads_one_item_more_than_it_has_values(server, order):
    asked = payload(100_000, ["temperature"], max_results=200, order_by_time=order)
    values, counts = pages_and_counts(server, 5, asked)
    assert values == [200] * 5
    assert [(each.queries, each.items) for each in counts] == [(1, 201)] * 5


def test_a_page_of_three_properties_reads_a_third(server):
    asked = payload(100_000, ["temperature", "pressure", "status"], max_results=198)
    values, counts = pages_and_counts(server, 5, asked)
    assert values == [198] * 5
    assert [(each.queries, each.items) for each in counts] == [(1, 67)] * 5


def test_a_page_that_ends_within_an_entry_reads_that_entry_again(server):
    asked = payload(100_000, ["temperature", "pressure", "status"], max_results=200)
    values, counts = pages_and_counts(server, 5, asked)
    assert values == [200] * 5
    assert all(each.queries == 1 and each.items <= 69 for each in counts)


@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
def test_a_page_that_goes_on_within_a_second_reads_that_second_again_in_one_query(server, order):
    asked = payload(100_000, ["temperature"], max_results=205, order_by_time=order)
    asked["iot_device_id"] = device(100_000, per_second=10)
    values, counts = pages_and_counts(server, 5, asked)
    assert values == [205] * 5
    # The first page can't know how many entries share a second.
    assert [each.queries for each in counts[1:]] == [1] * 4
    assert all(each.items <= 205 + 10 + 1 for each in counts[1:]), counts


@pytest.mark.parametrize("entries", [100, 1_000_000])
def test_the_last_entry_reads_two_items_whatever_the_history(server, entries):
    before = server.counts()
    asked = {"iot_device_id": device(entries), "selected_properties": ["temperature"]}
    answer = hot_reader(server).last_entry(wire_contract.last_entry_query(asked))
    counts = server.counts().since(before)
    assert (len(answer.values), counts.queries, counts.items) == (1, 1, 2)


def test_a_property_that_no_entry_has_costs_one_more_query_of_a_bounded_number_of_items(server):
    before = server.counts()
    asked = {"iot_device_id": device(1_000_000), "selected_properties": ["temperature", "never"]}
    answer = hot_reader(server).last_entry(wire_contract.last_entry_query(asked))
    counts = server.counts().since(before)
    assert (len(answer.values), counts.queries, counts.items) == (1, 2, 2 + 301)
