"""`publish`: from a deployment to connections that another cloud can use."""

from __future__ import annotations

import json
import shutil
import stat
import subprocess
import sysconfig
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import pytest

from chalicelib.model.layout import ProviderLayout
from chalicelib.model.reads import HISTORY
from deploy_scripts import PROJECT
from deploy_scripts.publish.connections import remove_others
from deploy_scripts.publish.function_url import FunctionUrl
from deploy_scripts.stage.deployed import DeployedStage
from tests.deploy.configured import Command, copy_project
from tests.spellings import spelled

if TYPE_CHECKING:
    from collections.abc import Iterator

    from local_cloud.aws.account import LocalAws

TOKEN = "t" * 43
NEW = "n" * 43
PARAMETER = "/factory-twin/multicloud/inter-cloud-token"
CONNECTION = "aws_l3_to_azure_l4_hot_reader"
IDS = (CONNECTION, f"{CONNECTION}_last_entry")
REMOTE = ("azure_l3_to_aws_l4_hot_reader", "azure_l3_to_aws_l4_hot_reader_last_entry")
FROM_AZURE = (
    *("--cloud", "azure", "--url", "https://reader.example.com/api/hot-reader?code=secret-key"),
    *("--last-entry-url", "https://reader.example.com/api/hot-reader-last-entry"),
)


@pytest.fixture(scope="module")
def deployed(aws: LocalAws, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The project itself, deployed by the real command line; without what it would install."""
    directory = tmp_path_factory.mktemp("deployed")
    copy_project(directory, "chalicelib", "config", ".chalice")
    shutil.copy(PROJECT / "app.py", directory)
    (directory / "requirements.txt").touch()
    scripts = sysconfig.get_path("scripts")
    done = subprocess.run(
        [str(Path(scripts) / "chalice"), "deploy", "--stage", "multicloud"],
        cwd=directory,
        env={"PATH": "/usr/bin:/bin", "HOME": str(directory), **aws.environment},
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return directory


class Project(Command):
    """A deployed project of one's own, and the command run in it."""

    verb = "publish"

    def __init__(self, directory: Path, aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> None:
        super().__init__(directory, aws.environment)
        self.aws = aws
        self.calls: list[str] = []
        record = directory / ".chalice" / "deployed" / "multicloud.json"
        resources = json.loads(record.read_text())["resources"]
        (self.api,) = (each for each in resources if each["resource_type"] == "rest_api")
        self.arn = DeployedStage.load(directory, "multicloud").lambda_arn("api_handler")
        original = boto3.client

        def client(*arguments: Any, **options: Any) -> Any:
            made = original(*arguments, **options)
            made.meta.events.register(
                "before-call", lambda model, **_: self.calls.append(model.name)
            )
            return made

        monkeypatch.setattr(boto3, "client", client)

    @property
    def saved(self) -> Any:
        return json.loads(self.connections.path.read_text())["connections"]

    def throttling(self) -> tuple[Any, Any]:
        gateway = self.aws.client("apigateway")
        found = gateway.get_stage(restApiId=self.api["rest_api_id"], stageName="api")
        settings = found.get("methodSettings", {}).get("*/*", {})
        return settings.get("throttlingRateLimit"), settings.get("throttlingBurstLimit")

    def function_url(self) -> FunctionUrl:
        return FunctionUrl.find(self.aws.client("lambda"), self.arn)

    def state(self) -> Any:
        """Return all that publishing changes; a Function URL's host is a new one each time."""
        found = self.function_url()
        connections = self.connections.path.read_text() if self.connections.path.exists() else ""
        if found.url:
            connections = connections.replace(found.url, "FUNCTION_URL/")
        policy = self.aws.client("lambda").get_policy(FunctionName=self.arn)["Policy"]
        sids = sorted(each["Sid"] for each in json.loads(policy)["Statement"])
        return found.url is not None, found.auth_type, sids, connections, self.throttling()

    def killed(self, call: int, *options: str) -> bool:
        """Run the command and end it before one of its calls to AWS; False if there are fewer."""
        patched = boto3.client
        seen: list[str] = []

        def kill(model: Any, **_: Any) -> None:
            seen.append(model.name)
            if len(seen) == call:
                raise KeyboardInterrupt

        def client(*arguments: Any, **given: Any) -> Any:
            made = patched(*arguments, **given)
            made.meta.events.register("before-call", kill)
            return made

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(boto3, "client", client)
            ended = self.run(*options).exit_code
        assert (ended == 0) == (len(seen) < call)
        return len(seen) >= call

    def written(self) -> list[str]:
        return [call for call in self.calls if not call.startswith("Get")]


@pytest.fixture
def project(
    aws: LocalAws, deployed: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[Project]:
    copied = tmp_path / "project"
    shutil.copytree(deployed, copied, ignore=shutil.ignore_patterns("deployments"))
    keep(aws, TOKEN)
    made = Project(copied, aws, monkeypatch)
    made.providers("aws", "azure")
    yield made
    made.function_url().remove(aws.client("lambda"))


def keep(aws: LocalAws, value: str, name: str = PARAMETER) -> None:
    aws.client("ssm").put_parameter(Name=name, Value=value, Type="SecureString", Overwrite=True)


def saved_files(project: Project) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in project.config.iterdir()}


# --- Hot Readers on AWS -----------------------------------------------------------------------


def test_both_endpoints_of_a_real_deployment_are_saved_with_the_token(project):
    shown = project.ok()
    base = project.api["rest_api_url"].rstrip("/")
    assert project.saved == {
        IDS[0]: {"url": f"{base}/hot-reader", "token": TOKEN},
        IDS[1]: {"url": f"{base}/hot-reader-last-entry", "token": TOKEN},
    }
    assert stat.S_IMODE(project.connections.path.stat().st_mode) == 0o600
    assert base in shown
    assert spelled(TOKEN, shown) == []


def test_the_api_is_throttled(project):
    project.ok("--rate", "7", "--burst", "11")
    assert project.throttling() == (7, 11)
    assert "Nothing to change" in project.ok()
    assert project.throttling() == (7, 11)
    project.ok("--burst", "13")
    assert project.throttling() == (7, 13)


def test_an_api_that_nobody_has_throttled_gets_usual_limits(project):
    project.aws.client("apigateway").update_stage(
        restApiId=project.api["rest_api_id"],
        stageName="api",
        patchOperations=[
            {"op": "replace", "path": f"/*/*/throttling/{limit}", "value": "-1"}
            for limit in ("rateLimit", "burstLimit")
        ],
    )
    assert "100 requests per second, bursts of 200" in project.ok()
    assert project.throttling() == (100, 200)


def test_a_second_run_changes_nothing_and_says_so(project):
    project.ok("--rate", "20")
    before = saved_files(project)
    project.calls.clear()
    assert "Nothing to change" in project.ok("--rate", "20")
    assert project.calls
    assert project.written() == []
    assert saved_files(project) == before


def test_a_dry_run_says_what_would_change_and_changes_nothing(project):
    limits, before = project.throttling(), saved_files(project)
    project.calls.clear()
    shown = project.ok("--dry-run", "--rate", "3")
    assert all(name in shown for name in (*IDS, "3 requests per second"))
    assert (project.throttling(), saved_files(project)) == (limits, before)
    assert project.written() == []
    assert spelled(TOKEN, shown) == []


def test_what_others_keep_in_the_file_stays(project):
    other = {"url": "https://other.example.com", "token": "o" * 43}
    project.connections.path.write_text(json.dumps({"connections": {"other": other}, "mine": 1}))
    project.connections.path.chmod(0o600)
    project.ok()
    document = json.loads(project.connections.path.read_text())
    assert document["mine"] == 1
    assert document["connections"]["other"] == other
    assert set(document["connections"]) == {"other", *IDS}


def test_a_connection_with_a_stale_token_or_url_is_put_right(project, aws):
    project.ok()
    keep(aws, NEW)
    shown = project.ok()
    assert "another token" in shown
    assert NEW not in shown
    assert {each["token"] for each in project.saved.values()} == {NEW}


def test_while_a_token_changes_the_one_that_every_endpoint_knows_is_saved(project, aws):
    keep(aws, f"{NEW},{TOKEN}")
    project.ok()
    assert {each["token"] for each in project.saved.values()} == {TOKEN}


def test_while_a_token_changes_a_caller_that_has_the_new_one_keeps_it(project, aws):
    keep(aws, NEW)
    project.ok()
    keep(aws, f"{NEW},{TOKEN}")
    assert "Nothing to change" in project.ok()
    assert {each["token"] for each in project.saved.values()} == {NEW}


def set_token_variable(project: Project, value: str | None) -> None:
    path = project.directory / ".chalice" / "config.json"
    document = json.loads(path.read_text())
    variables = document["stages"]["multicloud"]["environment_variables"]
    variables.pop("INTER_CLOUD_TOKEN")
    if value is not None:
        variables["INTER_CLOUD_TOKEN"] = value
    path.write_text(json.dumps(document))


@pytest.mark.parametrize("as_arn", [False, True])
def test_the_token_comes_from_where_the_stage_says(project, aws, as_arn):
    secrets_manager = aws.client("secretsmanager")
    secret = secrets_manager.create_secret(Name=f"another/{as_arn}", SecretString=NEW)
    set_token_variable(project, f"secretsmanager:{secret['ARN' if as_arn else 'Name']}")
    project.ok()
    assert {each["token"] for each in project.saved.values()} == {NEW}


def test_a_parameter_may_be_named_by_its_arn(project, aws):
    arn = aws.client("ssm").get_parameter(Name=PARAMETER)["Parameter"]["ARN"]
    set_token_variable(project, f"ssm:{arn}")
    project.ok()
    assert {each["token"] for each in project.saved.values()} == {TOKEN}


def test_options_name_the_store_for_a_stage_that_doesnt(project, aws):
    set_token_variable(project, None)
    keep(aws, NEW, "/mine")
    project.ok("--token-store", "ssm", "--token-name", "/mine")
    assert {each["token"] for each in project.saved.values()} == {NEW}


def test_options_that_contradict_the_stage_are_refused(project):
    assert f"accept what ssm:{PARAMETER} holds" in project.refused("--token-name", "/mine")
    assert not project.connections.path.exists()


def test_a_token_in_the_stage_itself_is_refused_unshown(project):
    set_token_variable(project, NEW)
    shown = project.refused()
    assert "holds the token itself" in shown
    assert NEW not in shown


def test_a_missing_token_is_an_error_that_says_where_it_should_be(project, aws):
    aws.client("ssm").delete_parameter(Name=PARAMETER)
    shown = project.refused()
    assert f"ssm:{PARAMETER} holds no token" in shown
    assert project.written() == []
    assert not project.connections.path.exists()


def test_what_is_no_token_is_refused_unshown(project, aws):
    keep(aws, "too-short-here")
    shown = project.refused()
    assert "must be a token" in shown
    assert "too-short-here" not in shown


def test_a_stage_that_was_never_deployed_is_an_error(project):
    assert "has never been deployed" in project.refused(stage="another")


def test_a_stage_that_cannot_be_a_name_on_aws_is_refused(project):
    assert "use letters, digits, _ and -" in project.refused(stage="../multicloud")


def test_a_stage_without_endpoints_is_an_error(project):
    record = project.directory / ".chalice" / "deployed" / "multicloud.json"
    record.write_text(json.dumps({"resources": [], "schema_version": "2.0", "backend": "api"}))
    assert "has no HTTP endpoints" in project.refused()


@pytest.mark.parametrize(
    ("layout", "reason"),
    [
        (("aws", "aws"), "nothing is public"),
        (("azure", "aws"), "publish --cloud azure"),
        (("gcp", "gcp"), "nothing is public"),
    ],
)
def test_a_layout_without_endpoints_on_aws_is_refused(project, layout, reason):
    project.providers(*layout)
    assert reason in project.refused()
    assert project.calls == []


def test_an_api_that_is_gone_from_aws_is_what_aws_refused(project):
    record = project.directory / ".chalice" / "deployed" / "multicloud.json"
    record.write_text(record.read_text().replace(project.api["rest_api_id"], "a0b1c2"))
    done = project.run()
    assert done.exit_code == 1
    assert "AWS refused" in done.output
    assert not project.connections.path.exists()


@pytest.mark.parametrize("options", [(), ("--stage", "multicloud", "--cloud", "azure")])
def test_either_a_stage_or_a_cloud_is_named(project, options):
    assert "Usage" in project.refused(*options, stage=None)


# --- Hot Readers on another cloud -------------------------------------------------------------


@pytest.fixture
def remote(project: Project) -> Project:
    project.providers("azure", "aws")
    return project


def test_hot_readers_on_another_cloud_are_saved_with_the_token_from_standard_input(remote):
    shown = remote.ok(*FROM_AZURE, stage=None, given=f"{TOKEN}\n")
    assert remote.saved == {
        REMOTE[0]: {"url": FROM_AZURE[3], "token": TOKEN},
        REMOTE[1]: {"url": FROM_AZURE[5], "token": TOKEN},
    }
    assert stat.S_IMODE(remote.connections.path.stat().st_mode) == 0o600
    assert spelled(TOKEN, shown) == []
    assert "secret-key" not in shown
    assert remote.calls == []


def test_a_token_that_is_known_is_kept(remote):
    remote.ok(*FROM_AZURE, stage=None, given=TOKEN)
    assert "Nothing to change" in remote.ok(*FROM_AZURE, stage=None, given="")
    moved = [each.replace("reader.example", "moved.example") for each in FROM_AZURE]
    remote.ok(*moved, stage=None, given="")
    assert {each["token"] for each in remote.saved.values()} == {TOKEN}
    assert all("moved" in each["url"] for each in remote.saved.values())


def test_a_known_token_is_replaced_by_one_that_is_given(remote):
    remote.ok(*FROM_AZURE, stage=None, given=TOKEN)
    remote.ok(*FROM_AZURE, "--token-file", "-", stage=None, given=NEW)
    assert {each["token"] for each in remote.saved.values()} == {NEW}


def test_a_token_that_is_piped_in_is_used_though_another_one_is_known(remote):
    remote.ok(*FROM_AZURE, stage=None, given=TOKEN)
    shown = remote.ok(*FROM_AZURE, stage=None, given=f"{NEW}\n")
    assert {each["token"] for each in remote.saved.values()} == {NEW}
    assert NEW not in shown


def test_a_malformed_token_that_is_piped_in_is_refused_and_the_known_one_stays(remote):
    remote.ok(*FROM_AZURE, stage=None, given=TOKEN)
    assert "short" not in remote.refused(*FROM_AZURE, stage=None, given="short")
    assert {each["token"] for each in remote.saved.values()} == {TOKEN}


def test_a_token_file_must_be_private(remote, tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{TOKEN}\n")
    file.chmod(0o640)
    shown = remote.refused(*FROM_AZURE, "--token-file", str(file), stage=None)
    assert "chmod 600" in shown
    assert spelled(TOKEN, shown) == []
    file.chmod(0o600)
    remote.ok(*FROM_AZURE, "--token-file", str(file), stage=None)
    assert {each["token"] for each in remote.saved.values()} == {TOKEN}


@pytest.mark.parametrize("token", ["", "short", f"{NEW},{TOKEN}"])
def test_no_usable_token_leaves_nothing_behind(remote, token):
    shown = remote.refused(*FROM_AZURE, stage=None, given=token)
    assert not remote.connections.path.exists()
    assert not token or token not in shown


@pytest.mark.parametrize(
    "url", ["http://reader.example.com/last-entry", FROM_AZURE[3], "https://user:pw@example.com/"]
)
def test_a_url_that_cant_be_right_leaves_nothing_behind(remote, url):
    shown = remote.refused(*FROM_AZURE[:5], url, stage=None, given=TOKEN)
    assert not remote.connections.path.exists()
    assert "secret-key" not in shown


def test_a_dry_run_of_another_cloud_saves_nothing(remote):
    assert REMOTE[1] in remote.ok(*FROM_AZURE, "--dry-run", stage=None, given=TOKEN)
    assert not remote.connections.path.exists()


def test_another_cloud_than_the_layouts_is_refused(remote):
    remote.providers("gcp", "aws")
    assert "no Hot Reader on azure" in remote.refused(*FROM_AZURE, stage=None, given=TOKEN)


def test_killed_at_any_call_and_run_again_it_ends_as_if_undisturbed(project):
    """From the API to a Function URL and back, over and over.

    The calls are GetParameter, GetFunctionUrlConfig, GetPolicy, GetStage; then twice
    AddPermission and CreateFunctionUrlConfig, or DeleteFunctionUrlConfig and twice RemovePermission.
    """
    switches = [("--endpoint", "function-url"), ("--endpoint", "api-gateway", "--rate", "40")]
    undisturbed = {}
    for options in (*switches, *switches):  # what the API takes stays from one round to the next
        project.ok(*options)
        undisturbed[options] = project.state()
    for call in range(1, 8):
        for options in switches:
            project.connections.path.unlink()
            assert project.killed(call, *options), call
            project.ok(*options)
            assert project.state() == undisturbed[options], (call, options)
    for options in switches:
        assert not project.killed(9, *options)


def test_killed_before_it_throttles_and_run_again_it_ends_as_if_undisturbed(project):
    """The calls are GetParameter, GetFunctionUrlConfig, GetPolicy, GetStage and UpdateStage."""
    project.ok("--rate", "40")
    for call in range(1, 6):
        rate = ("--rate", str(50 + call))
        assert project.killed(call, *rate), call
        project.ok(*rate)
        assert project.throttling() == (50 + call, 200)
    assert not project.killed(6, "--rate", "60")


# --- Function URLs ----------------------------------------------------------------------------

FUNCTION_URL = ("--endpoint", "function-url")


def test_a_function_url_is_made_and_saved_in_place_of_the_api(project):
    shown = project.ok(*FUNCTION_URL)
    found = project.function_url()
    assert project.saved == {
        IDS[0]: {"url": f"{found.url}hot-reader", "token": TOKEN},
        IDS[1]: {"url": f"{found.url}hot-reader-last-entry", "token": TOKEN},
    }
    assert (found.auth_type, found.lacking) == ("NONE", ())
    assert found.url in shown
    assert "nothing throttles a Function URL" in shown
    assert spelled(TOKEN, shown) == []


def test_a_second_run_with_a_function_url_changes_nothing(project):
    project.ok(*FUNCTION_URL)
    before = project.state()
    project.calls.clear()
    assert "Nothing to change" in project.ok(*FUNCTION_URL)
    assert project.written() == []
    assert project.state() == before


def test_without_the_option_what_is_published_stays(project):
    project.ok(*FUNCTION_URL)
    before = project.state()
    assert "Nothing to change" in project.ok()
    assert project.state() == before


def test_the_api_again_takes_the_function_url_away(project):
    project.ok()
    before = project.state()
    project.ok(*FUNCTION_URL)
    shown = project.ok("--endpoint", "api-gateway")
    assert "Function URL of hot-reader-multicloud: removed" in shown
    assert project.state() == before
    assert "Nothing to change" in project.ok()


@pytest.mark.parametrize(
    ("before", "after"), [("api-gateway", "function-url"), ("function-url", "api-gateway")]
)
def test_a_dry_run_of_a_switch_changes_nothing(project, before, after):
    project.ok("--endpoint", before)
    state = project.state()
    project.calls.clear()
    shown = project.ok("--dry-run", "--endpoint", after)
    assert all(name in shown for name in IDS)
    assert "permission lambda:InvokeFunctionUrl" in shown
    assert "Function URL of hot-reader-multicloud" in shown
    assert project.written() == []
    assert project.state() == state


def test_what_was_broken_by_hand_is_put_right(project):
    project.ok(*FUNCTION_URL)
    before = project.state()
    client = project.aws.client("lambda")
    client.remove_permission(FunctionName=project.arn, StatementId="hot-reader-function-url")
    client.remove_permission(FunctionName=project.arn, StatementId="hot-reader-function-url-invoke")
    # An id of ours that permits something else.
    client.add_permission(
        FunctionName=project.arn,
        StatementId="hot-reader-function-url",
        Action="lambda:InvokeFunctionUrl",
        Principal="*",
        FunctionUrlAuthType="AWS_IAM",
    )
    client.update_function_url_config(FunctionName=project.arn, AuthType="AWS_IAM")
    assert project.state() != before
    project.ok()
    assert project.state() == before
    assert project.function_url().lacking == ()


def test_a_url_whose_permissions_were_removed_is_known_by_the_connections(project):
    project.ok(*FUNCTION_URL)
    before = project.state()
    client = project.aws.client("lambda")
    for sid in project.function_url().statements:
        client.remove_permission(FunctionName=project.arn, StatementId=sid)
    project.ok()
    assert project.state() == before


def test_a_url_of_somebody_elses_is_neither_used_nor_removed(project):
    client = project.aws.client("lambda")
    made = client.create_function_url_config(FunctionName=project.arn, AuthType="AWS_IAM")
    try:
        assert "wasn't made here" in project.refused(*FUNCTION_URL)
        assert not project.connections.path.exists()
        project.ok()
        project.ok("--endpoint", "api-gateway")
        found = client.get_function_url_config(FunctionName=project.arn)
        assert (found["FunctionUrl"], found["AuthType"]) == (made["FunctionUrl"], "AWS_IAM")
    finally:
        client.delete_function_url_config(FunctionName=project.arn)


@pytest.mark.parametrize("before", [(), FUNCTION_URL])
def test_throttling_is_for_the_api_only(project, before):
    project.ok(*before)
    state = project.state()
    options = ("--rate", "20") if before else (*FUNCTION_URL, "--burst", "20")
    assert "REQUESTS_PER_SECOND" in project.refused(*options)
    assert project.state() == state


@pytest.mark.parametrize("endpoint", ["api-gateway", "function-url"])
def test_connections_to_either_endpoint_are_removed_with_the_stage_and_no_others(project, endpoint):
    project.ok("--endpoint", endpoint)
    connections = project.connections
    own, layout = ProviderLayout("aws", "azure"), ProviderLayout("aws", "aws")

    def removed(layout: ProviderLayout, *, dry_run: bool = False) -> list[str]:
        return remove_others(
            layout,
            connections,
            deployed=DeployedStage.load(project.directory, "multicloud"),
            function_url=project.function_url(),
            dry_run=dry_run,
        )

    assert removed(own) == []
    assert removed(layout, dry_run=True) == list(IDS)
    assert set(project.saved) == set(IDS)
    connections.remove(own, HISTORY)  # one that is gone is no error
    assert removed(layout) == [IDS[1]]
    assert removed(layout) == []
    elsewhere = f"https://{'x' * 32}.lambda-url.eu-central-1.on.aws/hot-reader"
    connections.put(own, HISTORY, url=elsewhere, token=TOKEN)
    assert removed(layout) == []
    assert set(project.saved) == {CONNECTION}


@pytest.mark.parametrize("option", [FUNCTION_URL, ("--rate", "3"), ("--burst", "3")])
def test_options_of_a_stage_are_refused_for_another_cloud(remote, option):
    assert "belong to --stage" in remote.refused(*FROM_AZURE, *option, stage=None, given=TOKEN)
