"""The DynamoDB store: what it makes of a refusal, and how it reads an index."""

from __future__ import annotations

import json
from decimal import Decimal
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config
from werkzeug import Response

from chalicelib.model.errors import HotStoreError, StoreUnavailableError
from chalicelib.settings.dynamodb import DynamoDBSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.stores.dynamodb import store as dynamodb
from chalicelib.stores.dynamodb.index import DynamoDBIndexStore
from chalicelib.stores.dynamodb.pages import page_session
from chalicelib.stores.dynamodb.store import DynamoDBHotStore
from local_cloud.aws.dynalite import Dynalite

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from pytest_httpserver import HTTPServer

    from chalicelib.model.entries import StoredEntry
    from chalicelib.stores.hot_store import HotStore

VALIDATION = "com.amazon.coral.validate#ValidationException"
DYNAMODB = "com.amazonaws.dynamodb.v20120810#"
INVALID = "One or more parameter values were invalid: "


def queries_of(client: Any, table: str = "hot", index: str | None = None) -> DynamoDBHotStore:
    return DynamoDBHotStore(
        client,
        table_name=table,
        index_name=index,
        device_id_attribute="device_id",
        timestamp_attribute="timestamp",
    )


def read(store: HotStore, **changes: Any) -> list[StoredEntry]:
    asked: dict[str, Any] = {"lower": None, "upper": None, "descending": False, "limit": None}
    asked = asked | {"properties": ["n"]} | changes
    asked["properties"] = {name: [(name,)] for name in asked["properties"]}
    device_id = asked.pop("device_id", "sensor")
    return list(store.read(device_id, asked.pop("lower"), asked.pop("upper"), **asked))


@pytest.fixture
def answering(httpserver: HTTPServer) -> Callable[..., Any]:
    """Answer in DynamoDB's place; returns the client."""

    def client(content: str, status: int = 200) -> Any:
        httpserver.expect_request("/").respond_with_response(
            Response(content, status, content_type="application/x-amz-json-1.0")
        )
        return page_session().create_client(
            "dynamodb",
            endpoint_url=httpserver.url_for(""),
            region_name="eu-central-1",
            aws_access_key_id="a",
            aws_secret_access_key="s",
            config=Config(retries={"total_max_attempts": 1}),
        )

    return client


@pytest.fixture
def refused(answering: Callable[..., Any]) -> Callable[..., str]:
    """Refuse a read in DynamoDB's place, and return what the store says."""

    def reading(code: str, message: str, index: str | None = None) -> str:
        client = answering(json.dumps({"__type": code, "message": message}), 400)
        with pytest.raises(HotStoreError) as told:
            read(queries_of(client, index=index))
        assert message in str(told.value)
        return str(told.value)

    return reading


class TestARefusal:
    @pytest.mark.parametrize(
        ("code", "message", "cure"),
        [
            (
                DYNAMODB + "ResourceNotFoundException",
                "Requested resource not found",
                "Check DYNAMODB_TABLE_NAME",
            ),
            (
                DYNAMODB + "AccessDeniedException",
                "User: x is not authorized to perform: dynamodb:Query",
                "allow dynamodb:Query on table/hot.",
            ),
            (
                DYNAMODB + "AccessDeniedException",
                "KMS key access denied: x is not authorized to perform kms:Decrypt",
                "allow kms:Decrypt on the table's key",
            ),
            (
                "com.amazon.coral.service#UnrecognizedClientException",
                "The security token included in the request is invalid.",
                "Check the credentials",
            ),
            (
                "com.amazon.coral.service#InvalidSignatureException",
                "Signature expired: 20260130T170000Z is now earlier than 20260130T171000Z",
                "Set the clock",
            ),
            (
                VALIDATION,
                "Query condition missed key schema element: iotDeviceId",
                "DEVICE_ID_ATTRIBUTE must be the partition key and TIMESTAMP_ATTRIBUTE the sort key",
            ),
            (
                VALIDATION,
                INVALID + "Condition parameter type does not match schema type",
                "DEVICE_ID_TYPE must say how the partition key is stored, and TIMESTAMP_FORMAT",
            ),
        ],
    )
    def test_of_a_table_says_what_cures_it(self, refused, code, message, cure):
        told = refused(code, message)
        assert "the table 'hot'" in told
        assert cure in told

    @pytest.mark.parametrize(
        ("code", "message", "cure"),
        [
            (
                VALIDATION,
                "The table does not have the specified index: by-time",
                "Check DYNAMODB_INDEX_NAME",
            ),
            (
                VALIDATION,
                "Cannot read from backfilling global secondary index: by-time",
                "once its status is ACTIVE",
            ),
            (
                VALIDATION,
                INVALID + "Global secondary index by-time does not project [n]",
                "the projection ALL",
            ),
            (
                DYNAMODB + "AccessDeniedException",
                "x is not authorized",
                "on table/hot/index/by-time.",
            ),
        ],
    )
    def test_of_an_index_names_it(self, refused, code, message, cure):
        told = refused(code, message, index="by-time")
        assert "the index 'by-time' of the table 'hot'" in told
        assert cure in told


AT = '"timestamp":{"S":"2026-01-30T17:00:00Z"}'


@pytest.mark.parametrize(
    "answered",
    [
        '{"Items":["abc"]}',
        '{"Items":[null]}',
        '{"Items":[{}]}',
        '{"Items":[{"n":{"N":"1"}}]}',
        '{"Items":[{"timestamp":{}}]}',
        '{"Items":[{"timestamp":{"N":"one"}}]}',
        f'{{"Items":[{{{AT}}},{{"timestamp":{{"N":"1"}}}}]}}',
        f'{{"Items":[{{{AT},"n":{{}}}}]}}',
        f'{{"Items":[{{{AT},"n":{{"X":"1"}}}}]}}',
        f'{{"Items":[{{{AT},"n":{{"N":"1","S":"1"}}}}]}}',
        f'{{"Items":[{{{AT},"n":{{"N":"one"}}}}]}}',
        f'{{"Items":[{{{AT},"n":{{"N":null}}}}]}}',
        f'{{"Items":[{{{AT},"n":{{"L":7}}}}]}}',
        f'{{"Items":[{{{AT},"n":null}}]}}',
    ],
)
def test_an_answer_that_isnt_made_of_items_is_worth_another_try(answering, answered):
    with pytest.raises(StoreUnavailableError):
        read(queries_of(answering(answered)))


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with Dynalite(tmp_path_factory.mktemp("dynalite") / "log") as dynalite:
        client = dynalite.client(page_session())
        client.create_table(
            TableName="readings",
            KeySchema=[
                {"AttributeName": "device_id", "KeyType": "HASH"},
                {"AttributeName": "number", "KeyType": "RANGE"},
            ],
            AttributeDefinitions=[
                {"AttributeName": "device_id", "AttributeType": "S"},
                {"AttributeName": "number", "AttributeType": "N"},
                {"AttributeName": "timestamp", "AttributeType": "S"},
            ],
            LocalSecondaryIndexes=[
                {
                    "IndexName": "by-time",
                    "KeySchema": [
                        {"AttributeName": "device_id", "KeyType": "HASH"},
                        {"AttributeName": "timestamp", "KeyType": "RANGE"},
                    ],
                    "Projection": {"ProjectionType": "ALL"},
                }
            ],
            BillingMode="PAY_PER_REQUEST",
        )
        for number in range(4):
            item = {
                "device_id": {"S": "sensor"},
                "number": {"N": str(number)},
                "timestamp": {"S": f"2026-01-30T17:00:0{number // 2}Z"},
                "n": {"N": str(number)},
            }
            client.put_item(TableName="readings", Item=item)
        yield client


class TestAnIndex:
    def test_of_a_partition_tells_entries_of_one_instant_apart_by_the_tables_own_key(self, client):
        store = DynamoDBIndexStore(queries_of(client, "readings", "by-time"))
        found = {entry.identity: entry for entry in read(store)}
        assert {identity: entry.values["n"] for identity, entry in found.items()} == {
            f'["{number}"]': Decimal(number) for number in range(4)
        }
        backwards = read(store, descending=True, limit=1)
        assert {entry.identity: entry for entry in backwards} == found
        assert [str(entry.key)[-3:] for entry in backwards] == ["01Z", "01Z", "00Z", "00Z"]

    def test_is_asked_once_for_the_names_of_the_tables_own_key(self, client):
        store = DynamoDBIndexStore(queries_of(client, "readings", "by-time"))
        queries: list[Any] = []
        client.meta.events.register(
            "before-call.dynamodb.Query", lambda params, **_: queries.append(params)
        )
        for _ in range(3):
            read(store)
        limits = [json.loads(each["body"]).get("Limit") for each in queries]
        assert limits == [1, None, None, None]

    def test_is_read_if_the_settings_name_one(self, monkeypatch):
        monkeypatch.setenv("AWS_DEFAULT_REGION", "eu-central-1")
        providers = {"layer_3_hot_provider": "aws", "layer_4_provider": "aws"}
        info = {"config": {"digital_twin_name": "t"}, "config_providers": providers}
        environment = {"DYNAMODB_TABLE_NAME": "hot", "DIGITAL_TWIN_INFO": json.dumps(info)}
        entries = HotReaderSettings.load(environment)
        for name, kind in ((" ", DynamoDBHotStore), ("by-time", DynamoDBIndexStore)):
            settings = DynamoDBSettings.load(environment | {"DYNAMODB_INDEX_NAME": name})
            assert type(dynamodb.connect(settings, entries)) is kind

    def test_that_isnt_there_is_named(self, client):
        store = DynamoDBIndexStore(queries_of(client, "readings", "by-name"))
        with pytest.raises(HotStoreError, match=r"'by-name' of the table .* DYNAMODB_INDEX_NAME"):
            read(store)


@pytest.fixture(scope="module")
def numbered(client: Any) -> DynamoDBHotStore:
    client.create_table(
        TableName="numbered",
        KeySchema=[
            {"AttributeName": "device_id", "KeyType": "HASH"},
            {"AttributeName": "timestamp", "KeyType": "RANGE"},
        ],
        AttributeDefinitions=[
            {"AttributeName": "device_id", "AttributeType": "N"},
            {"AttributeName": "timestamp", "AttributeType": "S"},
        ],
        BillingMode="PAY_PER_REQUEST",
    )
    client.get_waiter("table_exists").wait(TableName="numbered", WaiterConfig={"Delay": 1})
    item = {"device_id": {"N": "17"}, "timestamp": {"S": "2026-01-30T17:00:00Z"}}
    client.put_item(TableName="numbered", Item=item)
    return queries_of(client, "numbered")


class TestANumericDeviceId:
    def test_is_found(self, numbered):
        assert len(read(numbered, device_id=Decimal(17))) == 1
        assert read(numbered, device_id=Decimal("17.5")) == []

    def test_that_is_asked_for_as_a_string_names_the_setting(self, numbered):
        with pytest.raises(HotStoreError, match="DEVICE_ID_TYPE must say"):
            read(numbered, device_id="17")
