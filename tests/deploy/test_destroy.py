"""`destroy` of a stage whose functions are gone: what it may not look at, what it keeps, what it deletes.

The functions' own end is with `test_deployment` and `test_killed`.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

import pytest

from deploy_scripts.tokens.stage_token import default_token_name
from deploy_scripts.tokens.stores import ParameterStore
from local_cloud.aws.account import LocalAws
from local_cloud.twinmaker import LocalTwinMaker
from tests.deploy.configured import Command, copy_project
from tests.unit.chalicelib.servers import Scripted, response

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

TOKEN: Final = default_token_name("factory-twin", "multicloud")
LOGS: Final = "/aws/lambda/hot-reader-multicloud"
OF_STAGE: Final = [LOGS, f"{LOGS}-digital-twin-data-connector"]
OF_OTHERS: Final = [f"{LOGS}-2", "/aws/lambda/somebody-elses"]
DENIED: Final = json.dumps({"__type": "AccessDeniedException", "message": "may not"}).encode()


class Project(Command):
    """The example twin's project, and an account with log groups."""

    verb = "destroy"

    def __init__(self, directory: Path, aws: LocalAws, twinmaker: LocalTwinMaker) -> None:
        at = {"AWS_ENDPOINT_URL_IOTTWINMAKER": twinmaker.url}
        super().__init__(directory, aws.environment | at)
        self.aws = aws
        copy_project(directory, "config", ".chalice")
        self.providers("aws", "azure")
        for group in (*OF_STAGE, *OF_OTHERS):
            aws.client("logs").create_log_group(logGroupName=group)
        owner = {"stage": "multicloud", "twin": "factory-twin"}
        self.token = ParameterStore(aws.client("ssm"), TOKEN, **owner)
        self.token.put("o" * 43)

    def destroy(self, *options: str, refused_by: str | None = None, code: int = 0) -> str:
        answer = response(403, DENIED, {"x-amzn-ErrorType": "AccessDeniedException"})
        before = self.environment
        with Scripted(answer) as server:
            if refused_by:
                url = server.url.removesuffix("/hot-reader")
                self.environment = before | {f"AWS_ENDPOINT_URL_{refused_by}": url}
            done = self.run("--yes", *options)
        self.environment = before
        return self._ended(code, done)

    def log_groups(self) -> list[str]:
        found = self.aws.client("logs").describe_log_groups()["logGroups"]
        return [each["logGroupName"] for each in found]


@pytest.fixture
def project(tmp_path: Path) -> Iterator[Project]:
    with LocalAws() as aws, LocalTwinMaker(invoke=lambda _arn, _event: {}) as twinmaker:
        yield Project(tmp_path, aws, twinmaker)


def test_a_layout_without_twinmaker_is_destroyed_without_permissions_for_it(project):
    shown = project.destroy(refused_by="IOTTWINMAKER")
    assert "not looked at: workspace factory-twin: GetWorkspace was refused" in shown
    assert "This layout has nothing in TwinMaker." in shown
    assert f"deleted ssm:{TOKEN}" in shown
    assert project.token.get() is None


def test_a_twin_in_twinmaker_that_may_not_be_looked_at_ends_it_before_anything_is_deleted(project):
    project.providers("azure", "aws")
    refused = project.destroy(refused_by="IOTTWINMAKER", code=1)
    assert "GetWorkspace was refused: AccessDeniedException" in refused
    assert project.token.get() is not None


def test_a_layout_without_a_token_is_destroyed_without_permissions_for_one(project):
    project.providers("aws", "aws")
    shown = project.destroy(refused_by="SSM")
    assert "ListTagsForResource" in shown
    assert "This layout has no token." in shown
    assert shown.endswith("Done.\n")


def test_a_layouts_token_that_may_not_be_looked_at_is_a_refusal(project):
    assert "AccessDeniedException" in project.destroy(refused_by="SSM", code=1)


def test_a_token_is_deleted_without_being_read(project):
    """The token may be under a key that whoever deletes it can't use."""
    read: list[Any] = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ParameterStore, "get", read.append)
        project.destroy()
    assert project.token.get() is None
    assert not read


@pytest.mark.parametrize("named", ["{arn}", "the-token-itself-of-good-length"])
def test_a_stage_whose_token_configure_doesnt_look_after_is_destroyed(project, named):
    found = project.aws.client("ssm").get_parameter(Name=TOKEN)["Parameter"]
    path = project.directory / ".chalice" / "config.json"
    document = json.loads(path.read_text())
    variables = document["stages"]["multicloud"]["environment_variables"]
    variables["INTER_CLOUD_TOKEN"] = named.format(arn=f"ssm:{found['ARN']}")
    path.write_text(json.dumps(document))
    shown = project.destroy()
    assert "kept the token that INTER_CLOUD_TOKEN holds or names" in shown
    assert named not in shown
    assert project.token.get() is not None


def test_the_functions_logs_stay_and_are_named(project):
    shown = project.destroy()
    for group in OF_STAGE:
        assert f"kept the log group {group} (--delete-logs deletes it)" in shown
    assert sorted(project.log_groups()) == sorted([*OF_STAGE, *OF_OTHERS])


def test_the_functions_logs_are_deleted_if_that_is_asked_for_and_nobody_elses(project):
    trial = project.destroy("--delete-logs", "--dry-run")
    assert f"would delete the log group {LOGS}\n" in trial
    assert len(project.log_groups()) == len([*OF_STAGE, *OF_OTHERS])
    shown = project.destroy("--delete-logs")
    assert f"deleted the log group {LOGS}\n" in shown
    assert sorted(project.log_groups()) == sorted(OF_OTHERS)


@pytest.mark.parametrize(("options", "code"), [((), 0), (("--delete-logs",), 1)])
def test_logs_that_may_not_be_looked_at_end_nothing_else(project, options, code):
    shown = project.destroy(*options, refused_by="CLOUDWATCH_LOGS", code=code)
    assert project.token.get() is None
    assert "DescribeLogGroups" in shown
    assert ("The functions' logs stay." in shown) == (code == 0)
