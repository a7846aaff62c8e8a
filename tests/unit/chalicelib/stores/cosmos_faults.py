"""Faults of Cosmos DB."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.stores.cosmos import store as cosmos
from tests.unit.chalicelib.faults import Matrix, Outcome, faults_of_http, faults_of_json
from tests.unit.chalicelib.servers import Act, Received, Scripted, response
from tests.unit.chalicelib.stores.store_faults import SECRET, at, outcome_of

if TYPE_CHECKING:
    from chalicelib.stores.hot_store import BatchingHotStore


TWIN = {
    "config": {"digital_twin_name": "my-twin"},
    "config_providers": {"layer_3_hot_provider": "azure", "layer_4_provider": "aws"},
}


def store_at(server: Scripted) -> BatchingHotStore:
    account = CosmosSettings(
        server.url.removesuffix("/hot-reader"), "twin", "hot-telemetry", SECRET
    )
    return cosmos.connect(account, HotReaderSettings.load({"DIGITAL_TWIN_INFO": json.dumps(TWIN)}))


def outcome(acts: tuple[Act, ...], patience: float) -> Outcome:
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(cosmos._CLIENT, "read_timeout", patience)
        return outcome_of(store_at, acts, patience, described)


def described(request: Received) -> bytes | None:
    """Answer what the SDK asks before a query."""
    if request.line.startswith("POST"):
        return None
    if "/pkranges/" in request.line:
        # The SDK asks for what is new until there is nothing.
        ranges = [{"id": "0", "minInclusive": "", "maxExclusive": "FF"}]
        document = json.dumps({"PartitionKeyRanges": ranges}).encode()
        return response(304 if "if-none-match" in request.headers else 200, document, {"etag": "1"})
    account: dict[str, Any] = {"userConsistencyPolicy": {"defaultConsistencyLevel": "Eventual"}}
    account |= {"writableLocations": [], "readableLocations": []}
    container = {
        "_rid": "r",
        "_self": "x",
        "partitionKey": {"paths": ["/device_id"], "kind": "Hash"},
    }
    return response(200, json.dumps(container if "/colls/" in request.line else account).encode())


def rows(*numbers: int, more: str | None = None) -> bytes:
    """Answer as Cosmos DB does."""
    document = {"Documents": [[at(each), str(each), each] for each in numbers]}
    headers = {"x-ms-continuation": more} if more else {}
    return response(200, json.dumps(document, separators=(",", ":")).encode(), headers)


def failed(status: int, **headers: str) -> bytes:
    document = {"code": "Failed", "message": "no"}
    return response(status, json.dumps(document).encode(), headers)


def documents(content: str) -> bytes:
    return response(200, f'{{"Documents":{content}}}'.encode())


MATRIX = Matrix(
    "faults-of-cosmos",
    {
        **faults_of_http(rows(1).partition(b"\r\n\r\n")[2]),
        **{str(status): failed(status) for status in (400, 401, 403, 404, 408, 410)},
        **{
            name: failed(status, **{"x-ms-substatus": sub_status})
            for name, status, sub_status in [
                ("400 of a container that was made anew", 400, "1024"),
                ("403 of a region that is gone", 403, "1008"),
                ("404 of a replica that lags", 404, "1002"),
                ("410 of a partition that was split", 410, "1002"),
            ]
        },
        "429 that asks for 10 ms": failed(429, **{"x-ms-retry-after-ms": "10"}),
        "429 that asks for a minute": failed(429, **{"x-ms-retry-after-ms": "60000"}),
        **{str(status): failed(status) for status in (449, 500, 503)},
        **faults_of_json(),
        "documents that aren't in a list": documents("{}"),
        "a row that is none": documents("[null]"),
        "a row that is a document": documents('[{"timestamp":1,"id":2,"n":3}]'),
        "a row that is too short": documents(f'[["{at(1)}","1"]]'),
        "a continuation that stays the same": rows(1, more="on"),
        "pages without end and without documents": lambda number: rows(more=str(number)),
    },
    rows(2),
    outcome,
)
