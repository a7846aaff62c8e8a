"""The plan: what each provider layout deploys, as app.py does, and how it is shown."""

from __future__ import annotations

import itertools
import json
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner
from rich.console import Console

from chalicelib.model.layout import ProviderLayout
from chalicelib.model.reads import READS
from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from deploy_scripts.errors import VerbError
from deploy_scripts.plan import views
from deploy_scripts.plan.plan import Cloud, Plan
from deploy_scripts.project_files.inter_cloud import (
    InterCloudConnections,
    connection_id,
)
from deploy_scripts.project_files.rules import DEVICES_FILE
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.providers import PROVIDERS
from deploy_scripts.stage.stage import API_HANDLER, Stage
from tests.spellings import spelled

if TYPE_CHECKING:
    from pathlib import Path

    from .conftest import TwinDirectory

HOT_READERS = tuple(read.hot_reader for read in READS)
DATA_CONNECTORS = tuple(read.data_connector for read in READS)
LAYOUTS = [ProviderLayout(*pair) for pair in itertools.product(PROVIDERS, PROVIDERS)]
TOKEN = "a-secret-token-of-the-tests"
ENDPOINT = PROVIDERS["azure"].storage[0].setting
LOCAL_READERS = {
    "LOCAL_HOT_READER_NAME": "reader",
    "LOCAL_HOT_READER_LAST_ENTRY_NAME": "last-entry-reader",
}


def name_of(layout: ProviderLayout) -> str:
    return f"{layout.layer_3_hot} to {layout.layer_4}"


def connections_of(twin: TwinDirectory) -> InterCloudConnections:
    return InterCloudConnections(twin.path / "config_inter_cloud.json")


def save(
    twin: TwinDirectory, layout: ProviderLayout, url: str = "https://e.com/hot-reader"
) -> None:
    for read in READS:
        connections_of(twin).put(layout, read, url=url, token=TOKEN)


def environment_of(layout: ProviderLayout, **more: str) -> dict[str, str]:
    """All that any function of a layout needs."""
    info = {
        "config": {"digital_twin_name": "factory-twin"},
        "config_providers": {
            "layer_3_hot_provider": layout.layer_3_hot,
            "layer_4_provider": layout.layer_4,
        },
    }
    return {
        "DIGITAL_TWIN_INFO": json.dumps(info),
        "DYNAMODB_TABLE_NAME": "table",
        "INTER_CLOUD_TOKEN": TOKEN,
        "REMOTE_READER_URL": "https://e.com/hot-reader",
        "REMOTE_READER_LAST_ENTRY_URL": "https://e.com/hot-reader-last-entry",
        **more,
    }


def plan_of(twin: TwinDirectory, layout: ProviderLayout, stage: Stage | None = None) -> Plan:
    twin.providers(layout.layer_3_hot, layout.layer_4)
    stage = stage or Stage("dev", "app", environment_of(layout))
    return Plan.make(TwinConfiguration.load(twin.path), stage, connections_of(twin))


def on(plan: Plan, provider: str) -> Cloud:
    return next(
        (each for each in plan.clouds if each.provider == provider), Cloud(provider, None, False)
    )


def names(cloud: Cloud) -> list[str]:
    return [each.name for each in cloud.functions]


def paths(cloud: Cloud) -> list[str]:
    return [each.path for each in cloud.endpoints]


# --- what app.py really registers ---

REGISTERED = """
import json, os, sys
import boto3, chalice, aws_lambda_powertools, chalicelib.stores.dynamodb.store, chalicelib.data_connector.data_connector
for environment in json.load(sys.stdin):
    child = os.fork()  # each layout in a process of its own, with the imports done once
    if child == 0:
        os.environ.update(environment)
        from app import app
        functions = sorted(each.name for each in app.pure_lambda_functions)
        print(json.dumps([functions, sorted(app.routes)]), flush=True)
        os._exit(0)
    if os.waitpid(child, 0)[1]:
        sys.exit("app.py can't be imported")
"""


@pytest.fixture(scope="module")
def registered() -> dict[tuple[ProviderLayout, bool], tuple[list[str], list[str]]]:
    """The functions and routes of app.py by layout and by whether local readers are named."""
    cases = [*itertools.product(LAYOUTS, (False, True))]
    environments = [
        environment_of(
            layout,
            **(LOCAL_READERS if local else {}),
            AWS_DEFAULT_REGION="eu-central-1",
            POWERTOOLS_TRACE_DISABLED="true",
        )
        for layout, local in cases
    ]
    done = subprocess.run(
        [sys.executable, "-c", REGISTERED],
        cwd=PROJECT,
        input=json.dumps(environments),
        capture_output=True,
        text=True,
        check=True,
    )
    answers = [json.loads(line) for line in done.stdout.splitlines()]
    return dict(zip(cases, answers, strict=True))


@pytest.mark.parametrize("local", [False, True], ids=["", "with local readers"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=name_of)
def test_the_plan_for_aws_is_what_app_py_registers(twin, registered, layout, local):
    environment = environment_of(layout, **(LOCAL_READERS if local else {}))
    aws = on(plan_of(twin, layout, Stage("dev", "app", environment)), "aws")
    functions, routes = registered[layout, local]
    assert sorted(set(names(aws)) - {API_HANDLER}) == functions
    assert sorted(paths(aws)) == routes
    assert (API_HANDLER in names(aws)) is bool(routes)


@pytest.mark.parametrize("layout", LAYOUTS, ids=name_of)
def test_component_types_point_at_functions_that_are_registered(twin, registered, layout):
    functions, _ = registered[layout, False]
    for each in on(plan_of(twin, layout), "aws").component_types:
        assert set(each.functions.values()) <= set(functions)


# --- each layout ---


@pytest.mark.parametrize("layout", LAYOUTS, ids=name_of)
def test_hot_storage_and_twin_are_where_the_layout_says(twin, layout):
    plan = plan_of(twin, layout)
    assert [each.provider for each in plan.clouds if each.store] == [layout.layer_3_hot]
    assert [each.provider for each in plan.clouds if each.has_twin] == [layout.layer_4]
    assert len(plan.clouds) == (2 if layout.crosses_clouds else 1)


@pytest.mark.parametrize("layout", LAYOUTS, ids=name_of)
def test_endpoints_are_public_where_another_cloud_reads_and_nowhere_else(twin, layout):
    public = [each.provider for each in plan_of(twin, layout).clouds if each.endpoints]
    assert public == ([layout.layer_3_hot] if layout.crosses_clouds else [])


FUNCTION_URL = "https://abc.lambda-url.eu-central-1.on.aws/hot-reader"


@pytest.mark.parametrize(
    ("saved", "chosen", "kind"),
    [
        (None, None, "api-gateway"),
        (None, "function-url", "function-url"),
        (FUNCTION_URL, None, "function-url"),
        (FUNCTION_URL, "api-gateway", "api-gateway"),
    ],
)
def test_endpoints_on_aws_are_behind_what_is_chosen_or_else_saved(twin, saved, chosen, kind):
    layout = ProviderLayout("aws", "gcp")
    twin.providers("aws", "gcp")
    if saved:
        save(twin, layout, saved)
    stage = Stage("dev", "app", environment_of(layout))
    configuration = TwinConfiguration.load(twin.path)
    plan = Plan.make(configuration, stage, connections_of(twin), chosen)
    assert {each.kind for each in on(plan, "aws").endpoints} == {kind}
    shown = "Function URL" if kind == "function-url" else "API Gateway"
    assert f"/hot-reader-last-entry  newest entry  by api_handler  {shown}\n" in text_of(plan)


def test_plan_takes_the_choice_as_an_option(twin):
    twin.providers("aws", "gcp")
    options = ["plan", "--config", str(twin.path), "--endpoint", "function-url", "--format", "json"]
    (aws, _) = json.loads(CliRunner().invoke(cli, options).stdout)["clouds"]
    assert [each["kind"] for each in aws["endpoints"]] == ["function-url", "function-url"]


@pytest.mark.parametrize("layout", [each for each in LAYOUTS if each.crosses_clouds], ids=name_of)
def test_a_connection_per_read_is_used_by_the_twins_cloud(twin, layout):
    plan = plan_of(twin, layout)
    ids = [connection_id(layout, read) for read in READS]
    assert [each.id for each in on(plan, layout.layer_4).connections] == ids
    assert on(plan, layout.layer_3_hot).connections == ()


@pytest.mark.parametrize("provider", PROVIDERS)
def test_one_cloud_has_no_connections(twin, provider):
    (cloud,) = plan_of(twin, ProviderLayout(provider, provider)).clouds
    assert not cloud.connections
    assert not cloud.endpoints


@pytest.mark.parametrize("provider", ["azure", "gcp"])
def test_one_cloud_without_aws_has_nothing_to_deploy(twin, provider):
    plan = plan_of(twin, ProviderLayout(provider, provider), Stage("dev"))
    assert not plan.clouds[0].functions
    assert not plan.clouds[0].component_types
    assert plan.missing == ()


@pytest.mark.parametrize("provider", ["azure", "gcp"])
def test_another_cloud_has_hot_readers_behind_its_endpoints(twin, provider):
    cloud = on(plan_of(twin, ProviderLayout(provider, "aws")), provider)
    assert tuple(names(cloud)) == HOT_READERS
    assert [(each.path, each.function) for each in cloud.endpoints] == [
        ("/hot-reader", "hot-reader"),
        ("/hot-reader-last-entry", "hot-reader-last-entry"),
    ]


@pytest.mark.parametrize(
    ("layer_3_hot", "functions"),
    [("aws", HOT_READERS), ("azure", DATA_CONNECTORS), ("gcp", DATA_CONNECTORS)],
)
def test_each_device_has_a_component_type_for_history_and_one_for_newest_values(
    twin, layer_3_hot, functions
):
    aws = on(plan_of(twin, ProviderLayout(layer_3_hot, "aws")), "aws")
    assert [(each.id, each.devices, *each.functions.values()) for each in aws.component_types] == [
        ("factory-twin-pump-1", ("pump-1",), *functions),
        ("factory-twin-pump-1-latest", ("pump-1",), functions[1]),
        ("factory-twin-meter-1", ("meter-1",), *functions),
        ("factory-twin-meter-1-latest", ("meter-1",), functions[1]),
    ]


def test_devices_that_share_a_component_type_have_one(twin):
    power = {"properties": [{"name": "power", "dataType": "DOUBLE"}], "componentType": "meter"}
    twin.write(DEVICES_FILE, [{"id": f"meter-{n}", **power} for n in (1, 2)])
    aws = on(plan_of(twin, ProviderLayout("azure", "aws")), "aws")
    assert [(each.id, each.devices) for each in aws.component_types] == [
        ("factory-twin-meter", ("meter-1", "meter-2")),
        ("factory-twin-meter-latest", ("meter-1", "meter-2")),
    ]


@pytest.mark.parametrize(
    ("other", "type_id", "of"),
    [
        (
            {"id": "pump-1", "componentType": "pump"},
            "factory-twin-pump",
            ("telemetry type of the device pump", "telemetry type of the componentType pump"),
        ),
        (
            {"id": "pump-latest"},
            "factory-twin-pump-latest",
            ("latest type of the device pump", "telemetry type of the device pump-latest"),
        ),
    ],
)
def test_component_types_that_would_have_the_same_id_are_refused_with_the_reason(
    twin, other, type_id, of
):
    twin.write(DEVICES_FILE, [{"properties": [], **each} for each in ({"id": "pump"}, other)])
    assert plan_of(twin, ProviderLayout("aws", "aws")).missing[0] == (
        f"The component type {type_id} would be the {of[0]} and the {of[1]}. Choose another id or "
        "componentType."
    )
    assert plan_of(twin, ProviderLayout("aws", "azure")).missing == ()


@pytest.mark.parametrize("layout", [each for each in LAYOUTS if each.layer_4 != "aws"], ids=name_of)
def test_without_twinmaker_there_are_no_component_types(twin, layout):
    assert not any(cloud.component_types for cloud in plan_of(twin, layout).clouds)


def test_component_types_stay_with_the_hot_readers_when_connectors_are_there_too(twin):
    layout = ProviderLayout("aws", "aws")
    stage = Stage("dev", "app", environment_of(layout, **LOCAL_READERS))
    aws = on(plan_of(twin, layout, stage), "aws")
    assert set(names(aws)) == {*HOT_READERS, *DATA_CONNECTORS}
    assert aws.component_types[0].functions["dataReader"] == "hot-reader"


def test_names_on_aws_are_those_that_chalice_gives(twin):
    cloud = on(plan_of(twin, ProviderLayout("azure", "aws")), "aws")
    assert cloud.functions[0].deployed_name == "app-dev-digital-twin-data-connector"
    handler = on(plan_of(twin, ProviderLayout("aws", "gcp")), "aws").functions[0]
    assert handler.deployed_name == "app-dev"


# --- names and where they come from ---


def origins(plan: Plan, provider: str) -> dict[str, tuple[str, str]]:
    return {each.what: (each.value, each.origin) for each in on(plan, provider).names}


def stage_of(twin_name: str, **more: str) -> Stage:
    """A stage with endpoints that was written for a twin."""
    environment = environment_of(ProviderLayout("aws", "azure"), **more)
    info = environment["DIGITAL_TWIN_INFO"].replace("factory-twin", twin_name)
    return Stage("dev", "app", environment | {"DIGITAL_TWIN_INFO": info})


def test_names_that_nobody_chose_are_named_after_the_twin(twin):
    stage = stage_of(
        "old-twin",
        DYNAMODB_TABLE_NAME="old-twin-hot-telemetry",
        INTER_CLOUD_TOKEN="ssm:/old-twin/dev/inter-cloud-token",
    )
    assert origins(plan_of(twin, ProviderLayout("aws", "azure"), stage), "aws") == {
        "table": ("factory-twin-hot-telemetry", "named after the twin"),
        "token": ("ssm:/factory-twin/dev/inter-cloud-token", "named after the twin"),
    }


def test_names_that_someone_wrote_into_the_stage_come_from_the_stage(twin):
    stage = stage_of(
        "factory-twin",
        DYNAMODB_TABLE_NAME="mine",
        VALUES_PATH="payload",
        INTER_CLOUD_TOKEN="ssm:/mine",
    )
    assert origins(plan_of(twin, ProviderLayout("aws", "azure"), stage), "aws") == {
        "table": ("mine", "the stage dev"),
        "values path": ("payload", "the stage dev"),
        "token": ("ssm:/mine", "the stage dev"),
    }


def test_names_in_the_storage_file_come_from_there(twin):
    section = {"collection": "factory-twin-hot-data", "timestamp_format": "native"}
    twin.write("config_storage.json", {"gcp": section, "aws": {"table": "not-used"}})
    assert origins(plan_of(twin, ProviderLayout("gcp", "aws")), "gcp") == {
        "collection": ("factory-twin-hot-data", "config_storage.json"),
        "timestamp format": ("native", "config_storage.json"),
    }


def test_a_token_that_stands_in_the_stage_itself_is_not_shown(twin):
    stage = stage_of("factory-twin", DYNAMODB_TABLE_NAME="t-1")
    assert spelled(TOKEN, text_of(plan_of(twin, ProviderLayout("aws", "azure"), stage))) == []


# --- what is missing ---


@pytest.mark.parametrize("layout", LAYOUTS, ids=name_of)
def test_nothing_is_missing_when_all_is_there(twin, layout):
    if layout.crosses_clouds:
        save(twin, layout)
    assert plan_of(twin, layout).missing == ()


@pytest.mark.parametrize("layer_3_hot", ["azure", "gcp"])
def test_a_connection_that_connectors_need_is_missing(twin, layer_3_hot):
    layout = ProviderLayout(layer_3_hot, "aws")
    missing = plan_of(twin, layout).missing
    assert [each.split()[2] for each in missing] == [connection_id(layout, read) for read in READS]


@pytest.mark.parametrize("layout", [ProviderLayout("aws", "gcp"), ProviderLayout("gcp", "azure")])
def test_a_connection_for_another_clouds_twin_isnt_needed_to_deploy(twin, layout):
    plan = plan_of(twin, layout)
    assert plan.missing == ()
    assert {each.saved_as for each in on(plan, layout.layer_4).connections} == {None}


def test_a_connection_under_an_old_id_counts(twin):
    old = {"aws_l4_to_azure_l3hot_read": {"url": "https://e.com/hot-reader?k=1", "token": TOKEN}}
    twin.write("config_inter_cloud.json", {"connections": old})
    plan = plan_of(twin, ProviderLayout("azure", "aws"))
    assert [(each.saved_as, each.url) for each in on(plan, "aws").connections] == [
        ("aws_l4_to_azure_l3hot_read", "https://e.com/hot-reader"),
        ("aws_l4_to_azure_l3hot_read", "https://e.com/hot-reader-last-entry"),
    ]
    assert plan.missing == ()


def without(environment: dict[str, str], *names: str) -> dict[str, str]:
    return {name: value for name, value in environment.items() if name not in names}


@pytest.mark.parametrize(
    ("layout", "variable"),
    [
        (ProviderLayout("aws", "aws"), "DIGITAL_TWIN_INFO"),
        (ProviderLayout("aws", "aws"), "DYNAMODB_TABLE_NAME"),
        (ProviderLayout("aws", "gcp"), "DYNAMODB_TABLE_NAME"),
        (ProviderLayout("aws", "gcp"), "INTER_CLOUD_TOKEN"),
        (ProviderLayout("gcp", "aws"), "INTER_CLOUD_TOKEN"),
        (ProviderLayout("gcp", "aws"), "REMOTE_READER_URL"),
        (ProviderLayout("gcp", "aws"), "REMOTE_READER_LAST_ENTRY_URL"),
    ],
)
def test_a_setting_that_the_stage_lacks_is_missing(twin, layout, variable):
    if layout.crosses_clouds:
        save(twin, layout)
    stage = Stage("dev", "app", without(environment_of(layout), variable))
    (missing,) = plan_of(twin, layout, stage).missing
    assert f"The stage dev in .chalice/config.json: {variable} is not set" in missing


@pytest.mark.parametrize(
    "layout", [each for each in LAYOUTS if "aws" in (each.layer_3_hot, each.layer_4)], ids=name_of
)
def test_a_stage_that_isnt_there_is_missing(twin, layout):
    assert plan_of(twin, layout, Stage("new")).missing[-1] == (
        "The stage new in .chalice/config.json isn't there yet: deploy writes it."
    )


def test_a_stage_of_another_layout_is_pointed_out(twin):
    stage = Stage("dev", "app", environment_of(ProviderLayout("aws", "azure")))
    (missing,) = plan_of(twin, ProviderLayout("aws", "aws"), stage).missing
    assert "for the layout aws (hot storage) and azure (twin)" in missing
    assert "deploy changes that" in missing


def test_a_stage_of_another_twin_is_pointed_out(twin):
    twin.write("config.json", {"digital_twin_name": "other-twin"})
    (missing,) = plan_of(twin, ProviderLayout("aws", "aws")).missing
    assert "for the twin factory-twin, the configuration for other-twin" in missing


@pytest.mark.parametrize(
    ("layout", "section", "flaw"),
    [
        (("aws", "azure"), {"timestamp_format": "native"}, "TIMESTAMP_FORMAT is 'native'"),
        (("azure", "aws"), {"endpoint": "http://factory.example.com"}, ENDPOINT),
    ],
)
def test_a_storage_that_no_function_could_start_with_is_pointed_out(twin, layout, section, flaw):
    save(twin, ProviderLayout(*layout))
    twin.write("config_storage.json", {layout[0]: section})
    (missing,) = plan_of(twin, ProviderLayout(*layout)).missing
    assert missing.startswith(f"config_storage.json: {flaw}")


def test_a_log_level_that_is_none_is_pointed_out(twin):
    layout = ProviderLayout("aws", "aws")
    environment = environment_of(layout, POWERTOOLS_LOG_LEVEL="LOUD")
    (missing,) = plan_of(twin, layout, Stage("dev", "app", environment)).missing
    assert "POWERTOOLS_LOG_LEVEL is 'LOUD'" in missing


# --- what AWS would refuse ---


@pytest.mark.parametrize(("length", "fits"), [(52, True), (53, False), (60, False)])
def test_a_twin_whose_role_policy_would_have_too_long_a_name_is_pointed_out(twin, length, fits):
    twin.write("config.json", {"digital_twin_name": "t" * length})
    layout = ProviderLayout("aws", "aws")
    info = environment_of(layout)["DIGITAL_TWIN_INFO"].replace("factory-twin", "t" * length)
    stage = Stage("dev", "app", environment_of(layout, DIGITAL_TWIN_INFO=info))
    missing = plan_of(twin, layout, stage).missing
    if fits:
        assert missing == ()
    else:
        assert f"{24 + 2 * length} characters; AWS allows 128" in missing[0]
        assert "Choose a shorter digital_twin_name" in missing[0]


@pytest.mark.parametrize("device_id", ["d", "dev-", ".dev"])
def test_a_device_id_that_makes_no_entity_is_pointed_out_where_entities_are(twin, device_id):
    twin.device(id=device_id)
    (missing,) = plan_of(twin, ProviderLayout("aws", "aws")).missing
    assert f"The device's id, as an entity's id, is '{device_id}'" in missing
    assert "deploy without --entities" in missing
    assert plan_of(twin, ProviderLayout("aws", "gcp")).missing == ()


@pytest.mark.parametrize("reference", [None, "ssm:aws-token", "ssm:/SSM/token"])
def test_a_token_where_ssm_takes_none_is_pointed_out(twin, reference):
    if reference is None:
        twin.write("config.json", {"digital_twin_name": "aws-twin"})
    stage = stage_of("aws-twin") if reference is None else stage_of("factory-twin")
    stated = {"INTER_CLOUD_TOKEN": reference or "ssm:/aws-twin/dev/inter-cloud-token"}
    stage = Stage("dev", "app", {**(stage.environment or {}), **stated})
    (missing,) = plan_of(twin, ProviderLayout("aws", "azure"), stage).missing
    assert "SSM takes no name that begins with aws or ssm" in missing


@pytest.mark.parametrize(
    ("layout", "endpoint", "region", "refused"),
    [
        (("aws", "gcp"), "function-url", "eu-south-2", "Lambda has no Function URLs in eu-south-2"),
        (("aws", "gcp"), "function-url", "eu-central-1", None),
        (("aws", "gcp"), "api-gateway", "eu-south-2", None),
        (("aws", "aws"), None, "eu-north-1", "TwinMaker isn't in eu-north-1"),
        (("aws", "aws"), None, "us-gov-west-1", None),
        (("aws", "aws"), None, None, None),
    ],
)
def test_a_region_that_lacks_a_service_is_pointed_out(twin, layout, endpoint, region, refused):
    twin.providers(*layout)
    stage = Stage("dev", "app", environment_of(ProviderLayout(*layout)))
    configuration = TwinConfiguration.load(twin.path)
    plan = Plan.make(configuration, stage, connections_of(twin), endpoint, region=region)
    assert [each.partition(":")[0].partition(", but")[0] for each in plan.missing] == (
        [refused] if refused else []
    )


def test_the_region_is_that_of_the_environment(twin):
    twin.providers("aws", "aws")
    options = ["plan", "--config", str(twin.path), "--stage", "singlecloud"]
    done = CliRunner().invoke(cli, options, env={"AWS_DEFAULT_REGION": "eu-north-1"})
    assert "TwinMaker isn't in eu-north-1" in done.stdout


@pytest.mark.parametrize(("length", "fits"), [(21, True), (22, False)])
def test_a_name_longer_than_lambda_takes_is_pointed_out(twin, length, fits):
    layout = ProviderLayout("azure", "aws")
    save(twin, layout)
    stage = Stage("s" * length, "app", environment_of(layout))
    missing = plan_of(twin, layout, stage).missing
    assert missing == () if fits else "has 65 characters" in missing[0]


def test_connections_that_cant_be_read_end_the_planning(twin):
    twin.write("config_inter_cloud.json", "{")
    with pytest.raises(VerbError):
        plan_of(twin, ProviderLayout("azure", "aws"))


def test_one_cloud_doesnt_look_at_the_connections(twin):
    twin.write("config_inter_cloud.json", "{")
    assert plan_of(twin, ProviderLayout("aws", "aws")).missing == ()


# --- stages ---


def chalice_project(path: Path, document: Any) -> Path:
    (path / ".chalice").mkdir()
    (path / ".chalice" / "config.json").write_text(json.dumps(document))
    return path


def test_a_stage_has_its_own_environment_over_the_common_one(tmp_path):
    project = chalice_project(
        tmp_path,
        {
            "app_name": "app",
            "environment_variables": {"A": "common", "B": "common"},
            "stages": {"dev": {"environment_variables": {"B": "own"}}},
        },
    )
    assert Stage.load(project, "dev") == Stage("dev", "app", {"A": "common", "B": "own"})
    assert Stage.load(project, "new") == Stage("new", "app", None)


def test_the_projects_own_stages_are_read():
    assert Stage.load(PROJECT, "multicloud").environment


@pytest.mark.parametrize(
    "document",
    [[], {}, {"app_name": "a", "stages": []}, {"app_name": "a", "stages": {"dev": 1}},
     {"app_name": "a", "stages": {"dev": {"environment_variables": {"A": 1}}}}],
)  # fmt: skip
def test_stages_that_cant_be_read_are_an_error(tmp_path, document):
    with pytest.raises(VerbError, match=r"configuration of Chalice|must be strings"):
        Stage.load(chalice_project(tmp_path, document), "dev")


def test_variables_of_the_endpoints_function_alone_are_merged(tmp_path):
    document = {
        "app_name": "a",
        "stages": {
            "dev": {
                "environment_variables": {"A": "common", "B": "common"},
                "lambda_functions": {"api_handler": {"environment_variables": {"B": "own"}}},
            }
        },
    }
    stage = Stage.load(chalice_project(tmp_path, document), "dev")
    assert stage.environment == {"A": "common", "B": "common"}
    assert stage.environment_of("api_handler") == {"A": "common", "B": "own"}


def test_a_flaw_in_the_endpoints_functions_own_variables_is_pointed_out(twin):
    layout = ProviderLayout("aws", "azure")
    own = {"api_handler": {"INTER_CLOUD_TOKEN_MAX_AGE_SECONDS": "soon"}}
    (missing,) = plan_of(twin, layout, Stage("dev", "app", environment_of(layout), own)).missing
    assert "INTER_CLOUD_TOKEN_MAX_AGE_SECONDS is 'soon'" in missing


def test_a_project_without_stages_is_an_error(tmp_path):
    with pytest.raises(VerbError, match="No such file"):
        Stage.load(tmp_path, "dev")


# --- how it is shown ---


def text_of(plan: Plan) -> str:
    console = Console(width=80, highlight=False)
    with console.capture() as captured:
        for line in views.text(plan):
            console.print(line, soft_wrap=True)
    return captured.get()


def test_the_text_shows_every_part(twin):
    save(twin, ProviderLayout("azure", "aws"))
    expected = """\
factory-twin, stage dev

Azure: hot storage (layer 3, STORE)
  names
    database   factory-twin   named after the twin
    container  hot-telemetry  by default
  functions
    hot-reader
    hot-reader-last-entry
  endpoints
    /hot-reader             history       by hot-reader
    /hot-reader-last-entry  newest entry  by hot-reader-last-entry

AWS: twin (layer 4)
  functions
    digital-twin-data-connector             app-dev-digital-twin-data-connector
    digital-twin-data-connector-last-entry  app-dev-digital-twin-data-connector-last-entry
  connections
    azure_l3_to_aws_l4_hot_reader             history       https://e.com/hot-reader
    azure_l3_to_aws_l4_hot_reader_last_entry  newest entry  https://e.com/hot-reader
  component types
    factory-twin-pump-1          device pump-1
    factory-twin-pump-1-latest   device pump-1
    factory-twin-meter-1         device meter-1
    factory-twin-meter-1-latest  device meter-1
  component types point at
    dataReader                            digital-twin-data-connector
    attributePropertyValueReaderByEntity  digital-twin-data-connector-last-entry
""".replace("STORE", PROVIDERS["azure"].store)
    assert text_of(plan_of(twin, ProviderLayout("azure", "aws"))) == expected


def test_the_text_says_if_there_is_nothing_to_deploy(twin):
    assert "nothing to deploy" in text_of(plan_of(twin, ProviderLayout("gcp", "gcp")))


def test_the_text_ends_with_what_is_missing(twin):
    shown = text_of(plan_of(twin, ProviderLayout("azure", "aws")))
    assert "not saved yet" in shown
    assert "  - No connection azure_l3_to_aws_l4_hot_reader yet" in shown.partition("Missing")[2]


def test_the_flowchart_goes_from_the_twin_to_the_hot_storage(twin):
    expected = """\
flowchart LR
  subgraph aws ["AWS: twin (layer 4)"]
    types["component types<br/>factory-twin-pump-1<br/>factory-twin-pump-1-latest<br/>factory-twin-meter-1<br/>factory-twin-meter-1-latest"]
    digital_twin_data_connector["digital-twin-data-connector"]
    digital_twin_data_connector_last_entry["digital-twin-data-connector-last-entry"]
  end
  subgraph azure ["Azure: hot storage (layer 3, STORE)"]
    http_hot_reader(["/hot-reader"])
    http_hot_reader_last_entry(["/hot-reader-last-entry"])
    hot_reader["hot-reader"]
    hot_reader_last_entry["hot-reader-last-entry"]
    store[("STORE")]
  end
  types -- dataReader --> digital_twin_data_connector
  types -- attributePropertyValueReaderByEntity --> digital_twin_data_connector_last_entry
  digital_twin_data_connector -- azure_l3_to_aws_l4_hot_reader --> http_hot_reader
  digital_twin_data_connector_last_entry -- azure_l3_to_aws_l4_hot_reader_last_entry --> http_hot_reader_last_entry
  http_hot_reader --> hot_reader
  http_hot_reader_last_entry --> hot_reader_last_entry
  hot_reader --> store
  hot_reader_last_entry --> store
""".replace("STORE", PROVIDERS["azure"].store)
    assert views.mermaid(plan_of(twin, ProviderLayout("azure", "aws"))) == expected


@pytest.mark.parametrize("local", [False, True], ids=["", "with local readers"])
@pytest.mark.parametrize("layout", LAYOUTS, ids=name_of)
def test_every_arrow_joins_two_nodes_that_are_drawn(twin, layout, local):
    environment = environment_of(layout, **(LOCAL_READERS if local else {}))
    lines = views.mermaid(plan_of(twin, layout, Stage("dev", "app", environment))).splitlines()
    nodes = [
        line.strip().partition("[")[0].partition("(")[0] for line in lines if line[:4] == "    "
    ]
    edges = [line.split() for line in lines if "-->" in line]
    assert len(nodes) == len(set(nodes))
    assert {each for edge in edges for each in (edge[0], edge[-1])} <= set(nodes)
    assert sum("subgraph" in line for line in lines) == sum(line == "  end" for line in lines)


def test_a_flowchart_of_many_devices_stays_readable(twin):
    devices = [{"id": f"d{number}", "properties": []} for number in range(12)]
    twin.write("config_iot_devices.json", devices)
    drawn = views.mermaid(plan_of(twin, ProviderLayout("aws", "aws")))
    assert "factory-twin-d2<br/>and 19 more" in drawn
    assert "factory-twin-d3" not in drawn


# --- the command ---


def run(twin: TwinDirectory, *arguments: str) -> Any:
    return CliRunner().invoke(cli, ["plan", "--config", str(twin.path), *arguments])


@pytest.mark.parametrize("layout", LAYOUTS, ids=name_of)
def test_the_json_has_the_whole_plan(twin, layout):
    twin.providers(layout.layer_3_hot, layout.layer_4)
    done = run(twin, "--format", "json")
    assert done.exit_code == 0
    document = json.loads(done.stdout)
    assert document["layout"] == {"layer_3_hot": layout.layer_3_hot, "layer_4": layout.layer_4}
    for cloud in document["clouds"]:
        for each in cloud["component_types"]:
            assert set(each) == {"id", "devices", "functions"}
            history = set() if each["id"].endswith("-latest") else {"dataReader"}
            assert set(each["functions"]) == history | {"attributePropertyValueReaderByEntity"}


@pytest.mark.parametrize("form", ["text", "json", "mermaid"])
def test_the_same_configuration_gives_the_same_output_without_the_token(twin, form):
    save(twin, ProviderLayout("azure", "aws"), "https://e.com/hot-reader?code=function-key")
    first, second = run(twin, "--format", form), run(twin, "--format", form)
    assert first.exit_code == 0
    assert first.output == second.output != ""
    assert spelled(TOKEN, first.output) == []
    assert "function-key" not in first.output


def test_what_is_missing_doesnt_make_the_configuration_invalid(twin):
    done = run(twin, "--stage", "new")
    assert done.exit_code == 0
    assert "Missing" in done.stdout


def test_the_stage_may_be_another_projects(twin, tmp_path):
    stages = {"new": {"environment_variables": environment_of(ProviderLayout("aws", "aws"))}}
    project = chalice_project(tmp_path, {"app_name": "other", "stages": stages})
    twin.providers("aws", "aws")
    done = run(twin, "--stage", "new", "--project", str(project))
    assert done.exit_code == 0
    assert "other-new-hot-reader" in done.stdout
    assert "Missing" not in done.stdout


@pytest.mark.parametrize("name", ["a b", "a/b", ""])
def test_a_name_that_no_stage_can_have_is_refused(twin, name):
    done = run(twin, "--stage", name)
    assert done.exit_code == 2
    assert "use letters, digits, _ and -" in done.stderr


def test_each_problem_is_a_line_on_standard_error(twin):
    twin.providers("azur", "awz")
    (twin.path / "config.json").unlink()
    done = run(twin)
    assert done.exit_code == 2
    assert done.stdout == ""
    title, *lines = done.stderr.splitlines()
    assert title == "3 problems in the twin's configuration:"
    assert [line.strip().partition(": found")[0] for line in lines] == [
        "config.json",
        "config_providers.json: layer_3_hot_provider",
        "config_providers.json: layer_4_provider",
    ]


def test_connections_that_cant_be_read_are_a_line_on_standard_error(twin):
    twin.write("config_inter_cloud.json", "{")
    done = run(twin)
    assert done.exit_code == 2
    assert len(done.stderr.splitlines()) == 1


def test_the_connections_may_be_elsewhere(twin, tmp_path):
    elsewhere = InterCloudConnections(tmp_path / "connections.json")
    for read in READS:
        elsewhere.put(
            ProviderLayout("azure", "aws"),
            read,
            url="https://e.com/x",
            token=TOKEN,
        )
    done = run(twin, "--connections", str(elsewhere.path))
    assert "https://e.com/x" in done.stdout


def test_the_flowchart_can_be_written_into_a_file(twin, tmp_path):
    chart = tmp_path / "plan.mmd"
    done = run(twin, "--mermaid", str(chart))
    assert done.stdout.startswith("factory-twin, stage multicloud")
    assert chart.read_text() == run(twin, "--format", "mermaid").stdout


def test_a_flowchart_that_cant_be_written_is_an_error(twin, tmp_path):
    done = run(twin, "--mermaid", str(tmp_path / "none" / "plan.mmd"))
    assert done.exit_code == 2
    assert "plan.mmd can't be written: No such file" in done.stderr


def test_the_help_names_the_exit_codes():
    shown = " ".join(CliRunner().invoke(cli, ["plan", "--help"]).output.split())
    assert "The exit code is 0 if the configuration is valid" in shown
