"""The SAM template: which functions a layout deploys, and the little that each one may do."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import pytest

if TYPE_CHECKING:
    from .package import Package

API: Final = "app.app"
HOT_READERS: Final = (
    "chalicelib.aws.hot_reader_functions.hot_reader",
    "chalicelib.aws.hot_reader_functions.hot_reader_last_entry",
)
CONNECTORS: Final = (
    "chalicelib.aws.data_connector_functions.digital_twin_data_connector",
    "chalicelib.aws.data_connector_functions.digital_twin_data_connector_last_entry",
)
TABLE: Final = "arn:*:dynamodb:*:*:table/factory-twin-hot-telemetry"
TOKEN: Final = "arn:*:ssm:*:*:parameter/factory-twin/multicloud/inter-cloud-token"
QUERY: Final = {"dynamodb:Query": {TABLE}}
GET_TOKEN: Final = {"ssm:GetParameter": {TOKEN}}
LOGS: Final = {"logs:CreateLogGroup", "logs:CreateLogStream", "logs:PutLogEvents"}
TRACES: Final = {"xray:PutTraceSegments", "xray:PutTelemetryRecords"}
LAYOUTS: Final = {
    "multicloud": {API},
    "singlecloud": {*HOT_READERS},
    "compatible": {*HOT_READERS, *CONNECTORS},
    "connector": {*CONNECTORS},
}
FUNCTIONS: Final = [
    pytest.param(layout, handler, id=f"{layout}-{handler.rpartition('.')[2]}")
    for layout, handlers in LAYOUTS.items()
    for handler in sorted(handlers)
]


@pytest.fixture
def package(request: pytest.FixtureRequest, layout: str) -> Package:
    package: Package = request.getfixturevalue(layout)
    return package


def types_of(package: Package) -> set[str]:
    return {each["Type"] for each in package.resources.values()}


def beyond_logs_and_traces(package: Package, handler: str) -> dict[str, set[str]]:
    allowed = package.allowed(handler)
    return {action: allowed[action] for action in allowed if action not in LOGS | TRACES}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_layout_deploys_its_functions_and_no_other(package: Package, layout: str) -> None:
    assert set(package.functions()) == LAYOUTS[layout]


@pytest.mark.parametrize(
    ("layout", "public"),
    [("multicloud", True), ("singlecloud", False), ("compatible", False), ("connector", False)],
)
def test_only_a_reader_for_other_clouds_is_public(package: Package, public: bool) -> None:
    assert ("AWS::Serverless::Api" in types_of(package)) is public


@pytest.mark.parametrize("layout", ["multicloud"])
def test_the_api_has_the_two_endpoints_and_no_other(package: Package) -> None:
    (api,) = (each for each in package.resources.values() if each["Type"] == "AWS::Serverless::Api")
    assert set(api["Properties"]["DefinitionBody"]["paths"]) == {
        "/hot-reader",
        "/hot-reader-last-entry",
    }


@pytest.mark.parametrize(("layout", "handler"), FUNCTIONS)
def test_a_function_has_a_role_of_its_own(package: Package, handler: str) -> None:
    def role_of(each: dict[str, Any]) -> Any:
        return each["Role"]["Fn::GetAtt"][0]

    functions = package.functions()
    assert [
        each for each in functions if role_of(functions[each]) == role_of(functions[handler])
    ] == [handler]


@pytest.mark.parametrize(("layout", "handler"), FUNCTIONS)
def test_no_action_is_a_pattern(package: Package, handler: str) -> None:
    assert not [action for action in package.allowed(handler) if "*" in action or "?" in action]


@pytest.mark.parametrize(("layout", "handler"), FUNCTIONS)
def test_only_traces_may_go_to_any_resource(package: Package, handler: str) -> None:
    allowed = package.allowed(handler)
    anywhere = {action for action in allowed if "*" in allowed[action]}

    # X-Ray has no resources to name (AWS X-Ray developer guide, 'Identity and access management').
    assert anywhere == TRACES


@pytest.mark.parametrize(("layout", "handler"), FUNCTIONS)
def test_a_function_writes_to_its_own_log_only(package: Package, layout: str, handler: str) -> None:
    allowed = package.allowed(handler)

    assert {action for action in allowed if action.startswith("logs:")} == LOGS
    resources = {resource for action in LOGS for resource in allowed[action]}
    suffix = "" if handler.startswith("app") else "-" + handler.rpartition(".")[2].replace("_", "-")
    group = f"arn:*:logs:*:*:log-group:/aws/lambda/hot-reader-{layout}{suffix}"
    assert resources == {group, f"{group}:*"}


@pytest.mark.parametrize("layout", ["singlecloud", "compatible"])
@pytest.mark.parametrize("handler", HOT_READERS)
def test_a_hot_reader_may_only_query_its_table(package: Package, handler: str) -> None:
    assert beyond_logs_and_traces(package, handler) == QUERY


@pytest.mark.parametrize("layout", ["multicloud"])
def test_the_api_handler_may_query_the_table_and_read_the_token(package: Package) -> None:
    assert beyond_logs_and_traces(package, API) == QUERY | GET_TOKEN


@pytest.mark.parametrize("layout", ["connector", "compatible"])
@pytest.mark.parametrize("handler", CONNECTORS)
def test_a_data_connector_has_no_right_to_any_storage(package: Package, handler: str) -> None:
    services = {action.partition(":")[0] for action in package.allowed(handler)}

    assert services <= {"ssm", "iottwinmaker", "lambda", "logs", "xray"}


@pytest.mark.parametrize("layout", ["connector"])
@pytest.mark.parametrize("handler", CONNECTORS)
def test_a_data_connector_may_read_the_token_and_look_up_a_device(
    package: Package, handler: str
) -> None:
    token = "arn:*:ssm:*:*:parameter/factory-twin/connector/inter-cloud-token"
    assert beyond_logs_and_traces(package, handler) == {
        "ssm:GetParameter": {token},
        "iottwinmaker:GetEntity": {"arn:*:iottwinmaker:*:*:workspace/*"},
    }


@pytest.mark.parametrize("layout", ["compatible"])
@pytest.mark.parametrize(
    ("handler", "local"),
    list(zip(CONNECTORS, ("hot-reader", "hot-reader-last-entry"), strict=True)),
)
def test_a_data_connector_on_one_cloud_may_only_invoke_its_hot_reader(
    package: Package, handler: str, local: str
) -> None:
    name = f"arn:*:lambda:*:*:function:factory-twin-{local}"

    assert beyond_logs_and_traces(package, handler) == {"lambda:InvokeFunction": {name}}


@pytest.mark.parametrize(("layout", "handler"), FUNCTIONS)
def test_no_variable_of_a_function_holds_a_token(package: Package, handler: str) -> None:
    variables = package.functions()[handler]["Environment"]["Variables"]

    assert variables.get("INTER_CLOUD_TOKEN", "ssm:").startswith("ssm:")


@pytest.mark.parametrize(("layout", "handler"), FUNCTIONS)
def test_a_function_ends_before_api_gateway_gives_up(package: Package, handler: str) -> None:
    # 29 seconds (Amazon API Gateway developer guide, 'Quotas')
    assert package.functions()[handler]["Timeout"] <= 29
