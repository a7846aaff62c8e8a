"""Reading ahead: fewer questions to the other cloud, the same answers."""

from __future__ import annotations

import json
import threading
from contextlib import ExitStack
from dataclasses import replace
from decimal import Decimal
from functools import partial
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.contracts import twinmaker, wire_contract
from chalicelib.data_connector.data_connector import DataConnector
from chalicelib.data_connector.read_ahead import ReadAhead
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.hot_reader.service import HotReaderService
from chalicelib.http.endpoint import HttpEndpoint
from chalicelib.model.data_value import DataType
from chalicelib.model.errors import RemoteReaderError
from chalicelib.model.instants import parse_instant
from chalicelib.model.moment import Moment
from chalicelib.model.property_filter import PropertyFilter
from chalicelib.model.query import DevicesQuery, HistoryQuery
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings.data_connector import (
    DataConnectorSettings,
    ReadAheadSettings,
    RemoteReaderSettings,
)
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.tokens.inter_cloud_token import InterCloudToken
from tests.conformance.batches import BatchingMemoryStore
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored
from tests.conformance.test_against_the_oracle import entries, utc_zones
from tests.unit.chalicelib.servers import (
    PATIENCE_SECONDS,
    Endpoint,
    Scripted,
    error_response,
    response,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from chalicelib.model.results import DevicesPage

DEVICE = "sensor-1"
SELECTED = ["a", "b", "c"]
START, END = "2026-01-30T12:00:00Z", "2026-01-30T13:00:00Z"
TOKEN = "token-of-the-read-ahead-tests"


def twin_info(layer_3_hot: str) -> str:
    providers = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": "aws"}
    typed = [{"name": name, "dataType": "DOUBLE"} for name in SELECTED]
    sensor = {"componentType": "sensor", "properties": typed}
    return json.dumps(
        {
            "config": {"digital_twin_name": "my-twin"},
            "config_providers": providers,
            "config_iot_devices": [sensor | {"id": each} for each in (DEVICE, "sensor-2")],
        }
    )


def stored_entries(number: int) -> list[Stored]:
    """Several a second, some without a property."""
    spellings = ["Z", ".000Z", ".5Z", ".25Z", ".123456789Z"]
    return [
        Stored(
            f"2026-01-30T12:00:{each // 5:02}{spellings[each % 5]}",
            {name: Decimal(each) for name in SELECTED if (each + ord(name)) % 4},
        )
        for each in range(number)
    ]


class Remote:
    """Another cloud's Hot Reader, in memory, and data connectors in front of it.

    Parameters
    ----------
    older
        True for a reader that was made before pages could be read ahead.
    **variables
        The reader's settings.
    """

    def __init__(self, *, older: bool = False, **variables: str) -> None:
        self.store = MemoryStore()
        self._older = older
        environment = {"DIGITAL_TWIN_INFO": twin_info("azure"), "INTER_CLOUD_TOKEN": TOKEN}
        reader = HotReaderSettings.load(environment | variables)
        endpoint = EndpointSettings.load(environment)
        self._log = JsonLogObservability("test", emit=lambda _level, _line: None)
        self._service = HotReaderService(self.store, reader)
        token = InterCloudToken(endpoint.token)
        self._endpoint = HttpEndpoint(self._read, endpoint, token, self._log)
        self._stack = ExitStack()

    def _read(self, payload: Any, record: Any, seconds: float) -> Any:
        if self._older:
            payload = {name: payload[name] for name in payload if name != "pages_ahead"}
        read = HISTORY if "start_time" in payload else LAST_ENTRY
        return self._service.answer(wire_contract.QUERY_PARSERS[read](payload), record, seconds)

    def __enter__(self) -> Remote:
        self.server = self._stack.enter_context(Endpoint(self._endpoint))
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def put(self, *stored: Stored, device_id: str = DEVICE) -> None:
        self.store.put(device_id, stored, "S")

    @property
    def asked(self) -> int:
        """The number of requests that came."""
        return len(self.server.requests)

    def connector(self, read: Any = HISTORY, **options: Any) -> Connector:
        return Connector(self.server.url, read, self._log, **options)


class Connector:
    """A data connector, asked as TwinMaker asks it; it keeps what was counted last."""

    def __init__(
        self,
        url: str,
        read: Any,
        log: JsonLogObservability,
        *,
        read_ahead: ReadAheadSettings | None = None,
        **variables: str,
    ) -> None:
        environment = {
            "DIGITAL_TWIN_INFO": twin_info("azure"),
            "INTER_CLOUD_TOKEN": TOKEN,
            read.remote_url_setting: url,
            "REMOTE_RETRIES": "0",
            **variables,
        }
        settings = DataConnectorSettings.load(environment, read)
        if read_ahead is not None:
            assert isinstance(settings.reader, RemoteReaderSettings)
            settings = replace(settings, reader=replace(settings.reader, read_ahead=read_ahead))
        self._connector = DataConnector(read, settings)
        self._log = log
        self.metrics: dict[str, float] = {}

    def ask(self, **changes: Any) -> dict[str, Any]:
        event = {
            "selectedProperties": SELECTED,
            "properties": {name: {} for name in SELECTED}
            | {"iotDeviceId": {"value": {"stringValue": DEVICE}}},
            "startTime": START,
            "endTime": END,
            "maxResults": 4,
            **changes,
        }
        with self._log.request("trace-1") as record:
            answer = self._connector.answer(event, PATIENCE_SECONDS, "trace-1", record)
            self.metrics = dict(record.metrics)  # type: ignore[attr-defined]
        return answer

    def pages(self, **changes: Any) -> list[dict[str, Any]]:
        """Follow nextToken to the end."""
        answers = [self.ask(**changes)]
        while "nextToken" in answers[-1]:
            answers.append(self.ask(**changes, nextToken=answers[-1]["nextToken"]))
        return answers


OFF: dict[str, Any] = {"READ_AHEAD_PAGES": "0"}


@pytest.fixture
def remote() -> Iterator[Remote]:
    with Remote() as remote:
        remote.put(*stored_entries(40))
        yield remote


QUERIES: list[dict[str, Any]] = [
    {},
    {"orderByTime": "DESCENDING"},
    {"selectedProperties": ["b"]},
    {"selectedProperties": ["c", "a"], "orderByTime": "DESCENDING"},
    {
        "propertyFilters": [
            {"propertyName": "b", "operator": ">=", "value": {"integerValue": 9}},
            {"propertyName": "a", "operator": "!=", "value": {"integerValue": 20}},
        ]
    },
    {"entityId": "machine-1", "componentName": "telemetry"},
    {"startTime": "2026-01-30T12:00:01Z", "endTime": "2026-01-30T12:00:06.5Z"},
    {"startTime": "2026-01-30T12:30:00Z"},
]


@pytest.mark.parametrize("query", QUERIES)
@pytest.mark.parametrize("size", [1, 2, 3, 7, 200])
def test_every_page_is_the_one_that_the_remote_would_have_sent(remote, query, size):
    plain = remote.connector(**OFF).pages(**query, maxResults=size)
    assert remote.connector(READ_AHEAD_PAGES="3").pages(**query, maxResults=size) == plain


EVERY_SECOND = {"interpolationType": "LINEAR", "intervalInSeconds": 1}


@pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
@pytest.mark.parametrize("interpolation", [None, EVERY_SECOND])
def test_pages_of_a_component_types_devices_are_those_that_the_remote_would_have_sent(
    remote, order, interpolation
):
    remote.put(*stored_entries(60)[5::3], device_id="sensor-2")
    query = {
        "componentTypeId": "my-twin-sensor",
        "properties": {"iotDeviceId": {"definition": {"isExternalId": True}}},
        "orderByTime": order,
        "interpolation": interpolation,
    }
    plain = remote.connector(**OFF).pages(**query)
    before = remote.asked
    assert remote.connector(READ_AHEAD_PAGES="3").pages(**query) == plain
    further = len(plain) - 1
    assert remote.asked - before == 1 + -(-further // 4)


@given(
    stored=entries(utc_zones),
    order=st.sampled_from(["ASCENDING", "DESCENDING"]),
    size=st.integers(1, 9),
    ahead=st.integers(1, 9),
    least=st.none() | st.integers(-3, 3),
)
@settings(max_examples=150)
def test_any_pages_of_any_entries_are_those_that_the_remote_would_have_sent(
    stored, order, size, ahead, least
):
    condition = {"propertyName": "b", "operator": ">=", "value": {"integerValue": least}}
    query = {
        "orderByTime": order,
        "maxResults": size,
        "propertyFilters": [] if least is None else [condition],
    }
    with Remote() as remote:
        remote.put(*stored)
        plain = remote.connector(**OFF).pages(**query)
        before = remote.asked
        assert remote.connector(READ_AHEAD_PAGES=str(ahead)).pages(**query) == plain
        further = len(plain) - 1
        assert remote.asked - before == 1 + -(-further // (1 + ahead))


class TestTheRemote:
    def test_is_asked_for_nothing_ahead_of_a_first_page(self, remote):
        remote.connector().ask()
        assert [each["pages_ahead"] for each in remote.server.payloads] == [0]

    def test_is_asked_for_pages_ahead_by_who_comes_with_a_token(self, remote):
        connector = remote.connector(READ_AHEAD_PAGES="5")
        connector.ask(nextToken=connector.ask()["nextToken"])
        assert remote.server.payloads[1]["pages_ahead"] == 5
        assert remote.server.payloads[1]["max_results"] == 4

    def test_is_asked_once_for_many_pages(self, remote):
        connector = remote.connector(READ_AHEAD_PAGES="4")
        assert len(connector.pages()) == 23
        assert remote.asked == 1 + 5

    def test_is_asked_for_no_page_ahead_if_that_is_switched_off(self, remote):
        connector = remote.connector(**OFF)
        pages = connector.pages()
        assert remote.asked == len(pages)
        assert {each["pages_ahead"] for each in remote.server.payloads} == {0}

    def test_may_be_older_and_know_of_no_pages_ahead(self, remote):
        plain = remote.connector(**OFF).pages()
        with Remote(older=True) as older:
            older.put(*stored_entries(40))
            assert older.connector().pages() == plain
            assert older.asked == len(plain)

    def test_may_bound_its_pages(self, remote):
        plain = remote.connector(**OFF).pages(maxResults=2)
        with Remote(PAGE_VALUES="2") as bounded:
            bounded.put(*stored_entries(40))
            assert bounded.connector().pages(maxResults=4) == plain

    def test_may_send_what_nobody_asked_for(self, remote):
        page: dict[str, Any] = {"propertyValues": []}
        sent = {**page, "nextToken": "t", "followingPages": [page]}
        with Scripted(response(200, json.dumps(sent).encode())) as server:
            for variables in ({}, OFF):
                connector = Connector(server.url, HISTORY, remote._log, **variables)
                assert connector.ask() == {**page, "nextToken": "t"}

    @pytest.mark.parametrize("following", [None, {}, [1], [{}], [{"propertyValues": {}}]])
    def test_may_not_send_something_else_in_place_of_pages(self, remote, following):
        sent = {"propertyValues": [], "nextToken": "t", "followingPages": following}
        with Scripted(response(200, json.dumps(sent).encode())) as server:
            connector = Connector(server.url, HISTORY, remote._log)
            with pytest.raises(RemoteReaderError, match="no propertyValues of this kind of read"):
                connector.ask()

    def test_is_asked_again_after_a_failure(self, remote):
        page = response(200, b'{"propertyValues": []}')
        refusal = error_response(503, "store_unavailable", "away")
        with Scripted(refusal, page) as server:
            connector = Connector(server.url, HISTORY, remote._log)
            with pytest.raises(RemoteReaderError, match="away"):
                connector.ask(nextToken="t")
            assert connector.ask(nextToken="t") == {"propertyValues": []}

    def test_still_refuses_a_token_that_is_not_its_own(self, remote):
        with pytest.raises(RemoteReaderError, match="next_token isn't one"):
            remote.connector().ask(nextToken="made-up")


class TestAPage:
    def test_can_be_continued_in_another_instance(self, remote):
        plain = remote.connector(**OFF).pages()
        instances = [remote.connector(READ_AHEAD_PAGES="4") for _ in range(3)]
        pages = [instances[0].ask()]
        while "nextToken" in pages[-1]:
            instance = instances[len(pages) % 3]
            pages.append(instance.ask(nextToken=pages[-1]["nextToken"]))
        assert pages == plain

    @pytest.mark.parametrize("other", [1, 3, 5, 8])
    def test_of_another_size_midway_is_as_large_as_asked(self, remote, other):
        answers = []
        for connector in (remote.connector(), remote.connector(**OFF)):
            pages = [connector.ask()]
            for size in (4, 4, other, 4, 4):
                pages.append(connector.ask(maxResults=size, nextToken=pages[-1]["nextToken"]))
            answers.append(pages)
        assert answers[0] == answers[1]

    def test_is_read_again_after_it_was_evicted(self, remote):
        plain = remote.connector(**OFF).pages()
        connector = remote.connector(read_ahead=replace(KEEPING, most_bytes=2_000))
        assert connector.pages() == plain

    def test_is_a_document_of_its_own_each_time(self, remote):
        connector = remote.connector()
        second = connector.ask()["nextToken"]
        third = connector.ask(nextToken=second)["nextToken"]
        page = connector.ask(nextToken=third)
        as_text = json.dumps(page)
        page["propertyValues"].clear()
        assert json.dumps(connector.ask(nextToken=third)) == as_text
        assert remote.asked == 2

    def test_holds_nothing_but_what_twinmaker_wants(self, remote):
        pages = remote.connector().pages()
        assert set().union(*pages) == {"propertyValues", "nextToken"}

    def test_that_was_read_ahead_is_counted_so(self, remote):
        connector = remote.connector()
        first = connector.ask()
        assert "ReadAheadHits" not in connector.metrics
        assert "ReadAheadMisses" not in connector.metrics
        second = connector.ask(nextToken=first["nextToken"])
        assert connector.metrics["ReadAheadMisses"] == 1
        assert connector.metrics["RemoteAttempts"] == 1
        connector.ask(nextToken=second["nextToken"])
        assert connector.metrics["ReadAheadHits"] == 1
        assert "RemoteAttempts" not in connector.metrics
        assert connector.metrics["ValuesReturned"] == 4

    def test_with_entries_that_come_later_goes_on_behind_the_ones_read_ahead(self, remote):
        connector = remote.connector(READ_AHEAD_PAGES="1")
        pages = [connector.ask()]
        pages.append(connector.ask(nextToken=pages[-1]["nextToken"]))
        remote.put(Stored("2026-01-30T12:00:59Z", {"a": Decimal(99)}))
        while "nextToken" in pages[-1]:
            pages.append(connector.ask(nextToken=pages[-1]["nextToken"]))
        assert pages == remote.connector(**OFF).pages()
        assert "12:00:59Z" in json.dumps(pages[-1])


def test_the_newest_entry_is_never_an_old_one(remote):
    connector = remote.connector(LAST_ENTRY)
    event = {"startTime": None, "endTime": None, "maxResults": None}
    before = connector.ask(**event)
    remote.put(Stored("2026-01-30T12:59:00Z", {"a": Decimal(99)}))
    assert before != connector.ask(**event)


class Clock:
    """Tells the time that it is set to."""

    def __init__(self) -> None:
        self.monotonic = 1_000.0
        self.wall = parse_instant("2026-01-30T18:00:00Z")

    def __call__(self) -> Moment:
        return Moment(self.monotonic, self.wall)

    def advance(self, seconds: float) -> None:
        self.monotonic += seconds
        self.wall += int(seconds * 1e9)


QUERY = HistoryQuery(
    device_id=DEVICE,
    selected_properties=("a", "b"),
    property_types={"a": DataType("DOUBLE"), "b": DataType("STRING")},
    entity_id="machine-1",
    component_name="telemetry",
    start=parse_instant("2026-01-30T12:00:00Z"),
    end=parse_instant("2026-01-30T13:00:00Z"),
    filters=(PropertyFilter("a", ">", {"doubleValue": 1}),),
    max_results=200,
    next_token="t0",
)
NOW = parse_instant("2026-01-30T18:00:00Z")
KEEPING = ReadAheadSettings(
    pages=9, most_bytes=1_000_000, open_seconds=5, closed_seconds=60, grace=30
)


def page(number: int, *, last: bool = False, text: str = "") -> dict[str, Any]:
    document: dict[str, Any] = {"propertyValues": [number, text]}
    return document if last else document | {"nextToken": f"t{number}"}


def at(token: str, query: HistoryQuery = QUERY) -> HistoryQuery:
    return replace(query, next_token=token)


class TestTheMemory:
    @pytest.fixture
    def clock(self) -> Clock:
        return Clock()

    @pytest.fixture
    def memory(self, clock) -> ReadAhead:
        return ReadAhead(KEEPING, now=clock)

    def test_gives_each_page_to_who_comes_with_the_token_that_leads_to_it(self, memory, clock):
        memory.keep(QUERY, page(1), [page(2), page(3, last=True)], clock())
        taken = [memory.take(at(token)) for token in ("t0", "t1", "t2", "t3")]
        assert taken == [None, page(2), page(3, last=True), None]

    def test_gives_a_page_as_often_as_it_is_asked_for(self, memory, clock):
        memory.keep(QUERY, page(1), [page(2)], clock())
        assert [memory.take(at("t1")) for _ in range(3)] == [page(2)] * 3

    def test_has_nothing_for_a_first_page(self, memory, clock):
        memory.keep(replace(QUERY, next_token=None), page(1), [page(2)], clock())
        assert memory.take(replace(QUERY, next_token=None)) is None
        assert memory.take(at("t1")) == page(2)

    def test_keeps_no_page_that_no_token_leads_to(self, memory, clock):
        memory.keep(QUERY, page(1, last=True), [page(2)], clock())
        memory.keep(QUERY, page(1), [page(2, last=True), page(3)], clock())
        assert memory.take(at("t1")) == page(2, last=True)
        assert memory.take(at("t2")) is None

    @pytest.mark.parametrize(
        "changes",
        [
            {"device_id": "sensor-2"},
            {"selected_properties": ("b", "a")},
            {"property_types": {"a": DataType("INTEGER"), "b": DataType("STRING")}},
            {"property_sources": {"a": "Body.a"}},
            {"entity_id": "machine-2"},
            {"component_name": "other"},
            {"entity_id": None, "component_name": None},
            {"start": QUERY.start - 1},
            {"end": QUERY.end + 1},
            {"filters": ()},
            {"filters": (PropertyFilter("a", ">", {"doubleValue": 2}),)},
            {"descending": True},
            {"max_results": 100},
        ],
        ids=str,
    )
    def test_has_nothing_for_another_query(self, memory, clock, changes):
        memory.keep(QUERY, page(1), [page(2)], clock())
        assert memory.take(replace(at("t1"), **changes)) is None
        assert memory.take(at("t1")) == page(2)

    @pytest.mark.parametrize(
        ("end", "longest"),
        [
            pytest.param(NOW + 10**12, 5, id="in the future"),
            pytest.param(NOW - 29 * 10**9, 5, id="just over"),
            pytest.param(NOW - 31 * 10**9, 60, id="over for long enough"),
        ],
    )
    def test_keeps_a_page_as_long_as_its_range_allows(self, memory, clock, end, longest):
        query = replace(QUERY, end=end)
        memory.keep(query, page(1), [page(2)], clock())
        clock.advance(longest)
        assert memory.take(at("t1", query)) == page(2)
        clock.advance(0.01)
        assert memory.take(at("t1", query)) is None
        assert memory._bytes == 0

    def test_counts_the_age_from_the_question_on(self, memory, clock):
        asked = clock()
        clock.advance(59)
        memory.keep(QUERY, page(1), [page(2)], asked)
        clock.advance(2)
        assert memory.take(at("t1")) is None

    @pytest.mark.parametrize(
        "pass_by",
        [
            pytest.param(lambda clock: setattr(clock, "wall", clock.wall + 61 * 10**9), id="wall"),
            pytest.param(
                lambda clock: setattr(clock, "monotonic", clock.monotonic + 61), id="monotonic"
            ),
        ],
    )
    def test_believes_the_clock_on_which_more_time_has_passed(self, memory, clock, pass_by):
        memory.keep(QUERY, page(1), [page(2)], clock())
        pass_by(clock)
        assert memory.take(at("t1")) is None

    def test_forgets_what_was_not_used_for_longest(self, clock):
        text = "x" * 10_000
        memory = ReadAhead(replace(KEEPING, most_bytes=35_000), now=clock)
        memory.keep(QUERY, page(1), [page(2, text=text), page(3, text=text)], clock())
        memory.keep(QUERY, page(3), [page(4, text=text)], clock())
        memory.take(at("t1"))
        memory.keep(QUERY, page(4), [page(5, text=text)], clock())
        kept = [memory.take(at(f"t{number}")) is not None for number in (1, 2, 3, 4)]
        assert kept == [True, False, True, True]
        assert memory._bytes <= 35_000

    def test_keeps_no_page_that_is_larger_than_itself(self, clock):
        memory = ReadAhead(replace(KEEPING, most_bytes=5_000), now=clock)
        memory.keep(QUERY, page(1), [page(2), page(3, text="x" * 5_000), page(4)], clock())
        kept = [memory.take(at(f"t{number}")) is not None for number in (1, 2, 3)]
        assert kept == [True, False, True]

    def test_counts_a_page_once_however_often_it_comes(self, memory, clock):
        memory.keep(QUERY, page(1), [page(2)], clock())
        once = memory._bytes
        memory.keep(QUERY, page(1), [page(2)], clock())
        assert memory._bytes == once > 0

    def test_may_be_used_by_many_threads(self, clock):
        memory = ReadAhead(replace(KEEPING, most_bytes=20_000), now=clock)
        wrong: list[Any] = []

        def use(device: str) -> None:
            query = replace(QUERY, device_id=device)
            for number in range(300):
                memory.keep(query, page(number), [page(number + 1, text=device)], clock())
                taken = memory.take(at(f"t{number}", query))
                if taken not in (None, page(number + 1, text=device)):
                    wrong.append(taken)

        threads = [threading.Thread(target=use, args=(f"device-{n}",)) for n in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert wrong == []
        assert 0 < memory._bytes <= 20_000


class TestAReaderThatReadsAhead:
    """The remote's side."""

    def history(self, store: MemoryStore, query: HistoryQuery, **reader: Any) -> list[Any]:
        reading = HotReader(store, Iso8601Format(), **{"page_bytes": 6_000_000, **reader})
        first = reading.history(query)
        return [first, *first.following]

    @pytest.fixture(
        params=[MemoryStore, partial(BatchingMemoryStore, 7)], ids=["singly", "batches"]
    )
    def store(self, request) -> MemoryStore:
        store: MemoryStore = request.param()
        store.put(DEVICE, stored_entries(40), "S")
        return store

    @pytest.fixture
    def query(self) -> HistoryQuery:
        return HistoryQuery(
            device_id=DEVICE,
            selected_properties=("a", "b", "c"),
            start=QUERY.start,
            end=QUERY.end,
            max_results=7,
            pages_ahead=3,
        )

    def separately(self, store: MemoryStore, query: HistoryQuery, pages: int) -> list[Any]:
        """Ask page by page."""
        found = []
        query = replace(query, pages_ahead=0)
        for _ in range(pages):
            (each,) = self.history(store, query)
            found.append(each)
            query = replace(query, next_token=each.next_token)
        return found

    def test_finds_each_page_as_if_it_had_been_asked_for(self, store, query):
        pages = self.history(store, query)
        assert [(each.values, each.next_token) for each in pages] == [
            (each.values, each.next_token) for each in self.separately(store, query, 4)
        ]

    def test_ends_with_the_entries(self, store, query):
        pages = self.history(store, replace(query, pages_ahead=100))
        assert len(pages) == 13
        assert [each.next_token is None for each in pages] == [False] * 12 + [True]

    def test_ends_where_there_is_no_more_without_an_empty_page(self, store, query):
        pages = self.history(store, replace(query, max_results=45))
        assert [sum(map(len, each.values.values())) for each in pages] == [45, 45]
        assert pages[-1].next_token is None

    @pytest.mark.parametrize(("page_values", "pages"), [(7, 1), (13, 1), (14, 2), (1_000, 4)])
    def test_stays_within_the_values_that_it_may_answer(self, store, query, page_values, pages):
        found = self.history(store, query, page_values=page_values)
        assert len(found) == pages
        assert {sum(map(len, each.values.values())) for each in found} == {7}

    def test_stays_within_the_bytes_that_it_may_answer(self, store, query):
        query = replace(query, pages_ahead=100)
        for page_bytes in range(3_000, 60_000, 1_000):
            pages = self.history(store, query, page_bytes=page_bytes)
            document = twinmaker.history_answer(query, pages[0])
            document[wire_contract.FOLLOWING_PAGES] = [
                twinmaker.history_answer(query, each) for each in pages[1:]
            ]
            assert len(orjson.dumps(document)) <= page_bytes
            # Whatever didn't fit, nothing is lost, and no page but the first ends early.
            for one, alone in zip(pages[1:], self.separately(store, query, 13)[1:], strict=False):
                assert (one.values, one.next_token) == (alone.values, alone.next_token)
        assert len(pages) == 13

    @pytest.mark.parametrize("interval", [None, 10**9])
    def test_keeps_its_bounds_for_several_devices(self, store, query, interval):
        store.put("sensor-2", stored_entries(60)[5::3], "S")
        types = dict.fromkeys(SELECTED, DataType("DOUBLE"))
        query = replace(query, interval=interval, property_types=types, pages_ahead=100)

        def pages(pages_ahead: int = 100, **options: Any) -> list[DevicesPage]:
            reading = HotReader(store, Iso8601Format(), **{"page_bytes": 6_000_000, **options})
            found: list[DevicesPage] = []
            while not found or (pages_ahead == 0 and found[-1].next_token):
                token = found[-1].next_token if found else None
                asked = replace(query, next_token=token, pages_ahead=pages_ahead)
                each = (asked, replace(asked, device_id="sensor-2"))
                first = reading.histories(DevicesQuery(each))
                found += [first, *first.following]
            return found

        def answers(pages: list[DevicesPage]) -> list[dict[str, Any]]:
            both = DevicesQuery((query, replace(query, device_id="sensor-2")))
            return [twinmaker.history_answer(both, each) for each in pages]

        alone = answers(pages(0))
        assert answers(pages()) == alone
        assert len(pages(page_values=20)) == 2
        room = 15_000 if interval is None else 45_000
        for page_bytes in (room, 2 * room, 3 * room):
            found = answers(pages(page_bytes=page_bytes))
            assert len(orjson.dumps(found)) <= page_bytes
            assert 1 < len(found) < len(alone)
            assert found == alone[: len(found)]
        ticks = iter([0.0, *(0.05 * tick for tick in range(1, 1_000))])
        found = answers(pages(clock=lambda: next(ticks)))
        assert 1 < len(found) < len(alone)
        assert found == alone[: len(found)]

    def test_gives_up_on_pages_ahead_that_take_long(self, store, query):
        ticks = iter([0.0, *(0.5 * tick for tick in range(1, 1_000))])
        pages = self.history(store, replace(query, pages_ahead=100), clock=lambda: next(ticks))
        assert 1 <= len(pages) < 13
        assert [(each.values, each.next_token) for each in pages] == [
            (each.values, each.next_token) for each in self.separately(store, query, len(pages))
        ]

    def test_never_gives_up_on_the_page_that_was_asked_for(self, store, query):
        slow = iter(range(0, 1_000_000, 100))
        pages = self.history(store, query, clock=lambda: next(slow))
        assert [sum(map(len, each.values.values())) for each in pages] == [7]
        assert pages[0].next_token is not None

    def test_counts_the_values_of_all_pages(self, store, query):
        assert self.history(store, query)[0].count == 28
