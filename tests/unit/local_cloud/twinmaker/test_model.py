"""The local TwinMaker against botocore's model of the service: operations, requests, answers."""

from __future__ import annotations

import json
import re
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote

import pytest
from botocore.exceptions import ClientError
from botocore.model import ListShape, MapShape, StructureShape
from werkzeug.test import Client as HttpClient

from local_cloud.twinmaker import LocalTwinMaker
from local_cloud.twinmaker.protocol.rest_json import load_model

from .readme import FOLDER
from .twin import (
    COMPONENT,
    ENTITY,
    FUNCTIONS,
    PROPERTIES,
    START,
    TYPE,
    WORKSPACE,
    Client,
    Connector,
    client_of,
    entry,
    history,
    latest,
    make_entity,
    make_type,
    settle_entity,
    settle_type,
)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from botocore.model import Shape

MODEL: Final = load_model("iottwinmaker")
RULES: Final = (FOLDER / "rules.md").read_text(encoding="utf-8")
LISTED: Final = {
    name
    for row in re.findall(r"^\| (`[^|]+)", RULES.partition("## Not there")[2], re.MULTILINE)
    for name in re.findall(r"`([\w.]+)`", row)
}
REFUSED: Final = sorted(LISTED & set(MODEL.operation_names))
OFFERED: Final = sorted(set(MODEL.operation_names) - LISTED)
REFUSED_MEMBERS: Final = sorted(each for each in LISTED if each.split(".")[0] in OFFERED)
ABSENT: Final = {each for each in LISTED if "." in each} - set(REFUSED_MEMBERS)

EXAMPLES: Final = {
    "ComponentPath": "a/b",
    "EntityId": "machine-1",
    "Expression": "${Parameters.speed}",
    "Id": "factory",
    "IdOrArn": "factory",
    "LambdaArn": "arn:aws:lambda:eu-central-1:123456789012:function:reader",
    "RoleArn": "arn:aws:iam::123456789012:role/reader",
    "S3Location": "arn:aws:s3:::bucket",
    "S3Url": "s3://bucket/scene.json",
    "Time": START,
    "TwinMakerArn": "arn:aws:iottwinmaker:eu-central-1:123456789012:workspace/factory",
}
"""Strings by their shapes; of another shape, any letters will do."""

NO_BREACH: Final = {"uri": ("", 5), "querystring": ("not a list", 5, [5])}
"""By a member's place: values that can't be told from others there, or make it another path."""


@pytest.fixture(scope="module")
def http() -> HttpClient:
    return HttpClient(LocalTwinMaker(invoke=Connector())._application)


def inputs(operation: str) -> StructureShape:
    shape = MODEL.operation_model(operation).input_shape
    assert shape is not None
    return shape


def errors_of(operation: str) -> set[str]:
    return {shape.name for shape in MODEL.operation_model(operation).error_shapes}


def send(http: HttpClient, operation: str, members: dict[str, Any]) -> tuple[int, str, str]:
    """Send a request unchecked, whatever is in it; return status, exception and message."""
    model = MODEL.operation_model(operation)
    body, query, path = dict(members), {}, model.http["requestUri"]
    for name, shape in inputs(operation).members.items():
        location, key = (shape.serialization.get(each) for each in ("location", "name"))
        if location == "uri":
            path = path.replace(f"{{{key}}}", quote(body.pop(name), safe=""))
        elif location == "querystring" and name in body:
            value = body.pop(name)
            query[key] = str(value).lower() if isinstance(value, bool) else value
    sent = json.dumps(body) if body else ""
    response = http.open(path, method=model.http["method"], query_string=query, data=sent)
    message = (response.get_json(silent=True) or {}).get("message", "")
    return response.status_code, response.headers.get("x-amzn-ErrorType", ""), message


@pytest.mark.parametrize("operation", REFUSED)
def test_an_operation_that_is_listed_as_not_there_says_so(http: HttpClient, operation: str) -> None:
    status, code, message = send(http, operation, example(inputs(operation)))
    assert (status, code) == (400, "ValidationException")
    assert message == f"The local TwinMaker doesn't have the operation {operation}"
    assert code in errors_of(operation)


@pytest.mark.parametrize("listed", REFUSED_MEMBERS)
def test_a_member_that_is_listed_as_not_there_says_so(http: HttpClient, listed: str) -> None:
    operation, name = listed.split(".")
    shape = inputs(operation)
    members = {key: example(shape.members[key]) for key in (*shape.required_members, name)}
    status, code, message = send(http, operation, members)
    assert (status, code) == (400, "ValidationException")
    assert message == f"The local TwinMaker doesn't have {name}"


@pytest.mark.parametrize("operation", OFFERED)
def test_every_constraint_of_a_request_is_enforced(http: HttpClient, operation: str) -> None:
    shape = inputs(operation)
    good = example(shape)
    assert "validation error" not in send(http, operation, good)[2]
    broken = list(breaches(shape, good, set()))
    assert len(broken) >= len(shape.members)
    for name, request in broken:
        status, code, message = send(http, operation, request)
        assert (status, code) == (400, "ValidationException"), (name, request, message)
        assert name in message, (name, message)
    # The model has no exception for a malformed request about tags.
    assert ("ValidationException" in errors_of(operation)) is ("tag" not in operation.lower())


def example(shape: Shape, above: tuple[str, ...] = ()) -> Any:
    """Make a value that breaks no constraint, with all members; a shape within itself is left out."""
    within = (*above, shape.name)
    if isinstance(shape, StructureShape):
        members = {
            name: example(member, within)
            for name, member in shape.members.items()
            if not recurs(member, within)
        }
        # Of a union only one member may be there.
        return dict([*members.items()][:1]) if shape.is_tagged_union else members
    if isinstance(shape, ListShape):
        return [example(shape.member, within)]
    if isinstance(shape, MapShape):
        return {example(shape.key): example(shape.value, within)}
    if shape.type_name == "string":
        enum = getattr(shape, "enum", ())
        return enum[0] if enum else EXAMPLES.get(shape.name, "name")
    return {"boolean": True, "timestamp": 1.5}.get(shape.type_name, 1)


def recurs(shape: Shape, above: tuple[str, ...]) -> bool:
    if isinstance(shape, ListShape):
        return recurs(shape.member, above)
    if isinstance(shape, MapShape):
        return recurs(shape.value, above)
    return shape.name in above


def breaches(shape: Shape, value: Any, done: set[Any]) -> Iterator[tuple[str, Any]]:
    """Yield each way of breaking one constraint: the member's name, and the value that breaks it."""
    if isinstance(shape, StructureShape):
        yield from structure_breaches(shape, value, done)
    elif isinstance(shape, ListShape):
        yield "", "not a list"
        yield from (("", value * (most + 1)) for most in limits(shape, "max"))
        yield from (("", []) for least in limits(shape, "min") if least)
        for name, broken in breaches(shape.member, value[0], done):
            yield name, [broken]
    elif isinstance(shape, MapShape):
        ((key, item),) = value.items()
        yield "", "not a map"
        for most in limits(shape, "max"):
            yield "", {f"{key}{number}": item for number in range(most + 1)}
        for name, broken in breaches(shape.key, key, done):
            if isinstance(broken, str):
                yield name, {broken: item}
        for name, broken in breaches(shape.value, item, done):
            yield name, {key: broken}
    else:
        yield from (("", broken) for broken in scalar_breaches(shape, value))


def structure_breaches(
    shape: StructureShape, value: Any, done: set[Any]
) -> Iterator[tuple[str, Any]]:
    if shape.is_tagged_union:
        every = {name: example(member) for name, member in shape.members.items()}
        yield "", every
        for name, member in shape.members.items():
            for inner, broken in breaches(member, every[name], done):
                yield inner or name, {name: broken}
        return
    for name, member in shape.members.items():
        if (shape.name, name) in done or name not in value:
            continue
        done.add((shape.name, name))
        location = str(member.serialization.get("location"))
        if name in shape.required_members and location != "uri":
            yield name, {key: item for key, item in value.items() if key != name}
        for inner, broken in breaches(member, value[name], done):
            if broken not in NO_BREACH.get(location, ()):
                yield inner or name, value | {name: broken}
    if any("location" not in each.serialization for each in shape.members.values()):
        yield "unheardOf", value | {"unheardOf": 1}


def scalar_breaches(shape: Shape, value: Any) -> Iterator[Any]:
    if shape.type_name == "string":
        yield 5
        if getattr(shape, "enum", ()):
            yield "UNHEARD_OF"
        if "pattern" in shape.metadata:
            yield f"{value}\n"
        yield from (value + value[-1] * most for most in limits(shape, "max"))
        yield from ("" for least in limits(shape, "min") if least)
        return
    yield "many"
    if shape.type_name in {"integer", "long", "double"}:
        yield True
        yield from (least - 1 for least in limits(shape, "min"))
        yield from (most + 1 for most in limits(shape, "max"))
    yield from {"integer": [2**31], "long": [2**63]}.get(shape.type_name, [])


def limits(shape: Shape, which: str) -> list[int]:
    return [shape.metadata[which]] if which in shape.metadata else []


W: Final = {"workspaceId": WORKSPACE}
PART: Final = "com.example.part"
VALUE: Final = {"doubleValue": 1.5}
REFERENCE: Final = entry()["entityPropertyReference"]
LIST: Final = {
    "dataType": {"type": "LIST"},
    "displayName": "Parts",
    "configuration": {"a": "b"},
    "defaultValue": {"listValue": [VALUE]},
}
OF_PART: Final = {"componentTypeId": PART}
STAMP: Final = 1_769_792_400


def test_answers_have_all_members_but_those_that_are_listed_as_not_there() -> None:
    connector = Connector()
    known: set[str] = set()
    seen: set[str] = set()

    def look(parsed: dict[str, Any], model: Any, **_: Any) -> None:
        if model.output_shape is not None and "Error" not in parsed:
            known.update(members_of(model.output_shape))
            seen.update(members_in(model.output_shape, parsed))

    with LocalTwinMaker(invoke=connector) as running:
        client = client_of(running.url)
        client.meta.events.register("after-call.iottwinmaker.*", look)
        ask_everything(client, connector)
    assert known - seen == ABSENT


def members_of(shape: Shape, above: tuple[str, ...] = ()) -> Iterator[str]:
    """Name the members of an answer's structures; a DataValue and a DataType are the caller's own."""
    if isinstance(shape, StructureShape) and shape.name not in {"DataValue", "DataType", *above}:
        for name, member in shape.members.items():
            yield f"{shape.name}.{name}"
            yield from members_of(member, (*above, shape.name))
    elif isinstance(shape, ListShape):
        yield from members_of(shape.member, above)
    elif isinstance(shape, MapShape):
        yield from members_of(shape.value, above)


def members_in(shape: Shape, value: Any) -> Iterator[str]:
    if isinstance(shape, StructureShape):
        for name in shape.members.keys() & value.keys():
            yield f"{shape.name}.{name}"
            yield from members_in(shape.members[name], value[name])
    elif isinstance(shape, ListShape):
        for item in value:
            yield from members_in(shape.member, item)
    elif isinstance(shape, MapShape):
        for item in value.values():
            yield from members_in(shape.value, item)


def ask_everything(client: Client, connector: Connector) -> None:
    """Let a client call each operation, of things that have everything that they may have."""
    bucket, role = "arn:aws:s3:::bucket", "arn:aws:iam::123456789012:role/reader"
    client.create_workspace(**W, description="d", s3Location=bucket, role=role)
    arn = client.get_workspace(**W)["arn"]
    client.update_workspace(**W, description="e")
    client.create_workspace(workspaceId="other")
    client.list_workspaces(maxResults=1)
    client.tag_resource(resourceARN=arn, tags={"a": "1", "b": "2"})
    client.list_tags_for_resource(resourceARN=arn, maxResults=1)
    client.untag_resource(resourceARN=arn, tagKeys=["a"])

    table = {"groupType": "TABULAR", "propertyNames": ["parts"]}
    make_type(client, PART, propertyDefinitions={"parts": LIST}, propertyGroups={"table": table})
    functions = {name: each | {"scope": "ENTITY"} for name, each in FUNCTIONS.items()}
    functions["dataWriter"] = FUNCTIONS["dataReader"] | {"requiredProperties": ["colour"]}
    make_type(
        client,
        description="d",
        componentTypeName="Machine",
        propertyDefinitions=PROPERTIES | {"parts": LIST},
        functions=functions,
        propertyGroups={"table": table},
        compositeComponentTypes={"part": {"componentTypeId": PART}},
    )
    missing = {"lambda": {"arn": FUNCTIONS["dataReader"]["implementedBy"]["lambda"]["arn"]}}
    connector.error = KeyError("no schema")
    initializer = {"scope": "WORKSPACE", "implementedBy": missing}
    make_type(client, "a.failing", functions={"schemaInitializer": initializer})
    connector.error = None
    client.list_component_types(**W, maxResults=2)
    client.list_component_types(**W)
    client.update_component_type(**W, componentTypeId=PART, description="e")
    settle_type(client, PART)

    make_entity(
        client,
        description="d",
        components={COMPONENT: {"componentTypeId": TYPE, "description": "d"}},
        compositeComponents={f"{COMPONENT}/part": {"description": "d"}},
    )
    make_entity(client, "child", parentEntityId=ENTITY)
    client.update_entity(**W, entityId=ENTITY, description="e")
    settle_entity(client)
    client.list_entities(**W, maxResults=1)
    client.list_entities(**W)
    here = W | {"entityId": ENTITY}
    client.update_entity(**here, componentUpdates={"more": {"updateType": "CREATE", **OF_PART}})
    settle_entity(client)
    client.list_components(**here, maxResults=1)
    client.list_components(**here, componentPath=COMPONENT)
    client.list_properties(**here, componentName=COMPONENT, maxResults=1)
    client.list_properties(**here, componentName="more")

    scene = W | {"sceneId": "hall"}
    members = {"description": "d", "capabilities": ["a"], "sceneMetadata": {"a": "b"}}
    client.create_scene(**scene, contentLocation="s3://bucket/hall", **members)
    client.create_scene(**W, sceneId="yard", contentLocation="s3://bucket/yard")
    client.get_scene(**scene)
    client.update_scene(**scene, description="e")
    client.list_scenes(**W, maxResults=1)
    client.list_scenes(**W)
    client.delete_scene(**scene)

    series = entry((START, VALUE))
    series["values"] += [{"timestamp": STAMP, "value": VALUE}]
    connector.answer = {"propertyValues": [series], "nextToken": "2"}
    history(client)
    reference = {"propertyReference": REFERENCE | {"propertyName": "level"}}
    connector.answer = {"propertyValues": {"level": reference | {"propertyValue": VALUE}}}
    latest(client, "level")
    client.get_property_value(
        **here, componentPath=f"{COMPONENT}/part", selectedProperties=["parts"]
    )
    written = {
        "entityPropertyReference": REFERENCE,
        "propertyValues": [{"time": START, "value": VALUE}],
    }
    client.batch_put_property_values(**W, entries=[written])

    client.delete_entity(**here, isRecursive=True)
    for entity_id in ("child", ENTITY):
        with suppress(ClientError):
            settle_entity(client, entity_id)
    client.delete_component_type(**W, componentTypeId=TYPE)
    client.delete_workspace(workspaceId="other")
