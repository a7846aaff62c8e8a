"""`configure`: from the twin's configuration to a stage, its token and its policies."""

from __future__ import annotations

import errno
import json
import tempfile
from typing import TYPE_CHECKING, Any

import pytest
from click.testing import CliRunner

from chalicelib.model.data_value import DataType
from chalicelib.model.reads import LAST_ENTRY, READS
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from deploy_scripts.__main__ import cli
from deploy_scripts.errors import VerbError
from deploy_scripts.project_files.twin_configuration import TwinConfiguration
from deploy_scripts.stage.stage import API_HANDLER, Stage
from deploy_scripts.stage.twin_info import unpacked
from deploy_scripts.tokens.stores import ParameterStore, SecretsManager
from deploy_scripts.verify.hop import BrokenHopError
from deploy_scripts.verify.stage import check_token
from tests.deploy.configured import Command, copy_project

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_cloud.aws.account import LocalAws

REMOTE = "r" * 43
PARAMETER = "/factory-twin/multicloud/inter-cloud-token"


class Project(Command):
    """A copy of the project's stages and of its twin, to configure."""

    verb = "configure"

    def __init__(self, directory: Path, aws: LocalAws) -> None:
        ssm = {"AWS_ENDPOINT_URL_SSM": aws.endpoint_url}
        super().__init__(directory, aws.environment | ssm)
        self.aws = aws
        copy_project(directory, "config", ".chalice")

    def rename(self, name: str) -> None:
        (self.config / "config.json").write_text(json.dumps({"digital_twin_name": name}))

    def storage(self, **keys: Any) -> None:
        (self.config / "config_storage.json").write_text(json.dumps({"aws": keys}))

    def connect(self, token: str = REMOTE, last_entry_token: str | None = None) -> None:
        layout = TwinConfiguration.load(self.config).layout
        for read in READS:
            self.connections.put(
                layout,
                read,
                url=f"https://reader.example.com{read.path}",
                token=(last_entry_token or token) if read is LAST_ENTRY else token,
            )

    @property
    def variables(self) -> dict[str, str]:
        variables: dict[str, str] = self.stages["multicloud"]["environment_variables"]
        return variables

    @property
    def stages(self) -> Any:
        return json.loads((self.directory / ".chalice" / "config.json").read_text())["stages"]

    def policies(self, stage: str = "multicloud") -> dict[str, Any]:
        return {
            name: json.loads((self.directory / ".chalice" / each["iam_policy_file"]).read_text())
            for name, each in self.stages[stage]["lambda_functions"].items()
        }

    def files(self) -> dict[str, bytes]:
        return {
            str(path.relative_to(self.directory)): path.read_bytes()
            for path in self.directory.rglob("*")
            if path.is_file()
        }


@pytest.fixture
def project(tmp_path: Path, aws: LocalAws) -> Iterator[Project]:
    yield Project(tmp_path, aws)
    ssm = aws.client("ssm")
    names = [each["Name"] for each in ssm.describe_parameters()["Parameters"]]
    if names:
        ssm.delete_parameters(Names=names)


def actions(policy: dict[str, Any]) -> set[str]:
    return {action for each in policy["Statement"] for action in each["Action"]}


def token_in(aws: LocalAws) -> str:
    found = aws.client("ssm").get_parameter(Name=PARAMETER, WithDecryption=True)
    assert found["Parameter"]["Type"] == "SecureString"
    return str(found["Parameter"]["Value"])


def test_the_committed_stages_are_what_configure_makes_of_the_example_from_nothing(project):
    committed = {name: content for name, content in project.files().items() if ".chalice" in name}
    for name in committed:
        if name.startswith(".chalice/policy-"):
            (project.directory / name).unlink()
    stages = project.directory / ".chalice" / "config.json"
    document = json.loads(stages.read_text())
    # `chalice local` has a stage of its own, which isn't deployed.
    document["stages"] = {"local": document["stages"]["local"]}
    stages.write_text(json.dumps(document))
    project.providers("aws", "aws")
    project.ok(stage="singlecloud")
    project.providers("aws", "azure")
    project.ok(stage="multicloud")
    made = {name: content for name, content in project.files().items() if ".chalice" in name}
    assert made == committed


def test_a_token_is_made_and_kept_and_not_in_any_file(project, aws):
    project.ok()
    token = token_in(aws)
    assert len(token) >= 43
    assert project.stages["multicloud"]["environment_variables"]["INTER_CLOUD_TOKEN"] == (
        f"ssm:{PARAMETER}"
    )
    assert not any(token.encode() in content for content in project.files().values())


def test_a_second_run_changes_nothing(project, aws):
    project.ok()
    before, token = project.files(), token_in(aws)
    assert "as it should be" in project.ok()
    assert (project.files(), token_in(aws)) == (before, token)


def test_a_dry_run_says_what_would_change_and_changes_nothing(project, aws):
    project.providers("gcp", "aws")
    project.connect()
    before = project.files()
    shown = project.ok("--dry-run", stage="new")
    assert "would change" in shown
    assert project.files() == before
    assert not aws.client("ssm").describe_parameters()["Parameters"]


def test_a_stage_of_data_connectors_gets_urls_and_the_connections_token(project, aws):
    project.providers("azure", "aws")
    project.connect()
    shown = project.ok()
    variables = project.stages["multicloud"]["environment_variables"]
    assert variables["REMOTE_READER_URL"] == "https://reader.example.com/hot-reader"
    assert variables["REMOTE_READER_LAST_ENTRY_URL"].endswith("/hot-reader-last-entry")
    assert "DYNAMODB_TABLE_NAME" not in variables
    assert token_in(aws) == REMOTE
    assert REMOTE not in shown


def test_data_connectors_may_not_touch_dynamodb_and_hot_readers_may_only_query(project):
    project.providers("azure", "aws")
    project.connect()
    project.ok()
    granted = {name: actions(each) for name, each in project.policies().items()}
    for name in ("digital-twin-data-connector", "digital-twin-data-connector-last-entry"):
        assert not any(action.startswith("dynamodb:") for action in granted[name])
    project.providers("aws", "aws")
    project.ok(stage="singlecloud")
    for name in ("hot-reader", "hot-reader-last-entry"):
        policy = project.policies("singlecloud")[name]
        assert {each for each in actions(policy) if each.startswith("dynamodb:")} == {
            "dynamodb:Query"
        }
        assert not any(each.startswith(("ssm:", "secretsmanager:")) for each in actions(policy))


def test_devices_that_lambda_has_no_room_for_are_in_a_file_that_is_packaged(project):
    (project.directory / "chalicelib").mkdir()
    path = project.config / "config_iot_devices.json"
    few = path.read_text()
    (device, *_) = json.loads(few)
    path.write_text(json.dumps([{**device, "id": f"device-{n}"} for n in range(300)]))
    assert "300 devices" in project.ok("--dry-run")
    assert not list(project.directory.glob("chalicelib/*"))
    project.ok()
    assert sum(len(f"{name}{value}") for name, value in project.variables.items()) < 4_096
    stage = Stage.load(project.directory, "multicloud")
    loaded = DigitalTwinInfo.load(stage.environment or {}).devices
    assert loaded["device-299"].types == {
        each["name"]: DataType(each["dataType"])
        for each in [*device["properties"], *device["constProperties"]]
    }
    # So verify compares what the function has with what it was given.
    given = project.variables
    info = unpacked(given["DIGITAL_TWIN_INFO"], project.directory)
    assert stage.environment_of(API_HANDLER) == given | {"DIGITAL_TWIN_INFO": info}
    assert "as it should be" in project.ok()
    path.write_text(few)
    assert "removed" in project.ok()
    assert not list(project.directory.glob("chalicelib/*"))


def test_a_data_connector_knows_the_devices_of_each_component_type(project):
    project.providers("azure", "aws")
    project.connect()
    path = project.config / "config_iot_devices.json"
    alone = {"id": "meter-1", "properties": []}
    shared = [{"id": f"pump-{n}", "componentType": "pump", "properties": []} for n in (1, 2)]
    path.write_text(json.dumps([alone, *shared]))
    project.ok()
    assert json.loads(project.variables["DIGITAL_TWIN_INFO"])["config_iot_devices"] == [
        alone,
        *shared,
    ]


def test_a_layout_that_is_switched_leaves_nothing_of_the_one_before(project):
    project.providers("azure", "aws")
    project.connect()
    project.ok()
    project.providers("aws", "aws")
    project.ok()
    variables = project.stages["multicloud"]["environment_variables"]
    assert not {"REMOTE_READER_URL", "REMOTE_READER_LAST_ENTRY_URL", "INTER_CLOUD_TOKEN"} & set(
        variables
    )
    assert variables["DYNAMODB_TABLE_NAME"] == "factory-twin-hot-telemetry"


@pytest.mark.parametrize("between", [(), (("aws", "aws"),)], ids=["at once", "by way of aws"])
def test_endpoints_do_not_accept_the_token_of_the_readers_before_them(project, aws, between):
    def kept() -> str:
        name = "/factory-twin/new/inter-cloud-token"
        found = aws.client("ssm").get_parameter(Name=name, WithDecryption=True)
        return str(found["Parameter"]["Value"])

    project.providers("gcp", "aws")
    project.connect()
    project.ok(stage="new")
    assert kept() == REMOTE
    for layout in between:
        project.providers(*layout)
        project.ok(stage="new")
    project.providers("aws", "azure")
    assert "would change: new token" in project.ok("--dry-run", stage="new")
    assert kept() == REMOTE
    assert "changed: new token" in project.ok(stage="new")
    token = kept()
    assert token != REMOTE
    # The endpoints stay, whoever calls them.
    project.providers("aws", "gcp")
    project.ok(stage="new")
    assert kept() == token


def test_endpoints_accept_a_token_that_somebody_else_keeps_for_them(project, aws):
    aws.client("ssm").put_parameter(Name="/mine", Value="m" * 43, Type="SecureString")
    project.providers("aws", "aws")
    project.ok()
    project.providers("aws", "azure")
    project.ok("--token-name", "/mine")
    kept = aws.client("ssm").get_parameter(Name="/mine", WithDecryption=True)
    assert kept["Parameter"]["Value"] == "m" * 43


def test_everything_else_in_the_file_survives(project):
    path = project.directory / ".chalice" / "config.json"
    document = json.loads(path.read_text())
    document["mine"] = {"kept": True}
    document["stages"]["multicloud"]["environment_variables"]["PAGE_VALUES"] = "500"
    document["stages"]["multicloud"]["reserved_concurrency"] = 5
    document["stages"]["another"] = {"environment_variables": {"A": "1"}}
    path.write_text(json.dumps(document))
    project.storage(table="another-table")
    project.ok()
    after = json.loads(path.read_text())
    assert after["mine"] == {"kept": True}
    assert after["stages"]["another"] == {"environment_variables": {"A": "1"}}
    stage = after["stages"]["multicloud"]
    assert stage["reserved_concurrency"] == 5
    assert stage["environment_variables"]["PAGE_VALUES"] == "500"
    assert stage["environment_variables"]["DYNAMODB_TABLE_NAME"] == "another-table"


def test_a_tables_index_is_all_that_may_be_read_of_it(project):
    project.providers("aws", "azure")
    project.ok()
    path = project.directory / ".chalice" / "config.json"
    document = json.loads(path.read_text())
    document["stages"]["multicloud"]["environment_variables"]["DYNAMODB_INDEX_NAME"] = "by-time"
    path.write_text(json.dumps(document))
    project.ok()
    (query,) = [
        each
        for each in project.policies()["api_handler"]["Statement"]
        if each["Action"] == ["dynamodb:Query"]
    ]
    assert query["Resource"].endswith(":table/factory-twin-hot-telemetry/index/by-time")


def test_secrets_manager_keeps_the_token_by_choice(project, aws):
    project.ok("--token-store", "secretsmanager", stage="by-secret")
    name = "factory-twin/by-secret/inter-cloud-token"
    kept = aws.client("secretsmanager").get_secret_value(SecretId=name)["SecretString"]
    assert len(kept) >= 43
    variables = project.stages["by-secret"]["environment_variables"]
    assert variables["INTER_CLOUD_TOKEN"] == f"secretsmanager:{name}"
    assert "secretsmanager:GetSecretValue" in actions(project.policies("by-secret")["api_handler"])
    assert "as it should be" in project.ok("--token-store", "secretsmanager", stage="by-secret")


def test_a_missing_connection_is_named(project):
    project.providers("gcp", "aws")
    done = project.run()
    assert done.exit_code == 2
    assert "gcp_l3_to_aws_l4_hot_reader" in done.output


def test_connections_with_different_tokens_are_refused_without_showing_them(project):
    project.providers("gcp", "aws")
    project.connect(last_entry_token="s" * 43)
    done = project.run()
    assert done.exit_code == 2
    assert "different tokens" in " ".join(done.output.split())
    assert REMOTE not in done.output


def test_a_layout_without_aws_is_refused(project):
    project.providers("gcp", "azure")
    done = project.run()
    assert done.exit_code == 2
    assert "nothing is deployed on AWS" in " ".join(done.output.split())


def test_mistakes_in_the_configuration_are_all_named(project):
    (project.config / "config_providers.json").write_text('{"layer_3_hot_provider": "azur"}')
    (project.config / "config.json").write_text("{}")
    done = project.run()
    assert done.exit_code == 2
    assert "azur" in done.output
    assert "digital_twin_name" in done.output


def test_a_damaged_stage_file_is_refused_and_left_alone(project):
    path = project.directory / ".chalice" / "config.json"
    path.write_text('{"app_name": "x", ')
    done = project.run()
    assert done.exit_code == 2
    assert path.read_text() == '{"app_name": "x", '


@pytest.mark.parametrize("call", [1, 2])
def test_a_run_that_is_cut_off_at_an_aws_call_ends_as_an_undisturbed_one(project, aws, call):
    """The two calls are GetParameter and PutParameter."""
    import boto3

    calls = 0

    def cut_off(**_: Any) -> None:
        nonlocal calls
        calls += 1
        if calls == call:
            raise KeyboardInterrupt

    original = boto3.client

    def client(*arguments: Any, **options: Any) -> Any:
        made = original(*arguments, **options)
        made.meta.events.register("before-call.ssm", cut_off)
        return made

    project.storage(table="t-1")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(boto3, "client", client)
        # A `before-call` hook stands in for a kill at that moment.
        assert project.run().exit_code == 1
    project.ok()
    assert project.stages["multicloud"]["environment_variables"]["DYNAMODB_TABLE_NAME"] == "t-1"
    assert len(token_in(aws)) >= 43
    assert "as it should be" in project.ok()


def test_a_token_that_aws_refuses_to_store_is_not_shown(project, monkeypatch):
    import boto3

    sent = []

    def refuse(params: Any, **_: Any) -> Any:
        sent.append(json.loads(params["body"])["Value"])
        error = {"Code": "ValidationException", "Message": f"Value '{sent[-1]}'"}
        answer = {"Error": error, "ResponseMetadata": {"HTTPStatusCode": 400}}
        return type("Answer", (), {"status_code": 400}), answer

    original = boto3.client

    def client(*arguments: Any, **options: Any) -> Any:
        made = original(*arguments, **options)
        made.meta.events.register_last("before-call.ssm.PutParameter", refuse)
        return made

    monkeypatch.setattr(boto3, "client", client)
    done = project.run(stage="new")
    assert done.exit_code == 1
    assert "PutParameter was refused: ValidationException" in done.output
    assert len(sent) == 1
    assert sent[0] not in done.output
    assert "new" not in project.stages


@pytest.mark.parametrize("store", ["ssm", "secretsmanager"])
def test_a_token_of_ours_can_be_changed_and_deleted_and_a_foreign_one_stays(aws, store):
    client = aws.client(store)
    make = ParameterStore if store == "ssm" else SecretsManager
    ours, foreign = make(client, "/ours"), make(client, "/foreign")
    ours.put("o" * 43)
    ours.put("p" * 43)
    assert ours.get() == "p" * 43
    if store == "ssm":
        client.put_parameter(Name="/foreign", Value="f" * 43, Type="SecureString")
    else:
        client.create_secret(Name="/foreign", SecretString="f" * 43)
    assert ours.delete()
    assert not ours.delete()
    assert ours.get() is None
    assert not foreign.delete()
    with pytest.raises(VerbError):
        foreign.put("p" * 43)
    assert foreign.get() == "f" * 43
    if store == "ssm":
        client.delete_parameter(Name="/foreign")


def test_a_second_run_without_options_keeps_the_tokens_place(project, aws):
    project.ok("--token-name", "/mine/token")
    assert "as it should be" in project.ok()
    names = [each["Name"] for each in aws.client("ssm").describe_parameters()["Parameters"]]
    assert names == ["/mine/token"]


def test_somebody_elses_parameter_is_not_overwritten(project, aws):
    ssm = aws.client("ssm")
    ssm.put_parameter(Name="/db/password", Value="p" * 20, Type="SecureString")
    project.providers("azure", "aws")
    project.connect()
    done = project.run("--token-name", "/db/password", stage="new")
    assert done.exit_code == 2
    assert "isn't overwritten" in " ".join(done.output.split())
    kept = ssm.get_parameter(Name="/db/password", WithDecryption=True)["Parameter"]["Value"]
    assert kept == "p" * 20
    assert "new" not in project.stages


def test_a_parameter_that_holds_no_token_is_not_taken_for_one(project, aws):
    aws.client("ssm").put_parameter(Name="/db/password", Value="short", Type="SecureString")
    done = project.run("--token-name", "/db/password", stage="new")
    assert done.exit_code == 2
    assert "must be a token" in " ".join(done.output.split())


def test_a_secret_that_holds_bytes_is_not_taken_for_a_token(project, aws):
    client = aws.client("secretsmanager")
    client.create_secret(Name="bytes", SecretBinary=b"o" * 43)
    done = project.run("--token-store", "secretsmanager", "--token-name", "bytes", stage="new")
    assert done.exit_code == 2
    assert "holds binary data" in " ".join(done.output.split())
    with pytest.raises(BrokenHopError, match="holds binary data"):
        check_token(aws.client, "secretsmanager:bytes", ())
    client.delete_secret(SecretId="bytes", ForceDeleteWithoutRecovery=True)


def test_a_file_that_cannot_be_read_is_told_in_a_line(project):
    (project.directory / ".chalice" / "policy-new-api-handler.json").mkdir()
    done = project.run(stage="new")
    assert done.exit_code == 2
    assert "policy-new-api-handler.json can't be read: Is a directory." in done.output


def test_a_file_that_cannot_be_written_is_told_in_a_line(project, monkeypatch):
    def refuse(**_options: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(tempfile, "mkstemp", refuse)
    done = project.run(stage="new")
    assert done.exit_code == 2
    assert "policy-new-api-handler.json can't be written: Permission denied." in done.output


def test_a_url_with_a_key_is_not_written_into_the_stage(project):
    project.providers("azure", "aws")
    layout = TwinConfiguration.load(project.config).layout
    connections = project.connections
    for read in READS:
        url = "https://reader.example.com/hot-reader?code=the-key-of-azure"
        connections.put(layout, read, url=url, token=REMOTE)
    done = project.run()
    assert done.exit_code == 2
    assert "the-key-of-azure" not in done.output
    assert b"the-key-of-azure" not in (project.directory / ".chalice/config.json").read_bytes()


@pytest.mark.parametrize("options", [("--stage", "../x"), ("--stage", "x", "--token-name", "a b")])
def test_names_that_cannot_be_are_refused_before_anything_is_done(project, aws, options):
    done = CliRunner().invoke(
        cli, ["configure", "--config", str(project.config), *options], env=project.aws.environment
    )
    assert done.exit_code == 2
    assert not aws.client("ssm").describe_parameters()["Parameters"]


@pytest.mark.parametrize(("chosen", "expected"), [(None, "REGIONAL"), ("EDGE", "EDGE")])
def test_an_api_is_regional_unless_the_stage_says_otherwise(project, chosen, expected):
    """A stage of an earlier version says nothing."""
    path = project.directory / ".chalice" / "config.json"
    document = json.loads(path.read_text())
    stage = document["stages"]["multicloud"]
    del stage["api_gateway_endpoint_type"]
    if chosen:
        stage["api_gateway_endpoint_type"] = chosen
    path.write_text(json.dumps(document))
    project.ok()
    assert project.stages["multicloud"]["api_gateway_endpoint_type"] == expected


def test_the_key_of_the_token_is_granted_to_its_function_and_stays(project, aws):
    key = aws.client("kms").create_key()["KeyMetadata"]
    aws.client("ssm").put_parameter(
        Name="/mine", Value="m" * 43, Type="SecureString", KeyId=key["KeyId"]
    )
    shown = project.ok("--token-name", "/mine")
    assert "note: the key of the table factory-twin-hot-telemetry isn't known" in shown
    (granted,) = (
        each
        for each in project.policies()["api_handler"]["Statement"]
        if "kms:Decrypt" in each["Action"]
    )
    assert granted["Resource"] == key["Arn"]
    assert "as it should be" in project.ok()


@pytest.mark.parametrize(
    ("changed", "problem", "advice"),
    [
        ({}, "You must specify a region. ", "Set AWS_PROFILE and AWS_DEFAULT_REGION"),
        ({"AWS_DEFAULT_REGION": "eu-central-1"}, "AWS can't be reached: ", "any AWS_ENDPOINT_URL."),
    ],
)
def test_an_aws_that_cannot_be_asked_is_told_with_what_to_do(project, changed, problem, advice):
    where = {name for name in project.environment if "REGION" in name or "ENDPOINT" in name}
    project.environment |= dict.fromkeys(where) | {"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}
    project.environment |= {"AWS_CONFIG_FILE": "/dev/null", "AWS_MAX_ATTEMPTS": "1", **changed}
    done = project.run()
    assert done.exit_code == 1
    assert problem in done.stderr
    assert advice in done.stderr


def test_an_alias_in_place_of_a_keys_arn_is_refused(project):
    refused = project.run("--kms-key", "alias/mine")
    assert refused.exit_code == 2
    assert "use the key's ARN" in refused.output


def test_an_overwritten_parameter_keeps_its_key(aws):
    ssm = aws.client("ssm")
    key = aws.client("kms").create_key()["KeyMetadata"]["KeyId"]
    ours = [
        {"Key": "managed-by", "Value": "multi-cloud-hot-reader"},
        {"Key": "stage", "Value": "multicloud"},
    ]
    ssm.put_parameter(Name="/keyed", Value="o" * 43, Type="SecureString", KeyId=key, Tags=ours)
    ParameterStore(ssm, "/keyed", stage="multicloud").put("p" * 43)
    only = [{"Key": "Name", "Option": "Equals", "Values": ["/keyed"]}]
    (found,) = ssm.describe_parameters(ParameterFilters=only)["Parameters"]
    assert found["KeyId"] == key
    assert ParameterStore(ssm, "/keyed").get() == "p" * 43
    ssm.delete_parameter(Name="/keyed")


# --- where the hot storage is -------------------------------------------------------------------


def test_the_storage_file_says_all_about_the_hot_storage(project):
    project.write_variables(DYNAMODB_TABLE_NAME="by-hand", TIMESTAMP_FORMAT="epoch_milliseconds")
    project.storage(table="mine", device_id_attribute="deviceId", mixed_offsets=True)
    project.ok()
    assert project.variables["DYNAMODB_TABLE_NAME"] == "mine"
    assert project.variables["DEVICE_ID_ATTRIBUTE"] == "deviceId"
    assert project.variables["MIXED_OFFSETS"] == "true"
    assert "TIMESTAMP_FORMAT" not in project.variables
    (query,) = [
        each
        for each in project.policies()["api_handler"]["Statement"]
        if each["Action"] == ["dynamodb:Query"]
    ]
    assert query["Resource"] == "arn:*:dynamodb:*:*:table/mine"
    assert "as it should be" in project.ok()


def test_what_the_storage_file_leaves_out_is_named_after_the_twin(project):
    project.write_variables(DYNAMODB_TABLE_NAME="by-hand")
    project.storage(timestamp_attribute="at")
    project.ok()
    assert project.variables["DYNAMODB_TABLE_NAME"] == "factory-twin-hot-telemetry"


def test_without_a_section_what_somebody_wrote_into_the_stage_stays(project):
    written = {"DYNAMODB_TABLE_NAME": "by-hand", "TIMESTAMP_FORMAT": "epoch_milliseconds"}
    project.write_variables(**written)
    project.ok()
    assert written.items() <= project.variables.items()


@pytest.mark.parametrize("how", ["in the file", "by hand"])
def test_a_chosen_table_waits_while_the_hot_storage_is_elsewhere(project, how):
    if how == "in the file":
        project.storage(table="mine")
    else:
        project.write_variables(DYNAMODB_TABLE_NAME="mine")
    project.ok()
    project.providers("azure", "aws")
    project.connect()
    project.ok()
    assert "as it should be" in project.ok()
    project.providers("aws", "aws")
    project.ok()
    assert project.variables["DYNAMODB_TABLE_NAME"] == "mine"


def test_a_storage_that_no_function_could_start_with_is_refused(project):
    project.storage(timestamp_format="native")
    before = project.files()
    done = project.run()
    assert done.exit_code == 2
    assert "TIMESTAMP_FORMAT is 'native'" in done.output
    assert project.files() == before


# --- a twin that is renamed ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("options", "reference"),
    [
        ((), "ssm:/{}/new/inter-cloud-token"),
        (("--token-store", "secretsmanager"), "secretsmanager:{}/new/inter-cloud-token"),
    ],
)
def test_names_that_nobody_chose_follow_the_twin(project, options, reference):
    def names() -> tuple[str, str]:
        variables = project.stages["new"]["environment_variables"]
        return variables["DYNAMODB_TABLE_NAME"], variables["INTER_CLOUD_TOKEN"]

    project.ok(*options, stage="new")
    assert names() == ("factory-twin-hot-telemetry", reference.format("factory-twin"))
    project.rename("other-twin")
    project.ok(stage="new")
    assert names() == ("other-twin-hot-telemetry", reference.format("other-twin"))
    assert "factory-twin" not in json.dumps(
        [project.stages["new"], project.policies("new")["api_handler"]]
    )


def test_names_that_someone_chose_stay_when_the_twin_is_renamed(project):
    project.write_variables(DYNAMODB_TABLE_NAME="factory-twin-hot")
    project.ok("--token-name", "/factory-twin/mine")
    project.rename("other-twin")
    project.ok()
    assert project.variables["DYNAMODB_TABLE_NAME"] == "factory-twin-hot"
    assert project.variables["INTER_CLOUD_TOKEN"] == "ssm:/factory-twin/mine"
