"""Answers of Firestore that are late, cut off, or not what the reference says."""

from __future__ import annotations

import dataclasses
import json
from contextlib import nullcontext
from typing import TYPE_CHECKING, Any

import pytest
from google.auth.compute_engine import Credentials, _metadata
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import RefreshError, TransportError
from urllib3 import PoolManager

from chalicelib.connections.answer_time import with_bounded_answers
from chalicelib.contracts.wire_contract import history_query
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.errors import ConfigurationError, HotStoreError, StoreUnavailableError
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.query import LastEntryQuery
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.stores.firestore import store as firestore
from chalicelib.stores.firestore.store import FirestoreHotStore
from chalicelib.stores.firestore.transport import FirestoreDatabase, database_of
from tests.conformance.asking import END, START
from tests.firestore_server import FirestoreServer, Page, Raw
from tests.unit.chalicelib.servers import HANG, HOST, RESET, Scripted, response

if TYPE_CHECKING:
    from pathlib import Path

    from chalicelib.model.results import HistoryPage

KEY = "2026-01-30T17:00:00Z"
GOOD = Page({"d1": {"timestamp": KEY, "n": 1}})


@pytest.fixture(autouse=True)
def _no_pause(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(firestore, "_LONGEST_PAUSE", 0)


def database_at(server: Scripted) -> FirestoreDatabase:
    service = server.url.removesuffix("/hot-reader")
    return FirestoreDatabase(with_bounded_answers(PoolManager()), None, service, "p", "(default)")


def reader_of(database: FirestoreDatabase) -> HotReader:
    store = FirestoreHotStore(
        database,
        collection="telemetry",
        device_id_attribute="device_id",
        timestamp_attribute="timestamp",
    )
    return HotReader(store, Iso8601Format(), page_bytes=LARGEST_PAYLOAD)


def history_of(database: FirestoreDatabase) -> HistoryPage:
    asked = {"iot_device_id": "sensor", "selected_properties": ["n"]}
    query = history_query(asked | {"start_time": START, "end_time": END})
    return reader_of(database).history(query)


def answered(*answers: Page | Raw) -> tuple[HistoryPage, int]:
    """Read the history; return it, and how many queries it took."""
    with FirestoreServer(*answers) as server:
        return history_of(server.database()), len(server.queries)


def part(**values: Any) -> dict[str, Any]:
    """An entry's document, as it is streamed, with fields in the API's own spelling."""
    fields = {"timestamp": {"stringValue": KEY}, **values}
    return {"document": {"name": "projects/p/databases/d/documents/c/id", "fields": fields}}


def raw(*parts: Any, **more: Any) -> Raw:
    return Raw(json.dumps(parts).encode(), **more)


class TestAnAnswer:
    def test_may_be_compressed_and_in_chunks(self):
        page, queries = answered(raw(part(n={"integerValue": "1"}), compressed=True))
        assert (page.count, queries) == (1, 1)

    def test_with_an_error_in_the_middle_is_gone_on_from(self):
        second = Page({"d2": {"timestamp": "2026-01-30T17:00:01Z", "n": 2}})
        with FirestoreServer(dataclasses.replace(GOOD, failure="ABORTED"), second) as server:
            page = history_of(server.database())
        assert page.count == 2
        assert server.queries[1].start_at.values[0].string_value == KEY


class TestAValue:
    @pytest.mark.parametrize(
        "value",
        [
            {"bytesValue": "AA=="},
            {"geoPointValue": {"latitude": 1, "longitude": 2}},
            {"referenceValue": "projects/p/databases/d/documents/c/id"},
            {"timestampValue": "2026-01-30T17:00:00Z"},
            {"doubleValue": "NaN"},
            {"doubleValue": "-Infinity"},
            {"stringValue": "lone \ud800"},
            {"mapValue": {"fields": {"\udfff": {"booleanValue": True}}}},
            {"arrayValue": {"values": [{"bytesValue": "AA=="}]}},
            {"integerValue": "many"},
            {"stringValue": None},
            {"newValue": 1},
            {},
            5,
        ],
        ids=str,
    )
    def test_that_cannot_be_answered_is_counted_and_no_other_is_lost(self, value):
        page, queries = answered(raw(part(n=value), part(n={"stringValue": "x"})))
        assert (page.count, page.flaws.unrepresentable_values, queries) == (1, 1, 1)

    @pytest.mark.parametrize(
        ("stored", "kind", "content"),
        [
            ({"doubleValue": 4.5}, "doubleValue", 4.5),
            ({"integerValue": str(2**63 - 1)}, "longValue", 2**63 - 1),
            ({"booleanValue": False}, "booleanValue", False),
            ({"arrayValue": {}}, "listValue", []),
            ({"mapValue": {}}, "mapValue", {}),
        ],
        ids=str,
    )
    def test_is_that_of_its_type(self, stored, kind, content):
        page, _ = answered(raw(part(n=stored)))
        assert (page.values["n"].kinds, page.values["n"].contents) == ([kind], [content])


@pytest.mark.parametrize("first", ["too large", "too late"])
def test_a_page_that_is_too_much_is_asked_for_in_smaller_parts(first, monkeypatch):
    good, large = (raw(part(n={"stringValue": "x" * size})) for size in (9, 8_000_000))
    if first == "too late":
        monkeypatch.setattr(firestore, "_PAGE_SECONDS", 1.0)
    act = HANG if first == "too late" else response(200, large.content)
    with Scripted(act, response(200, good.content)) as server:
        assert history_of(database_at(server)).count == 1
    asked = [request.document["structuredQuery"]["limit"] for request in server.requests]
    assert asked == [300, 75]


HALF = {"stringValue": "\ud800"}
OTHERS = [{"nullValue": None}, {"booleanValue": True}, {"integerValue": "5"}, HALF]


@pytest.mark.parametrize("others", [OTHERS, OTHERS[::-1]])
def test_sort_keys_of_several_types_are_left_out_and_counted(others):
    page, _ = answered(raw(*(part(timestamp=key) for key in others), part(n={"doubleValue": 1})))
    assert (page.count, page.flaws.unreadable_timestamps) == (1, 4)


def test_a_page_that_ends_at_half_of_a_surrogate_pair_is_gone_on_from():
    first = raw(part(timestamp=HALF), part(timestamp=HALF))
    answers = [response(200, each.content) for each in (first, raw(part(n={"doubleValue": 1})))]
    with Scripted(*answers) as server:
        found = reader_of(database_at(server)).last_entry(
            LastEntryQuery(device_id="sensor", selected_properties=("n",))
        )
    assert found.values == {"n": {"integerValue": 1}}
    assert server.requests[1].document["structuredQuery"]["startAt"]["values"][0] == HALF


@pytest.mark.parametrize(
    ("error", "expected", "cure"),
    [
        (TransportError("no metadata server"), StoreUnavailableError, "unavailable"),
        (RefreshError("revoked"), HotStoreError, "Check the credentials"),
        (RefreshError("busy", retryable=True), StoreUnavailableError, "unavailable"),
    ],
    ids=str,
)
def test_credentials_that_fail_are_named(error, expected, cure):
    class Failing(AnonymousCredentials):
        def before_request(self, *_: Any) -> None:
            raise error

    database = FirestoreDatabase(PoolManager(), Failing(), "http://127.0.0.1:1", "p", "(default)")
    with pytest.raises(expected, match=cure):
        history_of(database)


@pytest.mark.parametrize("act", [RESET, response(503), response(408)], ids=["reset", "503", "408"])
def test_google_clouds_metadata_server_without_a_token_for_now_is_unavailable(act, monkeypatch):
    with Scripted(act) as server:
        monkeypatch.setattr(_metadata, "_GCE_METADATA_HOST", f"{HOST}:{server.port}")
        database = FirestoreDatabase(PoolManager(), Credentials(), server.url, "p", "(default)")
        with pytest.raises(StoreUnavailableError, match="there is no token"):
            history_of(database)
    assert len(server.requests) == 3


@pytest.mark.parametrize(("good", "failure"), [("new", None), ("none", "Check the credentials")])
def test_a_token_that_the_service_does_not_take_is_renewed_once(good, failure):
    class Renewed(AnonymousCredentials):
        def __init__(self) -> None:
            super().__init__()
            self.token = "old"

        def apply(self, headers: Any, token: Any = None) -> None:
            headers["Authorization"] = f"Bearer {self.token}"

        def before_request(self, _request: Any, _method: str, _url: str, headers: Any) -> None:
            self.apply(headers)

        def refresh(self, request: Any) -> None:
            self.token = "new"

    with FirestoreServer(GOOD, accepts=good) as server:
        database = FirestoreDatabase(
            PoolManager(), Renewed(), f"http://{server.host}", "p", "(default)"
        )
        with pytest.raises(HotStoreError, match=failure) if failure else nullcontext():
            assert history_of(database).count == 1
    assert server.tokens == ["old", "new"]


class TestConnections:
    @pytest.fixture(autouse=True)
    def _someone(self, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
        for name in (
            "https_proxy",
            "HTTPS_PROXY",
            "all_proxy",
            "ALL_PROXY",
            "no_proxy",
            "NO_PROXY",
        ):
            monkeypatch.delenv(name, raising=False)
        someone = {"type": "authorized_user", "client_id": "i", "client_secret": "s"}
        (tmp_path / "someone.json").write_text(json.dumps(someone | {"refresh_token": "t"}))
        monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "someone.json"))

    def pool(self) -> PoolManager:
        return database_of(FirestoreSettings("p", "(default)", "telemetry")).pool

    def test_pass_the_environments_proxy(self, monkeypatch):
        monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:3128")
        assert str(self.pool().proxy) == "http://127.0.0.1:3128"
        monkeypatch.setenv("NO_PROXY", "googleapis.com")
        assert self.pool().proxy is None

    def test_trust_the_environments_certificates(self, monkeypatch):
        assert self.pool().connection_pool_kw["ssl_context"].get_ca_certs()
        monkeypatch.setenv("REQUESTS_CA_BUNDLE", "/nowhere.pem")
        with pytest.raises(ConfigurationError, match=r"REQUESTS_CA_BUNDLE .*/nowhere\.pem"):
            self.pool()
