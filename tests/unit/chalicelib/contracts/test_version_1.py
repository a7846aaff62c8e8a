"""Envelopes, answers and `nextToken`s as the first connectors and readers exchanged them stay readable.

`version_1.json` was recorded once and is never recorded anew: what can't read it any more is another version
of the contract.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts import wire_contract
from chalicelib.data_connector import remote_reader
from chalicelib.hot_reader.service import HotReaderService
from chalicelib.model.reads import HISTORY, READS, Read
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings.hot_reader import HotReaderSettings
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored

RECORDED = json.loads(Path(__file__).with_name("version_1.json").read_text())
EXCHANGES: list[dict[str, Any]] = RECORDED["exchanges"]
INFO = {
    "config": {"digital_twin_name": "my-twin"},
    "config_providers": {"layer_3_hot_provider": "azure", "layer_4_provider": "aws"},
}
LOG = JsonLogObservability("version 1", emit=lambda _level, _line: None)


def read_of(exchange: dict[str, Any]) -> Read:
    (read,) = (each for each in READS if each.path == exchange["read"])
    return read


@pytest.fixture
def service() -> HotReaderService:
    store = MemoryStore()
    store.put("pump-1", [Stored(key, values) for key, values in RECORDED["entries"]], "S")
    return HotReaderService(store, HotReaderSettings.load({"DIGITAL_TWIN_INFO": json.dumps(INFO)}))


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_reader_answers_the_first_connectors_as_the_first_readers_did(service, exchange):
    payload = wire_contract.payload_of(exchange["envelope"])
    with LOG.request("t") as record:
        answer = service.answer(wire_contract.QUERY_PARSERS[read_of(exchange)](payload), record)
    assert json.loads(answer.to_json()) == exchange["answer"]


@pytest.mark.parametrize("more", [{}, {"of a later version": [1]}])
@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_connector_takes_the_first_readers_answers_and_what_later_ones_add(exchange, more):
    query = wire_contract.QUERY_PARSERS[read_of(exchange)](exchange["envelope"]["payload"])
    document = exchange["answer"] | more
    assert remote_reader._document(json.dumps(document).encode(), query) == document


@pytest.mark.parametrize("exchange", EXCHANGES)
def test_a_reader_ignores_what_a_later_connector_adds(service, exchange):
    payload = exchange["envelope"]["payload"] | {"of a later version": [1]}
    with LOG.request("t") as record:
        answer = service.answer(wire_contract.QUERY_PARSERS[read_of(exchange)](payload), record)
    assert json.loads(answer.to_json()) == exchange["answer"]


def test_the_recording_has_each_kind_of_exchange():
    payloads = [each["envelope"]["payload"] for each in EXCHANGES if each["read"] == HISTORY.path]
    assert len(payloads) < len(EXCHANGES)
    assert {payload["order_by_time"] for payload in payloads} == {"ASCENDING", "DESCENDING"}
    assert any(payload["next_token"] for payload in payloads)
    assert any(payload["property_filters"] for payload in payloads)
    assert any("followingPages" in each["answer"] for each in EXCHANGES)
