"""Chalice's record of what it deployed."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from chalice.deploy.deployer import ResultsRecorder
from chalice.utils import OSUtils

from chalicelib.model.errors import ConfigurationError
from deploy_scripts.stage.deployed import DeployedStage, NotDeployedError, RestApi

if TYPE_CHECKING:
    from pathlib import Path

ARN = "arn:aws:lambda:eu-central-1:123456789012:function:multi-cloud-hot-reader-prod"
ROLE = "arn:aws:iam::123456789012:role/multi-cloud-hot-reader-prod-api_handler"
HANDLER = {"name": "api_handler", "resource_type": "lambda_function", "lambda_arn": ARN}
READER = {"name": "hot-reader", "resource_type": "lambda_function", "lambda_arn": f"{ARN}-x"}
API = {
    "name": "rest_api",
    "resource_type": "rest_api",
    "rest_api_id": "a1b2",
    "rest_api_url": "https://a1b2.execute-api.eu-central-1.amazonaws.com/api/",
}
IAM_ROLE = {
    "name": "api_handler_role",
    "resource_type": "iam_role",
    "role_arn": ROLE,
    "role_name": "multi-cloud-hot-reader-prod-api_handler",
}
LAYER = {"name": "layer", "resource_type": "lambda_layer", "layer_version_arn": "..."}


def record(project: Path, *resources: Any, stage: str = "prod") -> None:
    """Let Chalice itself write the file."""
    results = {"resources": list(resources), "schema_version": "2.0", "backend": "api"}
    ResultsRecorder(OSUtils()).record_results(results, stage, str(project))


def damage(project: Path, text: str) -> None:
    record(project)
    (project / ".chalice" / "deployed" / "prod.json").write_text(text)


def test_functions_and_the_api_are_found_by_their_chalice_names(tmp_path: Path) -> None:
    record(tmp_path, IAM_ROLE, HANDLER, LAYER, READER, API)
    deployed = DeployedStage.load(tmp_path, "prod")
    assert deployed.lambda_arn("hot-reader") == f"{ARN}-x"
    assert deployed.lambda_arns == {"api_handler": ARN, "hot-reader": f"{ARN}-x"}
    assert deployed.rest_api == RestApi("a1b2", API["rest_api_url"])


def test_a_stage_without_an_api_has_none(tmp_path: Path) -> None:
    record(tmp_path, READER)
    assert DeployedStage.load(tmp_path, "prod").rest_api is None


def test_a_stage_that_was_never_deployed_is_named_with_those_that_were(tmp_path: Path) -> None:
    record(tmp_path, READER, stage="singlecloud")
    with pytest.raises(NotDeployedError, match=r"'prod' has never been deployed.*: singlecloud"):
        DeployedStage.load(tmp_path, "prod")


def test_a_project_that_was_never_deployed_is_told_how(tmp_path: Path) -> None:
    with pytest.raises(
        NotDeployedError, match=r"\(python -m deploy_scripts deploy --stage prod\)$"
    ):
        DeployedStage.load(tmp_path, "prod")


def test_a_deleted_stage_has_nothing(tmp_path: Path) -> None:
    record(tmp_path)
    deployed = DeployedStage.load(tmp_path, "prod")
    assert (deployed.lambda_arns, deployed.rest_api) == ({}, None)
    with pytest.raises(NotDeployedError, match="without the function 'hot-reader'; it has none"):
        deployed.lambda_arn("hot-reader")


def test_a_missing_function_is_named_with_those_that_are_there(tmp_path: Path) -> None:
    record(tmp_path, HANDLER, READER)
    with pytest.raises(NotDeployedError, match="'x'; it has api_handler, hot-reader"):
        DeployedStage.load(tmp_path, "prod").lambda_arn("x")


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("", "isn't JSON"),
        ('{"resources": [', "isn't JSON"),
        ("[]", "no list of resources"),
        ('{"schema_version": "2.0"}', "no list of resources"),
        ('{"resources": []}', "schema_version is None"),
        ('{"resources": [], "schema_version": "3.0"}', "schema_version is '3.0'"),
        ('{"resources": [1], "schema_version": "2.0"}', r"resources\[0\] isn't an object"),
    ],
)
def test_a_damaged_record_says_what_is_wrong(tmp_path: Path, text: str, problem: str) -> None:
    damage(tmp_path, text)
    with pytest.raises(ConfigurationError, match=f"damaged: .*prod.json.*{problem}"):
        DeployedStage.load(tmp_path, "prod")


@pytest.mark.parametrize(
    ("resource", "member"),
    [
        (READER, "name"),
        (READER, "resource_type"),
        (READER, "lambda_arn"),
        (API, "rest_api_id"),
        (API, "rest_api_url"),
        (IAM_ROLE, "role_arn"),
        (IAM_ROLE, "role_name"),
    ],
)
def test_a_record_without_a_needed_member_says_where(
    tmp_path: Path, resource: dict[str, str], member: str
) -> None:
    broken = {key: value for key, value in resource.items() if key != member}
    damage(tmp_path, json.dumps({"resources": [READER, broken], "schema_version": "2.0"}))
    with pytest.raises(ConfigurationError, match=rf"resources\[1\] has no {member}"):
        DeployedStage.load(tmp_path, "prod")


def test_bytes_that_arent_text_are_damage(tmp_path: Path) -> None:
    record(tmp_path)
    (tmp_path / ".chalice" / "deployed" / "prod.json").write_bytes(b"\xff\xfe\xff")
    with pytest.raises(ConfigurationError, match="damaged"):
        DeployedStage.load(tmp_path, "prod")
