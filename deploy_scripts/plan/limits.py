"""Limits of AWS that a twin's names or a region meet, told before AWS refuses a part of a deployment."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import botocore.session

from deploy_scripts.register.names import collisions, entity_flaws, twin_flaws
from deploy_scripts.register.twin import Twin
from deploy_scripts.stage.stage import STAGES_FILE

if TYPE_CHECKING:
    from collections.abc import Iterator

    from deploy_scripts.project_files.twin_configuration import TwinConfiguration
    from deploy_scripts.stage.stage import Stage

_LONGEST_FUNCTION_NAME: Final = 64
"""Characters of a Lambda function's name, and of its role's (IAM's service model, `roleNameType`)."""
_NO_FUNCTION_URLS: Final = frozenset(
    {
        *("ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6", "ap-southeast-7"),
        *("ap-east-2", "ca-west-1", "eu-south-2", "eu-central-2", "il-central-1", "me-central-1"),
    }
)
"""Regions without Function URLs (Lambda developer guide, 'Creating and managing Lambda function URLs')."""
_RESERVED: Final = re.compile("ssm:/?(aws|ssm)", re.IGNORECASE)
"""A parameter's name that SSM keeps for itself (SSM API reference, PutParameter)."""


def limits(
    twin: TwinConfiguration,
    stage: Stage,
    *,
    token: str | None,
    function_url: bool,
    region: str | None,
) -> Iterator[str]:
    """Yield in sentences what AWS would refuse.

    Parameters
    ----------
    token
        The reference to the token, if there is one on AWS.
    function_url
        True if the endpoints are to be behind a Function URL.
    region
        The region that the environment leads to; None if it isn't known.
    """
    for name in map(stage.deployed_name, stage.functions(twin.layout)):
        if len(name) > _LONGEST_FUNCTION_NAME:
            yield (
                f"The name {name} has {len(name)} characters, and Lambda takes "
                f"{_LONGEST_FUNCTION_NAME}: choose a shorter stage, or a shorter app_name in "
                f"{STAGES_FILE}."
            )
    if token is not None and _RESERVED.match(token):
        yield (
            f"The token would be in {token}, and SSM takes no name that begins with aws or ssm: give "
            "deploy another --token-name, or --token-store secretsmanager."
        )
    if function_url and region in _NO_FUNCTION_URLS:
        yield (
            f"Lambda has no Function URLs in {region}: leave out --endpoint function-url, or choose "
            "another region."
        )
    if twin.layout.layer_4 == "aws":
        yield from _of_twinmaker(twin, region)


def _of_twinmaker(twin: TwinConfiguration, region: str | None) -> Iterator[str]:
    session = botocore.session.get_session()
    known = {
        each
        for partition in session.get_available_partitions()
        for each in session.get_available_regions("iottwinmaker", partition)
    }
    if region is not None and region not in known:
        yield (
            f"TwinMaker isn't in {region}, but in {', '.join(sorted(known))}: choose another region "
            "(or a newer boto3, whose list this is)."
        )
    for flaw in twin_flaws(Twin(twin.name, twin.name)):
        yield f"{flaw}. Choose a shorter digital_twin_name, or give deploy a shorter --workspace."
    for flaw in entity_flaws(twin.devices):
        yield f"{flaw}. Choose another id, or deploy without --entities."
    for collision in collisions(twin.name, twin.devices):
        yield f"{collision}. Choose another id or componentType."
