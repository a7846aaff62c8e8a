from __future__ import annotations

from typing import Any

import pytest

from .twin import (
    ARN,
    COMPONENT,
    ENTITY,
    FUNCTIONS,
    TYPE,
    WORKSPACE,
    Client,
    make_entity,
    make_type,
    settle_type,
)

CHILD = "com.example.machine.press"
ALARM = "com.amazon.iottwinmaker.alarm.basic"
OWNED = [
    "com.amazon.athena.connector",
    ALARM,
    "com.amazon.iottwinmaker.documents",
    "com.amazon.iottwinmaker.parameters",
    "com.amazon.kvs.video",
]
TEXT = {"dataType": {"type": "STRING"}}


def shown(client: Client, type_id: str = TYPE) -> Any:
    return client.get_component_type(workspaceId=WORKSPACE, componentTypeId=type_id)


def test_a_component_type_is_shown_with_complete_definitions(workspace: Client) -> None:
    make_type(workspace, propertyDefinitions={"colour": TEXT}, functions=FUNCTIONS)
    found = shown(workspace)
    assert found["propertyDefinitions"]["colour"] == TEXT | {
        "isTimeSeries": False,
        "isRequiredInEntity": False,
        "isExternalId": False,
        "isStoredExternally": False,
        "isImported": False,
        "isFinal": False,
        "isInherited": False,
    }
    assert found["functions"]["dataReader"] == {
        "implementedBy": {"lambda": {"arn": ARN}, "isNative": False},
        "isInherited": False,
    }
    assert found["arn"].endswith(f":workspace/{WORKSPACE}/component-type/{TYPE}")
    assert found["status"] == {"state": "ACTIVE", "error": {}}
    assert found["isAbstract"] is False


def test_a_second_component_type_of_one_id_is_a_conflict(workspace: Client) -> None:
    make_type(workspace)
    with pytest.raises(workspace.exceptions.ConflictException):
        workspace.create_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)


def test_an_unknown_component_type_is_not_found(workspace: Client) -> None:
    with pytest.raises(workspace.exceptions.ResourceNotFoundException, match="no component type"):
        shown(workspace)


def test_a_type_inherits_definitions_and_functions_and_may_restate_a_part(
    workspace: Client,
) -> None:
    make_type(workspace, propertyDefinitions={"colour": TEXT}, functions=FUNCTIONS)
    restated = {"colour": {"defaultValue": {"stringValue": "red"}}, "size": TEXT}
    make_type(workspace, CHILD, extendsFrom=[TYPE], propertyDefinitions=restated)
    found = shown(workspace, CHILD)
    inherited = {name: item["isInherited"] for name, item in found["propertyDefinitions"].items()}
    assert inherited == {"colour": True, "size": False}
    assert found["propertyDefinitions"]["colour"]["defaultValue"] == {"stringValue": "red"}
    assert found["propertyDefinitions"]["colour"]["dataType"] == {"type": "STRING"}
    assert found["functions"]["dataReader"]["isInherited"] is True


def test_of_several_parents_the_later_one_wins(workspace: Client) -> None:
    for name in ("one", "two"):
        value = {"defaultValue": {"stringValue": name}}
        make_type(workspace, f"com.example.{name}", propertyDefinitions={"colour": TEXT | value})
    make_type(workspace, CHILD, extendsFrom=["com.example.one", "com.example.two"])
    definition = shown(workspace, CHILD)["propertyDefinitions"]["colour"]
    assert definition["defaultValue"] == {"stringValue": "two"}


@pytest.mark.parametrize(
    ("function", "abstract"),
    [
        ({"implementedBy": {"lambda": {"arn": ARN}}}, False),
        ({"implementedBy": {"isNative": True}}, False),
        ({"scope": "ENTITY"}, True),
        ({"implementedBy": {"lambda": {"arn": ARN}}, "requiredProperties": ["id"]}, True),
    ],
)
def test_a_type_is_abstract_while_a_function_of_it_is_incomplete(
    workspace: Client, function: Any, abstract: Any
) -> None:
    make_type(workspace, functions={"dataReader": function})
    assert shown(workspace)["isAbstract"] is abstract


@pytest.mark.parametrize(
    ("flags", "function", "abstract"),
    [
        ({"isTimeSeries": True}, None, True),
        ({"isStoredExternally": True}, None, True),
        ({"isTimeSeries": True}, "dataReader", False),
        ({"isTimeSeries": True}, "dataReaderByEntity", False),
        ({"isTimeSeries": True}, "dataReaderByComponentType", False),
        ({"isTimeSeries": True}, "attributePropertyValueReaderByEntity", True),
        ({"isTimeSeries": True}, "dataWriter", True),
        ({"isStoredExternally": True}, "attributePropertyValueReaderByEntity", False),
        ({"isStoredExternally": True}, "schemaInitializer", True),
        ({}, None, False),
    ],
)
def test_a_type_is_abstract_while_nothing_reads_a_property_that_is_stored_externally(
    workspace: Client, flags: Any, function: str | None, abstract: Any
) -> None:
    functions = {function: FUNCTIONS["dataReader"]} if function else {}
    make_type(workspace, propertyDefinitions={"colour": TEXT | flags}, functions=functions)
    assert shown(workspace)["isAbstract"] is abstract


def test_a_type_completes_the_abstract_one_that_it_extends(workspace: Client) -> None:
    function = {"requiredProperties": ["id"]}
    make_type(workspace, functions={"dataReader": function})
    make_type(
        workspace,
        CHILD,
        extendsFrom=[TYPE],
        propertyDefinitions={"id": TEXT},
        functions={"dataReader": {"implementedBy": {"lambda": {"arn": ARN}}}},
    )
    found = shown(workspace, CHILD)
    assert found["isAbstract"] is False
    assert found["functions"]["dataReader"]["requiredProperties"] == ["id"]
    assert found["functions"]["dataReader"]["isInherited"] is False


@pytest.mark.parametrize(
    ("members", "message"),
    [
        ({"propertyDefinitions": {"x": {"isTimeSeries": True}}}, "property x needs a dataType"),
        (
            {"propertyDefinitions": {"x": TEXT | {"defaultValue": {"doubleValue": 1}}}},
            "x: defaultValue has doubleValue",
        ),
        (
            {
                "propertyDefinitions": {
                    "x": {"dataType": {"type": "LONG", "allowedValues": [{"integerValue": 1}]}}
                }
            },
            r"allowedValues\[0\] has integerValue",
        ),
        (
            {"propertyDefinitions": {"x": {"dataType": {"type": "FLOAT"}}}},
            "x.dataType.type: 'FLOAT' isn't one of",
        ),
        ({"propertyDefinitions": {"a b": TEXT}}, "doesn't match the pattern"),
        ({"extendsFrom": ["com.example.none"]}, "there is no component type com.example.none"),
        ({"extendsFrom": [ALARM] * 11}, "11 parents are more than the 10"),
        ({"functions": {"reader": {}}}, "'reader' isn't one of the predefined functions dataR"),
        (
            {"functions": {"dataReader": {"implementedBy": {"lambda": {"arn": f"{ARN}:alias"}}}}},
            "doesn't match the pattern",
        ),
    ],
)
def test_a_wrong_definition_is_refused(workspace: Client, members: Any, message: str) -> None:
    with pytest.raises(workspace.exceptions.ValidationException, match=message):
        workspace.create_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE, **members)


def test_an_inherited_property_keeps_its_data_type(workspace: Client) -> None:
    make_type(workspace, propertyDefinitions={"colour": TEXT})
    with pytest.raises(workspace.exceptions.ValidationException, match="can't change to LONG"):
        workspace.create_component_type(
            workspaceId=WORKSPACE,
            componentTypeId=CHILD,
            extendsFrom=[TYPE],
            propertyDefinitions={"colour": {"dataType": {"type": "LONG"}}},
        )


def test_an_update_replaces_what_is_given_and_nothing_else(workspace: Client) -> None:
    make_type(workspace, propertyDefinitions={"colour": TEXT}, description="old")
    workspace.update_component_type(
        workspaceId=WORKSPACE, componentTypeId=TYPE, propertyDefinitions={"size": TEXT}
    )
    found = shown(workspace)
    assert (list(found["propertyDefinitions"]), found["description"]) == (["size"], "old")


def test_a_type_cannot_come_to_extend_itself(workspace: Client) -> None:
    make_type(workspace)
    make_type(workspace, CHILD, extendsFrom=[TYPE])
    with pytest.raises(workspace.exceptions.ValidationException, match="would extend itself"):
        workspace.update_component_type(
            workspaceId=WORKSPACE, componentTypeId=TYPE, extendsFrom=[CHILD]
        )
    assert shown(workspace)["extendsFrom"] == []


def test_an_update_that_an_entity_would_not_fit_is_refused(workspace: Client) -> None:
    make_type(workspace, propertyDefinitions={"colour": TEXT})
    red = {"colour": {"value": {"stringValue": "red"}}}
    make_entity(workspace, components={COMPONENT: {"componentTypeId": TYPE, "properties": red}})
    with pytest.raises(workspace.exceptions.ValidationException, match=f"Entity {ENTITY}.*colour"):
        workspace.update_component_type(
            workspaceId=WORKSPACE, componentTypeId=TYPE, propertyDefinitions={"size": TEXT}
        )
    assert settle_type(workspace) == "ACTIVE"
    assert list(shown(workspace)["propertyDefinitions"]) == ["colour"]


def test_a_type_in_use_does_not_become_abstract(twin: Client) -> None:
    with pytest.raises(twin.exceptions.ValidationException, match=f"Entity {ENTITY}.*is abstract"):
        twin.update_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE, functions={})
    assert shown(twin)["functions"]


def test_a_type_in_use_is_not_deleted(twin: Client) -> None:
    with pytest.raises(twin.exceptions.ValidationException, match=f"in use by entities.*{ENTITY}"):
        twin.delete_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)


def test_a_type_that_another_extends_is_not_deleted(workspace: Client) -> None:
    make_type(workspace)
    make_type(workspace, CHILD, extendsFrom=[TYPE])
    with pytest.raises(workspace.exceptions.ValidationException, match=CHILD):
        workspace.delete_component_type(workspaceId=WORKSPACE, componentTypeId=TYPE)


@pytest.mark.parametrize(
    ("filters", "found"),
    [
        ([], [TYPE, CHILD, "com.example.machine.press.big", "org.other", *OWNED]),
        ([{"extendsFrom": TYPE}], [CHILD]),
        ([{"namespace": "com.example"}], [TYPE, CHILD, "com.example.machine.press.big"]),
        ([{"namespace": "com.exam"}], []),
        ([{"isAbstract": True}], ["org.other", ALARM]),
        ([{"isAbstract": False}, {"extendsFrom": CHILD}], ["com.example.machine.press.big"]),
    ],
)
def test_types_are_listed_by_filter(workspace: Client, filters: Any, found: Any) -> None:
    make_type(workspace, componentTypeName="M", propertyDefinitions={"colour": TEXT})
    make_type(workspace, CHILD, extendsFrom=[TYPE])
    make_type(workspace, "com.example.machine.press.big", extendsFrom=[CHILD])
    make_type(workspace, "org.other", functions={"dataReader": {}})
    listed = workspace.list_component_types(workspaceId=WORKSPACE, filters=filters)
    assert [item["componentTypeId"] for item in listed["componentTypeSummaries"]] == found


def test_types_are_listed_in_pages(workspace: Client) -> None:
    for name in ("a1", "a2", "a3"):
        make_type(workspace, name)
    first = workspace.list_component_types(workspaceId=WORKSPACE, maxResults=2)
    second = workspace.list_component_types(workspaceId=WORKSPACE, nextToken=first["nextToken"])
    shown = [item["componentTypeId"] for item in second["componentTypeSummaries"]]
    assert shown == ["a3", *OWNED]


def test_awss_own_types_are_in_every_workspace_with_the_arn_that_was_recorded(
    workspace: Client,
) -> None:
    listed = workspace.list_component_types(workspaceId=WORKSPACE)["componentTypeSummaries"]
    assert [item["componentTypeId"] for item in listed] == OWNED
    (alarm,) = (item for item in listed if item["componentTypeId"] == ALARM)
    assert alarm["arn"] == (
        "arn:aws:iottwinmaker:eu-central-1:iotrociaccount:workspace/AmazonOwnedTypesWorkspace/"
        f"component-type/{ALARM}"
    )
    with pytest.raises(workspace.exceptions.ClientError, match="resourceARN"):
        workspace.list_tags_for_resource(resourceARN=alarm["arn"])
    assert shown(workspace, ALARM)["status"]["state"] == "ACTIVE"


def test_a_type_that_extends_the_alarm_has_its_properties_and_a_reader_of_its_own(
    workspace: Client,
) -> None:
    make_type(workspace, extendsFrom=[ALARM], functions={"dataReader": FUNCTIONS["dataReader"]})
    found = shown(workspace)
    assert shown(workspace, ALARM)["isAbstract"] is True
    assert found["isAbstract"] is False
    definitions = found["propertyDefinitions"]
    assert definitions["alarm_key"]["isExternalId"] is True
    assert definitions["alarm_key"]["isRequiredInEntity"] is True
    assert definitions["alarm_status"]["isTimeSeries"] is True
    states = [
        each["stringValue"] for each in definitions["alarm_status"]["dataType"]["allowedValues"]
    ]
    assert states == ["ACTIVE", "SNOOZE_DISABLED", "ACKNOWLEDGED", "NORMAL"]
    with pytest.raises(workspace.exceptions.ValidationException, match="alarm_key is required"):
        make_entity(workspace)
    key = {"alarm_key": {"value": {"stringValue": "press-1"}}}
    make_entity(workspace, components={COMPONENT: {"componentTypeId": TYPE, "properties": key}})


def test_a_type_of_awss_that_is_not_there_is_said_to_be_missing_here(workspace: Client) -> None:
    sitewise = "com.amazon.iotsitewise.connector"
    message = f"no component type {sitewise}: of AWS's own, the local TwinMaker has only .*{ALARM}"
    where = {"workspaceId": WORKSPACE}
    with pytest.raises(workspace.exceptions.ValidationException, match=message):
        workspace.create_component_type(**where, componentTypeId=TYPE, extendsFrom=[sitewise])
    components = {COMPONENT: {"componentTypeId": sitewise}}
    with pytest.raises(workspace.exceptions.ValidationException, match=message):
        workspace.create_entity(**where, entityName="asset", components=components)


def test_awss_own_types_cannot_be_changed_and_do_not_keep_a_workspace(workspace: Client) -> None:
    alarm = {"workspaceId": WORKSPACE, "componentTypeId": ALARM}
    with pytest.raises(workspace.exceptions.ValidationException, match="AWS's own"):
        workspace.update_component_type(**alarm, description="ours")
    with pytest.raises(workspace.exceptions.ValidationException, match="AWS's own"):
        workspace.delete_component_type(**alarm)
    with pytest.raises(workspace.exceptions.ConflictException, match="exists already"):
        workspace.create_component_type(**alarm)
    workspace.delete_workspace(workspaceId=WORKSPACE)
