"""Reading Cosmos DB: what is sent, how often, and what becomes of what comes back."""

from __future__ import annotations

import json
import socket
import threading
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from itertools import count, islice
from typing import TYPE_CHECKING, Any

import pytest
from azure.core.exceptions import ClientAuthenticationError
from azure.cosmos import PartitionKey
from werkzeug import Request, Response

from chalicelib.contracts import wire_contract
from chalicelib.contracts.answers import HistoryAnswer
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.hot_reader.time_order import TimeOrder
from chalicelib.model.errors import HotStoreError, StoreUnavailableError
from chalicelib.model.locations import locations
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.stores.cosmos import errors as cosmos_errors
from chalicelib.stores.cosmos import store as cosmos
from deploy_scripts.providers.azure import CosmosWriter
from deploy_scripts.providers.telemetry import Entry
from local_cloud.azure.cosmos import LocalCosmos

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from azure.cosmos import ContainerProxy
    from pytest_httpserver import HTTPServer

    from chalicelib.model.entries import DeviceId, StoredEntry

TWIN = json.dumps(
    {
        "config": {"digital_twin_name": "my-twin"},
        "config_providers": {"layer_3_hot_provider": "azure", "layer_4_provider": "aws"},
    }
)
KEY = "dGhlIGtleSBvZiB0aGUgdGVzdHM="
NAMES = [
    "plain",
    'quo"ted',
    "quo'ted",
    '"] FROM c; --',
    "back\\slash",
    "\\u0041",
    "new\nline",
    "tab\t",
    "é",
    "🌡",
    "\u2028",
    "two words",
    "a.b",
    "id",
    "k",
    "i",
    "p0",
    "ORDER",
    "@device",
    "`",
]
_NUMBERS = count()


def entries_settings(**more: str) -> HotReaderSettings:
    return HotReaderSettings.load({"DIGITAL_TWIN_INFO": TWIN, **more})


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalCosmos]:
    with LocalCosmos(tmp_path_factory.mktemp("cosmos") / "log") as running:
        yield running


@pytest.fixture(scope="module")
def container(local: LocalCosmos) -> ContainerProxy:
    return local.create_container("twin", "hot-telemetry")


@pytest.fixture
def device_id() -> str:
    return f"device-{next(_NUMBERS)}"


def store_in(local: LocalCosmos, name: str = "hot-telemetry", **more: str) -> cosmos.CosmosHotStore:
    settings = CosmosSettings(local.endpoint, "twin", name, local.key)
    return cosmos.connect(settings, entries_settings(**more))


@pytest.fixture
def store(local: LocalCosmos, container: ContainerProxy) -> cosmos.CosmosHotStore:
    return store_in(local)


def read(store: cosmos.CosmosHotStore, device_id: DeviceId, **asked: Any) -> Iterator[StoredEntry]:
    asked = {"descending": False, "properties": ["n"], "limit": None, **asked}
    asked["properties"] = {name: [(name,)] for name in asked["properties"]}
    return store.read(device_id, asked.pop("lower", None), asked.pop("upper", None), **asked)


def at(second: int) -> str:
    return f"2026-01-30T17:00:{second:02}Z"


class TestTheProperties:
    def test_may_be_called_anything(self, store, container, device_id):
        values = {name: number for number, name in enumerate(NAMES) if name != "id"}
        document = {**values, "id": "document", "device_id": device_id, "timestamp": at(0)}
        container.upsert_item(document)
        (entry,) = read(store, device_id, properties=NAMES)
        assert entry.values == values | {"id": "document"}

    def test_are_only_those_that_were_asked_for(self, store, container, device_id):
        document = {"id": "1", "device_id": device_id, "timestamp": at(0), "n": 1, "other": 2}
        container.upsert_item(document)
        (entry,) = read(store, device_id)
        assert entry == (at(0), {"n": 1}, "1")

    def test_that_are_missing_or_null_are_absent(self, store, container, device_id):
        document = {"id": "1", "device_id": device_id, "timestamp": at(0), "null": None, "0": 0}
        container.upsert_item(document)
        (entry,) = read(store, device_id, properties=["n", "null", "0"])
        assert entry.values == {"0": 0}

    def test_may_be_in_several_places_of_which_the_first_that_is_there_counts(
        self, store, container, device_id
    ):
        document = {"device_id": device_id, "a": {"b": 1}, "c.d": None, "c": {"d": 2}, "e.f": 3}
        container.upsert_item({**document, "id": "1", "timestamp": at(0), "e": {"f": 4}, "g": "h"})
        places = {name: locations(name) for name in ("a.b", "c.d", "e.f", "g.length")}
        (entry,) = store.read(
            device_id, None, None, descending=False, properties=places, limit=None
        )
        assert entry.values == {"a.b": 1, "e.f": 3}


class TestTheKeys:
    def test_of_one_instant_sort_by_their_text(self, store, container, device_id):
        spellings = ["45Z", "45.000Z", "45+00:00", "45-00:00", "45.95Z", "45.9Z", "45", "44.999Z"]
        keys = [f"2026-01-30T17:00:{each}" for each in spellings]
        CosmosWriter(container).write(Entry(device_id, key, {"n": 1}) for key in keys)
        ascending = [entry.key for entry in read(store, device_id)]
        descending = [entry.key for entry in read(store, device_id, descending=True)]
        assert ascending == sorted(keys, key=str.encode)
        assert descending == ascending[::-1]

    def test_that_are_numbers_are_decimals(self, store, container, device_id):
        for number in (9, 1769792400000, -5):
            document = {"id": str(number), "device_id": device_id, "timestamp": number}
            container.upsert_item(document)
        lower, upper = Decimal(-5), Decimal(1769792400000)
        keys = [entry.key for entry in read(store, device_id, lower=lower, upper=upper)]
        assert keys == [Decimal(-5), Decimal(9), Decimal(1769792400000)]
        assert all(isinstance(key, Decimal) for key in keys)

    @pytest.mark.parametrize("descending", [False, True])
    @pytest.mark.parametrize("limit", [None, 2])
    def test_that_are_the_same_follow_each_other_and_leave_by_identity(
        self, store, container, device_id, descending, limit
    ):
        written = ["b", "a", "é", "c", "B", "🌡", "\uffee"]
        for identity in written:
            document = {"id": identity, "device_id": device_id, "timestamp": at(0)}
            container.upsert_item(document)
        container.upsert_item({"id": "z", "device_id": device_id, "timestamp": at(1)})
        found = list(read(store, device_id, descending=descending, limit=limit))
        assert [entry.key for entry in found] == sorted([at(0)] * 7 + [at(1)], reverse=descending)
        order = TimeOrder(Iso8601Format(), print, descending=descending)
        expected = [*sorted(written, key=str.encode), "z"]
        identities = [entry.identity for entry, _ in order.singly(found)]
        assert identities == (expected[::-1] if descending else expected)

    def test_that_are_missing_make_no_entry(self, store, container, device_id):
        container.upsert_item({"id": "1", "device_id": device_id, "n": 1})
        container.upsert_item({"id": "2", "device_id": device_id, "timestamp": at(0), "n": 2})
        assert [entry.identity for entry in read(store, device_id)] == ["2"]

    def test_of_other_types_are_handed_out_for_the_reader_to_count(
        self, store, container, device_id
    ):
        for number, key in enumerate([None, True, 1.5, at(0), [1], {"a": 1}]):
            document = {"id": str(number), "device_id": device_id, "timestamp": key}
            container.upsert_item(document)
        reader = HotReader(store, Iso8601Format(), page_bytes=100_000)
        asked = {"iot_device_id": device_id, "selected_properties": ["n"]}
        flaws = reader.last_entry(wire_contract.last_entry_query(asked)).flaws
        assert len(list(read(store, device_id))) == 6
        # Only those that sort after text in Cosmos DB's order of types come before the newest entry.
        assert flaws.unreadable_timestamps >= 2

    @pytest.mark.parametrize("number", [17, 17.5])
    def test_and_device_ids_may_be_numbers(self, store, container, number):
        for device_id in (number, str(number)):
            container.upsert_item(
                {"id": repr(device_id), "device_id": device_id, "timestamp": at(0)}
            )
        (entry,) = read(store, Decimal(str(number)))
        assert entry.identity == repr(number)

    @pytest.mark.parametrize("descending", [False, True])
    def test_and_device_ids_may_be_within_maps_as_iot_hub_writes_them(
        self, local, device_id, descending
    ):
        database = local.client().create_database_if_not_exists("twin")
        partition_key = PartitionKey("/SystemProperties/iothub-connection-device-id")
        container = database.create_container_if_not_exists("iot-hub", partition_key)
        for second in (1, 0, 2):
            document = {
                "id": f"{device_id}-{second}",
                "Body": {"pressure": 4.2},
                "Properties": {},
                "SystemProperties": {
                    "iothub-connection-device-id": device_id,
                    "iothub-enqueuedtime": at(second),
                },
            }
            container.upsert_item(document)
        container.upsert_item({"id": "no map", "SystemProperties": device_id})
        store = store_in(
            local,
            "iot-hub",
            DEVICE_ID_ATTRIBUTE="SystemProperties.iothub-connection-device-id",
            TIMESTAMP_ATTRIBUTE="SystemProperties.iothub-enqueuedtime",
        )
        found = list(read(store, device_id, properties=["Body"], descending=descending))
        keys = [at(second) for second in range(3)]
        assert [entry.key for entry in found] == (keys[::-1] if descending else keys)
        assert found[0].values == {"Body": {"pressure": 4.2}}
        middle = list(read(store, device_id, lower=at(1), upper=at(1)))
        assert [entry.key for entry in middle] == [at(1)]

    def test_and_device_ids_may_be_in_fields_of_other_names(self, local, device_id):
        database = local.client().create_database_if_not_exists("twin")
        container = database.create_container_if_not_exists("named", PartitionKey("/iotDeviceId"))
        container.upsert_item({"id": "1", "iotDeviceId": device_id, "my time": at(0), "n": 1})
        named = {"DEVICE_ID_ATTRIBUTE": "iotDeviceId", "TIMESTAMP_ATTRIBUTE": "my time"}
        (entry,) = read(store_in(local, "named", **named), device_id)
        assert entry == (at(0), {"n": 1}, "1")


class TestTheContainer:
    @pytest.mark.parametrize(
        ("path", "attribute"),
        [
            ("/id", "id"),
            ("/device", "device"),
            ("/device_id/part", "device_id.part"),
            (
                '/SystemProperties/"iothub-connection-device-id"',
                "SystemProperties.iothub-connection-device-id",
            ),
        ],
    )
    def test_has_to_be_partitioned_by_the_device(self, account, path, attribute):
        account.partition_key = path
        expected = (
            f"partitioned by {path}.*key /device_id, or set DEVICE_ID_ATTRIBUTE to {attribute} "
        )
        with pytest.raises(HotStoreError, match=expected):
            list(read(account.store(), "d"))
        assert account.queries == []
        # The advice is taken.
        assert len(list(read(account.store(DEVICE_ID_ATTRIBUTE=attribute), "d"))) == 1

    def test_cant_be_partitioned_by_a_name_with_a_dot_of_its_own(self, account):
        account.partition_key = '/"a.b"'
        with pytest.raises(HotStoreError, match=r"partitioned by .* /a/b.*key /a/b\.$"):
            list(read(account.store(DEVICE_ID_ATTRIBUTE="a.b"), "d"))

    def test_may_quote_the_name_of_its_partition_key(self, account):
        account.partition_key = '/"device_id"'
        assert len(list(read(account.store(), "d"))) == 1

    def test_that_isnt_there_is_named_by_its_setting(self, local):
        with pytest.raises(HotStoreError, match="COSMOS_CONTAINER"):
            next(read(store_in(local, "nobody-made-this"), "d"), None)

    def test_is_asked_for_again_after_a_failure(self, local):
        store = store_in(local, "made-later")
        with pytest.raises(HotStoreError):
            next(read(store, "d"), None)
        local.create_container("twin", "made-later")
        assert list(read(store, "d")) == []

    def test_is_opened_by_whoever_comes_first(self, local, container, device_id):
        CosmosWriter(container).write([Entry(device_id, at(0), {"n": 1})])
        store = store_in(local)
        together = threading.Barrier(4)

        def first(_number: int) -> list[StoredEntry]:
            together.wait(30)
            return list(read(store, device_id))

        with ThreadPoolExecutor(4) as threads:
            found = list(threads.map(first, range(4)))
        assert found == [[(at(0), {"n": 1}, at(0))]] * 4


class Account:
    """A Cosmos DB account on a plain HTTP server, whose answers to queries are prepared.

    The last answer is repeated.
    """

    def __init__(self, server: HTTPServer) -> None:
        self.url = server.url_for("").rstrip("/")
        self.queries: list[Request] = []
        self.answers = [found(0, 1)]
        self.account_statuses = [200]
        self.descriptions: dict[str, str] = {}
        self.partition_key = "/device_id"
        self.answer: Callable[[Request], Response] | None = None
        self.silent = False
        self.released = threading.Event()
        for path in ("/", "/dbs/twin/colls/hot-telemetry/"):
            server.expect_request(path, method="GET").respond_with_handler(self._describe)
        path = "/dbs/twin/colls/hot-telemetry/docs/"
        server.expect_request(path, method="POST").respond_with_handler(self._query)

    def _describe(self, request: Request) -> Response:
        if request.path in self.descriptions:
            return Response(self.descriptions[request.path])
        if request.path == "/":
            here = [{"name": "here", "databaseAccountEndpoint": "https://elsewhere.example.com"}]
            document: dict[str, Any] = {
                "writableLocations": here,
                "readableLocations": here,
                "userConsistencyPolicy": {"defaultConsistencyLevel": "Eventual"},
            }
            status, *later = self.account_statuses
            self.account_statuses = later or [status]
            return Response(json.dumps(document), status)
        partition_key = {"paths": [self.partition_key], "kind": "Hash"}
        return Response(json.dumps({"_rid": "rid", "_self": "x", "partitionKey": partition_key}))

    def _query(self, request: Request) -> Response:
        request.get_data()
        self.queries.append(request)
        if self.silent:
            self.released.wait(30)
        if self.answer:
            return self.answer(request)
        return self.answers[min(len(self.queries), len(self.answers)) - 1]

    def store(self, endpoint: str = "", **more: str) -> cosmos.CosmosHotStore:
        settings = CosmosSettings(endpoint or self.url, "twin", "hot-telemetry", KEY)
        return cosmos.connect(settings, entries_settings(**more))

    def sizes(self) -> list[str]:
        return [query.headers["x-ms-max-item-count"] for query in self.queries]


def found(first: int, number: int, *, more: str | None = None) -> Response:
    rows = [[at(each), str(each), each] for each in range(first, first + number)]
    headers = {} if more is None else {"x-ms-continuation": more}
    return Response(json.dumps({"Documents": rows}, separators=(",", ":")), headers=headers)


def failed(status: int, message: str = "what Cosmos DB says", **headers: str) -> Response:
    document = {"code": "Failed", "message": message}
    return Response(json.dumps(document), status, headers=headers)


@pytest.fixture
def account(httpserver: HTTPServer) -> Iterator[Account]:
    account = Account(httpserver)
    yield account
    account.released.set()


class TestAQuery:
    def test_names_its_partition_and_keeps_values_out_of_the_text(self, account):
        account.answers = [found(0, 1)]
        hostile = 'x" OR 1=1'
        list(read(account.store(), hostile, lower=at(0), upper=at(9), descending=True))
        (query,) = account.queries
        assert json.loads(query.headers["x-ms-documentdb-partitionkey"]) == [hostile]
        assert query.json == {
            "query": 'SELECT VALUE [c["timestamp"], c.id, c["n"] ?? null] FROM c WHERE '
            'c["device_id"] = @device AND IS_DEFINED(c["timestamp"]) AND '
            'c["timestamp"] >= @lower AND c["timestamp"] <= @upper ORDER BY c["timestamp"] DESC',
            "parameters": [
                {"name": "@device", "value": hostile},
                {"name": "@lower", "value": at(0)},
                {"name": "@upper", "value": at(9)},
            ],
        }

    def test_asks_for_as_many_documents_as_the_caller_takes(self, account):
        account.answers = [found(0, 3, more="more")]
        entries = read(account.store(), "d", limit=3)
        assert len(list(islice(entries, 3))) == 3
        assert account.sizes() == ["3"]

    def test_without_a_hint_leaves_the_size_of_pages_to_cosmos_db(self, account):
        account.answers = [found(0, 3, more="more"), found(3, 1)]
        assert len(list(read(account.store(), "d"))) == 4
        assert account.sizes() == ["-1", "-1"]

    def test_follows_pages_as_far_as_the_caller_goes(self, account):
        account.answers = [found(0, 2, more="1"), found(2, 2, more="2"), found(4, 2)]
        entries = read(account.store(), "d", limit=2)
        asked = [len(account.queries) for _ in entries]
        assert asked == [1, 1, 2, 2, 3, 3]
        assert [query.headers.get("x-ms-continuation") for query in account.queries] == [
            None,
            "1",
            "2",
        ]
        assert account.sizes() == ["2", "8", "32"]

    def test_goes_on_over_empty_pages(self, account):
        account.answers = [found(0, 0, more="1"), found(0, 0, more="2"), found(0, 1)]
        assert len(list(read(account.store(), "d"))) == 1

    def test_isnt_continued_with_the_token_of_another_thread(self, account):
        def answer(request: Request) -> Response:
            (device,) = json.loads(request.headers["x-ms-documentdb-partitionkey"])
            before, _, page = request.headers.get("x-ms-continuation", f"{device} 0").partition(" ")
            if before != device:
                mixed_up.append(before)
            more = f"{device} {int(page) + 1}" if int(page) < 30 else None
            return found(int(page), 1, more=more)

        mixed_up: list[str] = []
        account.answer = answer
        store = account.store()
        with ThreadPoolExecutor(4) as threads:
            read_by = threads.map(lambda device: list(read(store, device)), "abcd")
            assert [len(entries) for entries in read_by] == [31] * 4
        assert mixed_up == []


class TestAFailure:
    @pytest.fixture(autouse=True)
    def _at_once(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(cosmos_errors, "_PAUSES", (0.01, 0.01))

    def test_that_passes_is_tried_again_when_the_container_is_opened(self, account):
        account.account_statuses = [503, 200]
        assert len(list(read(account.store(), "d"))) == 1

    @pytest.mark.parametrize(
        ("path", "answered"),
        [
            *(("/", each) for each in ("", "null", "[]", "7")),
            *(("/dbs/twin/colls/hot-telemetry/", each) for each in ("", "null", "[]", "7", "{}")),
            ("/dbs/twin/colls/hot-telemetry/", '{"partitionKey":null}'),
            ("/dbs/twin/colls/hot-telemetry/", '{"partitionKey":{"paths":7}}'),
        ],
    )
    def test_by_a_description_of_another_shape_is_worth_a_retry(self, account, path, answered):
        account.descriptions = {path: answered}
        with pytest.raises(StoreUnavailableError, match="the SDK can read"):
            list(read(account.store(), "d"))

    def test_by_too_many_requests_is_passed_on_at_once_with_the_wait_that_is_asked_for(
        self, account, monkeypatch
    ):
        def sleep(seconds: float) -> None:
            raise AssertionError(f"slept for {seconds} s")

        monkeypatch.setattr("time.sleep", sleep)
        account.answers = [failed(429, **{"x-ms-retry-after-ms": "27001"})]
        with pytest.raises(StoreUnavailableError, match="throttled") as told:
            list(read(account.store(), "d"))
        assert (len(account.queries), told.value.retry_after) == (1, 28)

    @pytest.mark.parametrize(
        ("status", "message", "cures"),
        [
            (400, "what Cosmos DB says", ["DEVICE_ID_ATTRIBUTE", "TIMESTAMP_ATTRIBUTE"]),
            (
                400,
                "The index path corresponding to the specified order-by item is excluded.",
                ['Include the path /"timestamp"/? in the container\'s indexing policy'],
            ),
            (401, "what Cosmos DB says", ["Check COSMOS_KEY"]),
            (401, "Local Authorization is disabled. Use an AAD token", ["Leave out COSMOS_KEY"]),
            (
                403,
                "principal [1] does not have required RBAC permissions",
                ["Built-in Data Reader"],
            ),
            (403, "what Cosmos DB says", ["Built-in Data Reader", "COSMOS_KEY", "firewall"]),
            (
                404,
                "what Cosmos DB says",
                ["COSMOS_ENDPOINT", "COSMOS_DATABASE", "COSMOS_CONTAINER"],
            ),
        ],
    )
    def test_that_waiting_doesnt_cure_says_what_does_and_nothing_else(
        self, account, status, message, cures
    ):
        account.answers = [failed(status, message)]
        with pytest.raises(HotStoreError, match=f"status {status}") as told:
            list(read(account.store(), "d"))
        _, cure = str(told.value).rsplit(message, 1)
        assert all(each in cure for each in cures)
        assert ("indexing policy" in cure) == ("index" in message)
        assert ("COSMOS_CONTAINER" in cure) == (status == 404)
        assert ("COSMOS_KEY" in cure) == (status in (401, 403) and "RBAC" not in message)
        assert ("firewall" in cure) == (status == 403 and "RBAC" not in message)
        assert KEY not in str(told.value)
        assert len(account.queries) == 1

    @pytest.mark.parametrize("status", [401, 403])
    def test_of_the_account_names_the_settings(self, account, status):
        account.account_statuses = [status]
        with pytest.raises(HotStoreError, match="COSMOS_KEY"):
            list(read(account.store(), "d"))

    def test_to_connect_is_worth_a_retry(self, account):
        with socket.socket() as taken:  # nobody listens there, and nobody else can begin to
            taken.bind(("127.0.0.1", 0))
            store = account.store(endpoint=f"http://127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(StoreUnavailableError, match="can't be reached") as told:
                list(read(store, "d"))
        assert KEY not in str(told.value)

    def test_to_find_an_identity_says_how_to_give_one(self, local, monkeypatch):
        class Nobody:
            def get_token(self, *_: object, **__: object) -> None:
                raise ClientAuthenticationError("nobody is signed in")

        monkeypatch.setattr(cosmos, "_identity", Nobody)
        settings = CosmosSettings(local.endpoint, "twin", "hot-telemetry", None)
        with pytest.raises(HotStoreError, match=r"nobody is signed in\. Give .* managed identity"):
            list(read(cosmos.connect(settings, entries_settings()), "d"))


def test_half_of_a_surrogate_pair_leaves_out_its_value_only(account):
    halves = ["a", "\ud800", "b", {"\udc00": 1}]
    rows = [[at(each), f"\ud800{each}", value] for each, value in enumerate(halves)]
    account.answers = [Response(json.dumps({"Documents": rows[count:]})) for count in (3, 0)]
    reader = HotReader(account.store(), Iso8601Format(), page_bytes=100_000)
    asked = {"iot_device_id": "d", "selected_properties": ["n"]}
    newest = reader.last_entry(wire_contract.last_entry_query(asked))
    assert (newest.values, newest.flaws.unrepresentable_values) == ({}, 1)
    asked |= {"start_time": at(0), "end_time": at(9)}
    for page_size, contents in ((2, ["a", "b"]), (1, ["a"])):
        query = wire_contract.history_query(asked | {"max_results": page_size})
        page = reader.history(query)
        assert page.values["n"].contents == contents
        answer = HistoryAnswer(query, page)
        assert json.loads(answer.to_json()) == answer.document
    assert answer.flaws.unrepresentable_values == 1


def test_nothing_is_sent_before_the_first_read(httpserver):
    account = Account(httpserver)
    read(account.store(), "d")
    assert httpserver.log == []


def test_a_certificate_is_only_trusted_unseen_on_this_machine(monkeypatch):
    made: list[dict[str, Any]] = []

    def client(*_: object, **options: Any) -> None:
        made.append(options)
        raise ClientAuthenticationError("enough")

    monkeypatch.setattr(cosmos, "CosmosClient", client)
    for host in ("localhost", "127.0.0.1", "[::1]", "twin.documents.azure.com", "127.0.0.1.nip.io"):
        settings = CosmosSettings(f"https://{host}:8081", "d", "c", KEY)
        with pytest.raises(HotStoreError):
            list(read(cosmos.connect(settings, entries_settings()), "d"))
    verified = [options["connection_verify"] for options in made]
    assert verified == [False, False, False, True, True]
    assert [options["enable_endpoint_discovery"] for options in made] == verified
