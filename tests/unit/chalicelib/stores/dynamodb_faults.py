"""Faults of DynamoDB."""

from __future__ import annotations

import json
import zlib
from functools import partial
from typing import TYPE_CHECKING, Any

from botocore.config import Config

from chalicelib.stores.dynamodb import store as dynamodb
from chalicelib.stores.dynamodb.pages import page_client
from tests.unit.chalicelib.faults import Matrix, Outcome, faults_of_http, faults_of_json
from tests.unit.chalicelib.servers import Act, Scripted, response
from tests.unit.chalicelib.stores.store_faults import SECRET, at, outcome_of

if TYPE_CHECKING:
    from chalicelib.stores.hot_store import BatchingHotStore


def store_at(server: Scripted, read_timeout: float = 5.0) -> BatchingHotStore:
    client = page_client(
        dynamodb.CLIENT.merge(Config(read_timeout=read_timeout)),
        endpoint_url=server.url.removesuffix("/hot-reader"),
        region_name="eu-central-1",
        aws_access_key_id="a",
        aws_secret_access_key=SECRET,
        aws_session_token=SECRET,
    )
    return dynamodb.DynamoDBHotStore(
        client,
        table_name="hot",
        device_id_attribute="device_id",
        timestamp_attribute="timestamp",
    )


def outcome(acts: tuple[Act, ...], patience: float) -> Outcome:
    return outcome_of(partial(store_at, read_timeout=patience), acts, patience)


def items(*numbers: int, more: str | None = None) -> bytes:
    """Answer as DynamoDB does."""
    found = [{"timestamp": {"S": at(each)}, "n": {"N": str(each)}} for each in numbers]
    page: dict[str, Any] = {"Items": found}
    if more:
        page["LastEvaluatedKey"] = {"device_id": {"S": "d"}, "timestamp": {"S": more}}
    return dynamodb_answer(json.dumps(page))


def dynamodb_answer(content: str, checksum: int | None = None) -> bytes:
    body = content.encode()
    checksum = zlib.crc32(body) if checksum is None else checksum
    return response(200, body, {"x-amz-crc32": str(checksum)})


def refused(status: int, code: str) -> bytes:
    document = {"__type": f"com.amazonaws.dynamodb.v20120810#{code}", "message": "no"}
    return response(status, json.dumps(document).encode())


def item(value: str) -> bytes:
    return dynamodb_answer(f'{{"Items":[{{"timestamp":{{"S":"{at(1)}"}},"n":{value}}}]}}')


MATRIX = Matrix(
    "faults-of-dynamodb",
    {
        **faults_of_http(items(1).partition(b"\r\n\r\n")[2]),
        **{
            f"{status} {code}": refused(status, code)
            for status, code in [
                (400, "ThrottlingException"),
                (400, "ProvisionedThroughputExceededException"),
                (400, "RequestLimitExceeded"),
                (408, "RequestTimeout"),
                (429, "TooManyRequests"),
                (500, "InternalServerError"),
                (503, "ServiceUnavailable"),
                (400, "ValidationException"),
                (400, "ResourceNotFoundException"),
                (400, "AccessDeniedException"),
                (400, "UnrecognizedClientException"),
                (400, "ExpiredTokenException"),
            ]
        },
        "400 with an error of a wrong type": response(400, b'{"__type":7,"message":null}'),
        **faults_of_json(),
        "a checksum of something else": dynamodb_answer(json.dumps({"Items": []}), 7),
        "items that aren't in a list": dynamodb_answer('{"Items":{}}'),
        "an item that is none": dynamodb_answer('{"Items":[null]}'),
        "an item without its key": dynamodb_answer('{"Items":[{"n":{"N":"1"}}]}'),
        "a number that is none": item('{"N":"one"}'),
        "a value of an unknown type": item('{"X":"1"}'),
        "a `LastEvaluatedKey` that is none": dynamodb_answer(
            '{"Items":[],"LastEvaluatedKey":{"timestamp":7}}'
        ),
        "a `LastEvaluatedKey` that stays the same": items(1, more=at(1)),
        "pages without end and without items": lambda number: items(more=at(number)),
    },
    items(2),
    outcome,
)
