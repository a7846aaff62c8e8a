"""The Firestore store: what it sends, what it makes of each answer, and what it survives."""

from __future__ import annotations

import itertools
import json
import math
import socket
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from google.cloud.firestore import GeoPoint
from google.cloud.firestore_v1.field_path import parse_field_path

from chalicelib.contracts.wire_contract import history_query, last_entry_query
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.errors import ConfigurationError, HotStoreError, StoreUnavailableError
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.timestamps import EpochMillisecondsFormat, Iso8601Format
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.stores.firestore import store as firestore
from chalicelib.stores.firestore.store import FirestoreHotStore
from local_cloud.gcp.firestore import LocalFirestore
from tests.conformance.asking import END, START, DirectAsker, count, pages, times
from tests.firestore_client import client_of
from tests.firestore_server import PROJECT, FirestoreServer, Page, database_at

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.model.entries import StoredEntry
    from chalicelib.stores.firestore.transport import FirestoreDatabase

WEIRD_NAMES = [
    "a.b",
    "a`b",
    "a\\",
    "\\`",
    "`",
    "é x",
    "x\n",
    "1st",
    "__proto",
    "constructor",
    "a/b[]",
]
_NUMBERS = itertools.count()


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firestore, "_LONGEST_PAUSE", 0)


def store_at(client: Any, collection: str = "telemetry", **attributes: str) -> FirestoreHotStore:
    names = {"device_id_attribute": "device_id", "timestamp_attribute": "timestamp"}
    return FirestoreHotStore(client, collection=collection, **names | attributes)


def read(store: FirestoreHotStore, **changes: Any) -> Iterator[StoredEntry]:
    asked: dict[str, Any] = {"lower": None, "upper": None, "descending": False, "limit": None}
    asked = asked | {"properties": ["n"]} | changes
    asked["properties"] = {name: [(name,)] for name in asked["properties"]}
    device_id = asked.pop("device_id", "sensor")
    return store.read(device_id, asked.pop("lower"), asked.pop("upper"), **asked)


def documents(*numbers: int) -> dict[str, dict[str, Any]]:
    return {f"d{number}": {"timestamp": f"{number:04}", "n": number} for number in numbers}


def read_from(*given: Page, **changes: Any) -> tuple[list[str], FirestoreServer]:
    """Read everything that a server has; return the documents' ids, and the server."""
    with FirestoreServer(*given) as server:
        return [entry.identity for entry in read(store_at(server.database()), **changes)], server


class TestAQuery:
    def test_asks_for_a_device_within_a_range_in_order_and_for_wanted_fields_only(self):
        _, server = read_from(Page(), lower="a", upper="b", properties=["n", "m"], limit=7)
        (query,) = server.queries
        asked = [
            (each.field_filter.field.field_path, each.field_filter.op.name, each.field_filter.value)
            for each in query.where.composite_filter.filters
        ]
        assert [(path, op, value.string_value) for path, op, value in asked] == [
            ("device_id", "EQUAL", "sensor"),
            ("timestamp", "GREATER_THAN_OR_EQUAL", "a"),
            ("timestamp", "LESS_THAN_OR_EQUAL", "b"),
        ]
        assert [each.field.field_path for each in query.order_by] == ["timestamp", "__name__"]
        assert {each.direction.name for each in query.order_by} == {"ASCENDING"}
        assert [each.field_path for each in query.select.fields] == ["m", "n", "timestamp"]
        assert query.limit == 7
        assert [each.collection_id for each in query.from_] == ["telemetry"]

    def test_in_descending_order_is_exactly_the_reverse(self):
        _, server = read_from(Page(), descending=True)
        directions = [each.direction.name for each in server.queries[0].order_by]
        assert directions == ["DESCENDING", "DESCENDING"]

    def test_without_bounds_filters_by_device_only(self):
        _, server = read_from(Page())
        (one,) = server.queries[0].where.composite_filter.filters
        assert one.field_filter.field.field_path == "device_id"

    def test_of_numbers_sends_integers(self):
        _, server = read_from(Page(), lower=Decimal(1_769_792_400_000), upper=Decimal(2))
        _, lower, upper = server.queries[0].where.composite_filter.filters
        assert lower.field_filter.value.integer_value == 1_769_792_400_000
        assert upper.field_filter.value.integer_value == 2

    def test_quotes_every_name_so_that_it_means_itself(self):
        with FirestoreServer(Page()) as server:
            names = {"device_id_attribute": "device.id", "timestamp_attribute": "t`s"}
            assert list(read(store_at(server.database(), **names), properties=WEIRD_NAMES)) == []
        (query,) = server.queries
        selected = [parse_field_path(each.field_path) for each in query.select.fields]
        assert sorted(selected) == sorted([[name] for name in [*WEIRD_NAMES, "t`s"]])
        (one,) = query.where.composite_filter.filters
        assert one.field_filter.field.field_path == "`device.id`"
        assert query.order_by[0].field.field_path == "`t\\`s`"

    @pytest.mark.parametrize("name", ["", "__x__", "____", "__\n__", "x" * 1_501, "é" * 751])
    def test_does_not_ask_for_a_field_that_no_document_can_have(self, name):
        _, server = read_from(Page(), properties=[name, "n"])
        assert [each.field_path for each in server.queries[0].select.fields] == ["n", "timestamp"]

    def test_reads_a_collection_below_a_document(self):
        with FirestoreServer(Page()) as server:
            assert list(read(store_at(server.database(), "twins/t1/telemetry"))) == []
        assert server.queries[0].from_[0].collection_id == "telemetry"
        assert server.parents[0].endswith("/documents/twins/t1")


class TestPages:
    def test_are_followed_from_the_last_position_until_one_is_not_full(self):
        found, server = read_from(Page(documents(1, 2)), Page(documents(3)), limit=2)
        assert found == ["d1", "d2", "d3"]
        first, second = server.queries
        assert not first.start_at.values
        key, reference = second.start_at.values
        assert key.string_value == "0002"
        assert reference.reference_value.endswith("/telemetry/d2")
        assert not second.start_at.before

    def test_are_not_asked_for_before_they_are_needed(self):
        with FirestoreServer(Page(documents(1, 2)), Page(documents(3))) as server:
            entries = read(store_at(server.database()), limit=2)
            assert [entry.identity for entry in itertools.islice(entries, 2)] == ["d1", "d2"]
            assert len(server.queries) == 1
            assert next(entries).identity == "d3"
            assert len(server.queries) == 2

    def test_grow_and_then_do_not(self, monkeypatch):
        monkeypatch.setattr(firestore, "_LARGEST_PAGE", 10)
        ends = itertools.pairwise((0, 2, 10, 20, 30))
        full = [Page(documents(*range(first, last))) for first, last in ends]
        _, server = read_from(*full, Page(), limit=2)
        assert [query.limit for query in server.queries] == [2, 8, 10, 10, 10]

    @pytest.mark.parametrize(("hint", "size"), [(None, 300), (1_000_000, 1_000)])
    def test_are_of_a_sensible_size_without_a_sensible_hint(self, hint, size):
        _, server = read_from(Page(), limit=hint)
        assert server.queries[0].limit == size


class TestAFailure:
    @pytest.mark.parametrize(
        ("code", "message", "cure"),
        [
            (
                "FAILED_PRECONDITION",
                "The Cloud Firestore API is not available for Firestore in Datastore Mode database x.",
                "Set FIRESTORE_DATABASE to one that is",
            ),
            (
                "FAILED_PRECONDITION",
                "The query requires an index. That index is currently building and cannot be used yet.",
                "once the index is built",
            ),
            (
                "FAILED_PRECONDITION",
                "what Google says",
                "Check FIRESTORE_COLLECTION, DEVICE_ID_ATTRIBUTE",
            ),
            (
                "PERMISSION_DENIED",
                "Missing or insufficient permissions.",
                "roles/datastore.viewer in FIRESTORE_PROJECT (wire)",
            ),
            (
                "PERMISSION_DENIED",
                "Cloud Firestore API has not been used in project 1 before or it is disabled.",
                "gcloud services enable firestore.googleapis.com --project='wire'",
            ),
            ("UNAUTHENTICATED", "what Google says", "Check the credentials"),
            (
                "NOT_FOUND",
                "The database (default) does not exist for project wire",
                "Check FIRESTORE_PROJECT and FIRESTORE_DATABASE",
            ),
            (
                "INVALID_ARGUMENT",
                "what Google says",
                "Check FIRESTORE_COLLECTION, DEVICE_ID_ATTRIBUTE",
            ),
            (
                "UNIMPLEMENTED",
                "what Google says",
                "Check FIRESTORE_COLLECTION, DEVICE_ID_ATTRIBUTE",
            ),
        ],
    )
    def test_of_the_set_up_says_what_cures_it(self, code, message, cure):
        with pytest.raises(HotStoreError) as raised:
            read_from(Page(failure=code, message=message))
        refusal, advice = str(raised.value).split(message)
        assert "the collection 'telemetry'" in refusal
        assert cure in advice
        assert "indexes composite create" not in advice

    def test_of_a_missing_index_says_how_to_create_both(self):
        failed = Page(failure="FAILED_PRECONDITION", message="The query requires an index.")
        with pytest.raises(HotStoreError, match="requires an index") as raised:
            read_from(failed)
        *_, ascending, descending = str(raised.value).splitlines()
        assert ascending == (
            "gcloud firestore indexes composite create --project='wire' --database='(default)' "
            "--collection-group='telemetry' --query-scope=COLLECTION "
            "--field-config=field-path='device_id',order=ascending "
            "--field-config=field-path='timestamp',order=ascending"
        )
        assert descending == ascending.removesuffix("ascending") + "descending"

    def test_in_the_middle_of_a_page_neither_loses_nor_repeats_anything(self):
        broken = Page(documents(1, 2), failure="UNAVAILABLE")
        found, server = read_from(broken, Page(documents(3)))
        assert found == ["d1", "d2", "d3"]
        assert server.queries[1].start_at.values[0].string_value == "0002"

    def test_after_a_page_without_documents_so_far_starts_it_again(self):
        broken = Page(progress=True, failure="UNAVAILABLE")
        found, server = read_from(broken, Page(documents(1)))
        assert found == ["d1"]
        assert not server.queries[1].start_at.values

    def test_counts_from_the_last_document(self):
        failed, broken = Page(failure="UNAVAILABLE"), Page(documents(1), "UNAVAILABLE")
        found, server = read_from(failed, failed, broken, failed, Page(documents(2)))
        assert (found, len(server.queries)) == (["d1", "d2"], 5)

    def test_to_go_on_is_noticed(self):
        with pytest.raises(StoreUnavailableError, match="the same page again"):
            read_from(Page(documents(1)), limit=1)

    def test_to_connect_is_worth_another_try_later(self):
        with socket.socket() as taken:
            taken.bind(("127.0.0.1", 0))
            database = database_at(f"127.0.0.1:{taken.getsockname()[1]}")
            with pytest.raises(StoreUnavailableError):
                list(read(store_at(database)))


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalFirestore]:
    log = tmp_path_factory.mktemp("firestore") / "log"
    with LocalFirestore(log, project=PROJECT) as local:
        yield local


@pytest.fixture(scope="module")
def database(local: LocalFirestore) -> FirestoreDatabase:
    return database_at(local.host)


@pytest.fixture
def collection(local: LocalFirestore) -> Any:
    """A collection of the test's own, by Google's client."""
    return client_of(local).collection(f"c{next(_NUMBERS)}")


def put(collection: Any, *each: dict[str, Any], device_id: str = "sensor") -> None:
    for number, fields in enumerate(each):
        collection.document(f"d{number:02}").set({"device_id": device_id, **fields})


class TestEntries:
    def test_carry_what_was_stored_under_any_name(self, database, collection):
        put(collection, {"timestamp": "1", **dict.fromkeys(WEIRD_NAMES, 5), "unwanted": 1})
        (entry,) = read(store_at(database, collection.id), properties=[*WEIRD_NAMES, "missing"])
        assert entry.values == dict.fromkeys(WEIRD_NAMES, 5)

    def test_carry_plain_values_and_nulls(self, database, collection):
        stored = {"big": 2**63 - 1, "double": 21.5, "null": None, "map": {"a.b": [1, {"c": None}]}}
        put(collection, {"timestamp": "1", **stored})
        (entry,) = read(store_at(database, collection.id), properties=list(stored))
        assert entry.values == stored

    def test_of_numbers_have_decimal_keys_in_numeric_order(self, database, collection):
        put(collection, *({"timestamp": each} for each in (10, 9.5, 2**63 - 1, 9, -1)))
        keys = [entry.key for entry in read(store_at(database, collection.id))]
        assert keys == [Decimal(-1), Decimal(9), Decimal("9.5"), Decimal(10), Decimal(2**63 - 1)]

    @pytest.mark.parametrize("descending", [False, True])
    def test_of_one_key_come_in_the_order_of_their_identities(
        self, database, collection, descending
    ):
        ids = ["Z", "a", "b", "é", "\uffff", "\U0001f321"]
        for each in reversed(ids):
            collection.document(each).set({"device_id": "sensor", "timestamp": "1"})
        found = read(store_at(database, collection.id), descending=descending, limit=2)
        assert [entry.identity for entry in found] == (ids[::-1] if descending else ids)

    @pytest.mark.parametrize("order", ["ASCENDING", "DESCENDING"])
    @pytest.mark.parametrize("size", [1, 2, 5, None])
    def test_of_one_key_are_paged_without_gap_or_repeat(self, database, collection, order, size):
        put(collection, *({"timestamp": "2026-01-30T17:00:00Z", "n": n} for n in range(25)))
        reader = HotReader(
            store_at(database, collection.id), Iso8601Format(), page_bytes=LARGEST_PAYLOAD
        )
        answer = pages(DirectAsker(reader), "sensor", ["n"], order_by_time=order, max_results=size)
        found = [
            value["value"]["integerValue"]
            for one in answer
            for value in one["propertyValues"][0]["values"]
        ]
        assert found == sorted(range(25), reverse=order == "DESCENDING")
        assert {count(one) for one in answer[:-1]} <= {size}

    def test_without_a_timestamp_are_not_there(self, database, collection):
        put(collection, {"n": 1}, {"timestamp": "1"})
        assert [entry.identity for entry in read(store_at(database, collection.id))] == ["d01"]

    @pytest.mark.parametrize(
        ("value", "declared"),
        [
            *itertools.product([math.nan, math.inf], [None, "DOUBLE", "INTEGER", "MAP"]),
            *itertools.product(
                [b"bytes", GeoPoint(1, 2), datetime(2026, 1, 30, tzinfo=UTC)],
                [None, "DOUBLE", "STRING", "MAP"],
            ),
        ],
    )
    def test_with_what_has_no_data_value_are_counted(self, database, collection, value, declared):
        put(collection, {"timestamp": "2026-01-30T17:00:00Z", "n": value})
        reader = HotReader(
            store_at(database, collection.id), Iso8601Format(), page_bytes=LARGEST_PAYLOAD
        )
        found = reader.history(
            history_query(
                {
                    "iot_device_id": "sensor",
                    "selected_properties": ["n"],
                    "property_types": {"n": declared} if declared else {},
                    "start_time": START,
                    "end_time": END,
                }
            )
        )
        assert (found.count, found.flaws.unrepresentable_values) == (0, 1)

    @pytest.mark.parametrize(
        "timestamps",
        [Iso8601Format(), EpochMillisecondsFormat(as_text=False)],
        ids=["text", "number"],
    )
    def test_with_timestamps_of_another_kind_are_counted(self, database, collection, timestamps):
        right = (
            "2026-01-30T17:00:00Z" if isinstance(timestamps, Iso8601Format) else 1_769_792_400_000
        )
        wrong = [
            datetime(2026, 1, 30, 17, tzinfo=UTC),
            None,
            True,
            math.nan,
            12.5,
            b"bytes",
            collection.document("d"),
        ]
        put(collection, *({"timestamp": each, "n": 1} for each in [*wrong, right]))
        reader = HotReader(
            store_at(database, collection.id), timestamps, page_bytes=LARGEST_PAYLOAD
        )
        query = {"iot_device_id": "sensor", "selected_properties": ["n"]}
        found = reader.last_entry(last_entry_query(query))
        assert list(found.values) == ["n"]
        # Only those that come before the newest in descending order of kinds were met.
        assert 0 < found.flaws.unreadable_timestamps <= len(wrong)
        assert times(pages(DirectAsker(reader), "sensor", ["n"]), "n")[0].startswith(
            "2026-01-30T17:00:00"
        )

    @pytest.mark.parametrize(
        "timestamps",
        [Iso8601Format(), EpochMillisecondsFormat(as_text=False)],
        ids=["text", "number"],
    )
    def test_with_firestores_own_timestamps_name_the_setting_that_reads_them(
        self, database, collection, timestamps
    ):
        put(collection, {"timestamp": datetime(2026, 1, 30, 17, tzinfo=UTC), "n": 1})
        store = store_at(database, collection.id)
        query = last_entry_query({"iot_device_id": "sensor", "selected_properties": ["n"]})
        found = HotReader(store, timestamps, page_bytes=LARGEST_PAYLOAD).last_entry(query)
        (example,) = found.flaws.examples
        assert "2026-01-30T17:00:00Z is not" in example
        assert "set TIMESTAMP_FORMAT=native" in example

    @pytest.mark.parametrize("year", [1, 1969, 2026, 9999])
    def test_with_firestores_own_timestamps_are_exact_in_every_year(
        self, database, collection, year
    ):
        last = datetime(year, 12, 31, 23, 59, 59, 999_999, tzinfo=UTC)
        put(collection, *({"timestamp": last - timedelta(microseconds=each)} for each in (2, 1, 0)))
        store = store_at(database, collection.id)
        entries = list(read(store, limit=1))  # each page goes on from the one before
        assert [str(each.key)[-8:] for each in entries] == [".999997Z", ".999998Z", ".999999Z"]
        middle = entries[1].key
        assert list(read(store, lower=middle, upper=middle)) == entries[1:2]

    @pytest.mark.parametrize("number", [17, 17.5, 2**63 - 1, 10.0**30])
    def test_may_be_those_of_a_device_whose_id_is_a_number(self, database, collection, number):
        put(collection, {"timestamp": "1"}, device_id=str(number))
        collection.document("of the number").set({"device_id": number, "timestamp": "1"})
        (entry,) = read(store_at(database, collection.id), device_id=Decimal(number))
        assert entry.identity == "of the number"

    def test_are_only_those_of_the_device(self, database, collection):
        put(collection, {"timestamp": "1"}, device_id="another")
        assert list(read(store_at(database, collection.id))) == []


class TestConnecting:
    ENTRIES = HotReaderSettings.load(
        {
            "DIGITAL_TWIN_INFO": json.dumps(
                {
                    "config": {"digital_twin_name": "twin"},
                    "config_providers": {"layer_3_hot_provider": "gcp", "layer_4_provider": "aws"},
                }
            )
        }
    )

    @pytest.fixture(autouse=True)
    def _nobody(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        """A machine that is not on Google Cloud, and where nobody has logged in."""
        for name in ("FIRESTORE_EMULATOR_HOST", "GOOGLE_CLOUD_PROJECT", "GCLOUD_PROJECT"):
            monkeypatch.delenv(name, raising=False)
        monkeypatch.setenv("NO_GCE_CHECK", "true")
        monkeypatch.setenv("CLOUDSDK_CONFIG", str(tmp_path))

    def connect(
        self,
        project: str | None = "p",
        collection: str = "telemetry",
        emulator: str | None = None,
    ) -> FirestoreHotStore:
        settings = FirestoreSettings(project, "(default)", collection, emulator)
        return firestore.connect(settings, self.ENTRIES)

    def test_without_credentials_says_how_to_get_them(self):
        with pytest.raises(ConfigurationError, match="gcloud auth application-default login"):
            self.connect()

    def test_without_a_project_names_the_variable(self, monkeypatch, tmp_path):
        someone = {"type": "authorized_user", "client_id": "i", "client_secret": "s"}
        (tmp_path / "someone.json").write_text(json.dumps(someone | {"refresh_token": "t"}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "someone.json"))
        monkeypatch.setenv("PATH", str(tmp_path))  # gcloud would be asked
        with pytest.raises(ConfigurationError, match="FIRESTORE_PROJECT is not set"):
            self.connect(project=None)

    @pytest.mark.parametrize("collection", ["twins/t1", "/", "telemetry/"])
    def test_to_no_collection_names_the_variable(self, collection):
        with pytest.raises(ConfigurationError, match="FIRESTORE_COLLECTION is"):
            self.connect(collection=collection, emulator="127.0.0.1:1")

    def test_sends_nothing_until_something_is_read(self):
        with FirestoreServer(Page()) as server:
            store = self.connect(emulator=server.host)
            assert server.queries == []
            assert list(read(store)) == []
            assert len(server.queries) == 1
