"""The OpenAPI document: valid, true of the running service, and complete."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from chalicelib.contracts import wire_contract
from chalicelib.model.data_value import DATA_VALUE_TYPES, DataType
from chalicelib.model.errors import HotReaderError
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.property_filter import PropertyFilter
from chalicelib.model.query import AnyQuery, DevicesQuery, HistoryQuery, LastEntryQuery

from .contract import Pointer, the_contract
from .queries import HISTORY, LAST_ENTRY, history, payload_for
from .service import TOKEN_HEADER, Service

if TYPE_CHECKING:
    from collections.abc import Iterator

CONTRACT = the_contract()
SCHEMAS = CONTRACT.document["components"]["schemas"]


def error_classes() -> dict[str, int]:
    """Return the status of each error code that the code has."""

    def walk(kind: type[HotReaderError]) -> Iterator[type[HotReaderError]]:
        yield kind
        for each in kind.__subclasses__():
            yield from walk(each)

    return {kind.code: kind.status for kind in walk(HotReaderError)}


def examples(value: Any, pointer: Pointer = ()) -> Iterator[tuple[Pointer, Any]]:
    """Find every example in the document, with the place of the schema that it is for."""
    if isinstance(value, list):
        value = {str(number): each for number, each in enumerate(value)}
    if not isinstance(value, dict):
        return
    schema = (*pointer, "schema") if "schema" in value else pointer
    if "example" in value:
        yield schema, value["example"]
    found = value.get("examples", {})
    for each in found:
        yield schema, found[each]["value"] if isinstance(found, dict) else each
    for key, each in value.items():
        if key not in ("example", "examples"):
            yield from examples(each, (*pointer, key))


def request_examples() -> list[Any]:
    return [
        pytest.param(path, name, id=f"{path[1:]}-{name}")
        for path, methods in CONTRACT.document["paths"].items()
        for name in methods["post"]["requestBody"]["content"]["application/json"]["examples"]
    ]


def request_example(path: str, name: str) -> Any:
    body = CONTRACT.at(("paths", path, "post", "requestBody", "content", "application/json"))
    return body["examples"][name]["value"]


def answer_example(path: str, name: str) -> Any:
    response = CONTRACT.resolved(("paths", path, "post", "responses", "200"))
    return CONTRACT.at((*response, "content", "application/json", "examples", name, "value"))


def parameter_examples(path: str) -> dict[str, str]:
    """Spell the examples of a GET's parameters as the document says."""
    spelled = {}
    for number in range(len(CONTRACT.at(("paths", path, "get", "parameters")))):
        pointer = CONTRACT.resolved(("paths", path, "get", "parameters", str(number)))
        parameter = CONTRACT.at(pointer)
        described = (
            parameter["content"]["application/json"] if "content" in parameter else parameter
        )
        if "example" not in described:
            continue  # it would make another answer, or stand in another parameter's way
        if "content" in parameter:
            text = json.dumps(described["example"])
        elif isinstance(parameter["example"], list):
            text = ",".join(parameter["example"])
        else:
            text = str(parameter["example"])
        spelled[parameter["name"]] = text
    return spelled


def test_the_document_is_valid_openapi() -> None:
    assert [str(error) for error in OpenAPIV31SpecValidator(CONTRACT.document).iter_errors()] == []


@pytest.mark.parametrize(
    ("schema", "example"),
    [pytest.param(*each, id="/".join(each[0])) for each in examples(CONTRACT.document)],
)
def test_an_example_is_valid_by_its_own_schema(schema: Pointer, example: Any) -> None:
    assert CONTRACT.problem(example, schema) is None


@pytest.mark.parametrize(("path", "method"), CONTRACT.operations)
def test_every_documented_operation_answers(service: Service, path: str, method: str) -> None:
    sent: dict[str, Any] = {
        "GET": {"params": parameter_examples(path)},
        "POST": {"json": {"payload": payload_for(path)}},
    }
    assert service.request(method, path, **sent[method]).status_code == 200


@pytest.mark.parametrize(("path", "name"), request_examples())
def test_an_example_request_gets_the_example_answer(service: Service, path: str, name: str) -> None:
    answer = service.request("POST", path, json=request_example(path, name))

    assert answer.json() == answer_example(path, name)


@pytest.mark.parametrize(("path", "name"), [(HISTORY, "nextPage"), (LAST_ENTRY, "everything")])
def test_the_example_parameters_get_the_example_answer(
    service: Service, path: str, name: str
) -> None:
    assert service.get(path, parameter_examples(path)).json() == answer_example(path, name)


@pytest.mark.parametrize("path", CONTRACT.document["paths"])
@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"])
def test_a_method_that_isnt_documented_is_refused(service: Service, path: str, method: str) -> None:
    assert (path, method) not in CONTRACT.operations
    response = service.request(method, path)

    assert response.status_code == 405
    allowed = {each for at, each in CONTRACT.operations if at == path}
    assert set(response.headers["Allow"].split(", ")) == allowed


def test_the_documented_error_codes_are_those_of_the_code() -> None:
    assert set(SCHEMAS["ErrorCode"]["enum"]) == set(error_classes())


@pytest.mark.parametrize(("code", "status"), error_classes().items())
def test_an_error_code_is_documented_at_its_status(code: str, status: int) -> None:
    pointer = CONTRACT.resolved(("paths", HISTORY, "post", "responses", str(status)))
    schema = (*pointer, "content", "application/json", "schema")

    def accepted(each: str) -> bool:
        error = {"error": {"code": each, "message": "-"}, "trace_id": "-"}
        return CONTRACT.problem(error, schema) is None

    of_this_status = {each for each, its_status in error_classes().items() if its_status == status}
    assert {each for each in SCHEMAS["ErrorCode"]["enum"] if accepted(each)} == of_this_status
    assert code in of_this_status


def test_the_documented_types_are_those_of_the_code() -> None:
    assert set(SCHEMAS["TypeName"]["enum"]) == set(DATA_VALUE_TYPES.values())


def test_the_documented_kinds_of_value_are_those_of_the_code() -> None:
    assert set(SCHEMAS["DataValue"]["properties"]) == set(DATA_VALUE_TYPES)


def test_the_documented_header_is_the_one_that_is_read() -> None:
    scheme = CONTRACT.document["components"]["securitySchemes"]["interCloudToken"]
    assert scheme["name"] == wire_contract.TOKEN_HEADER == TOKEN_HEADER


def test_the_documented_limit_is_the_one_of_the_code() -> None:
    assert f"{LARGEST_PAYLOAD:,} bytes" in CONTRACT.document["info"]["description"]


@pytest.mark.parametrize("operator", SCHEMAS["PropertyFilter"]["properties"]["operator"]["enum"])
def test_every_documented_operator_works(service: Service, operator: str) -> None:
    condition = {"propertyName": "temperature", "operator": operator, "value": {"doubleValue": 1}}
    assert service.post(HISTORY, history(property_filters=[condition])).status_code == 200


SENT_QUERIES = {
    "HistoryEnvelope": HistoryQuery(
        device_id="pump-1",
        selected_properties=("pressure", "currents"),
        property_types={"currents": DataType("LIST", DataType("DOUBLE"))},
        entity_id="machine-1",
        component_name="pump",
        component_path="line-1/pump",
        external_id="alarm_key",
        start=0,
        end=1,
        filters=(PropertyFilter("pressure", ">", {"doubleValue": 1}),),
        descending=True,
        max_results=200,
        next_token="opaque",
        pages_ahead=24,
        interval=60_000_000_000,
    ),
    "LastEntryEnvelope": LastEntryQuery(
        device_id="pump-1",
        selected_properties=("pressure",),
        component_path="line-1/pump",
        external_id="alarm_key",
    ),
}


@pytest.mark.parametrize("schema", SENT_QUERIES)
def test_what_a_data_connector_sends_is_valid_by_the_document(schema: str) -> None:
    sent = sent_by_a_data_connector(SENT_QUERIES[schema])
    assert CONTRACT.problem(sent, ("components", "schemas", schema)) is None


@pytest.mark.parametrize("kind", ["History", "LastEntry"])
def test_every_key_that_a_data_connector_sends_is_documented(kind: str) -> None:
    sent = sent_by_a_data_connector(SENT_QUERIES[f"{kind}Envelope"])
    assert set(sent) == CONTRACT.keys_of(f"{kind}Envelope")
    assert set(sent["payload"]) == CONTRACT.keys_of(f"{kind}Payload") - {"iot_device_ids"}


def test_what_a_data_connector_sends_for_several_devices_is_documented() -> None:
    query = SENT_QUERIES["HistoryEnvelope"]
    assert isinstance(query, HistoryQuery)
    sent = sent_by_a_data_connector(DevicesQuery((query, replace(query, device_id="pump-2"))))
    assert CONTRACT.problem(sent, ("components", "schemas", "HistoryEnvelope")) is None
    assert set(sent["payload"]) == CONTRACT.keys_of("HistoryPayload") - {"iot_device_id"}


def sent_by_a_data_connector(query: AnyQuery) -> dict[str, Any]:
    return wire_contract.envelope(query, source_cloud="aws", timestamp=0, trace_id="trace-1")
