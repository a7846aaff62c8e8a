"""A stage as `chalice deploy` made it, by Chalice's own record of it.

Chalice writes `.chalice/deployed/STAGE.json` when a deployment is complete: a list of resources, each
with a `name` (the one in app.py), a `resource_type` and what AWS called it (chalice.deploy, class
ResultsRecorder). A name or an ARN that is recorded is never built from parts here.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from chalicelib.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

FUNCTION: Final = "lambda_function"
ROLE: Final = "iam_role"
REST_API: Final = "rest_api"
SCHEMA_VERSION: Final = "2.0"
_NEEDED: Final = {
    FUNCTION: ("lambda_arn",),
    REST_API: ("rest_api_id", "rest_api_url"),
    ROLE: ("role_name", "role_arn"),
}


class NotDeployedError(ConfigurationError):
    """The stage, or what is asked of it, hasn't been deployed."""


@dataclass(frozen=True, slots=True)
class RestApi:
    """A stage's REST API: API Gateway's id of it, and its URL with the API's stage and a slash."""

    id: str
    url: str


@dataclass(frozen=True, slots=True)
class DeployedStage:
    """A stage as it was last deployed."""

    stage: str
    # The ARN of each Lambda function by its name in app.py; the REST API's handler is
    # `api_handler`.
    lambda_arns: Mapping[str, str]
    rest_api: RestApi | None

    @classmethod
    def load(cls, project: Path, stage: str) -> Self:
        """Read Chalice's record.

        A stage that was deleted with `chalice delete` has a record that lists nothing.

        Raises `NotDeployedError`: there is no record.
        Raises `ConfigurationError`: the record is damaged.
        """
        return cls.of(stage, load_resources(project, stage))

    @classmethod
    def of(cls, stage: str, resources: Sequence[Mapping[str, Any]]) -> Self:
        """Make one of the resources that a record lists."""
        functions = [each for each in resources if each["resource_type"] == FUNCTION]
        apis = [
            RestApi(each["rest_api_id"], each["rest_api_url"])
            for each in resources
            if each["resource_type"] == REST_API
        ]
        arns = {each["name"]: each["lambda_arn"] for each in functions}
        return cls(stage, arns, apis[0] if apis else None)

    def lambda_arn(self, name: str) -> str:
        """Return a Lambda function's ARN by its name in app.py."""
        if name not in self.lambda_arns:
            functions = ", ".join(sorted(self.lambda_arns)) or "none"
            raise NotDeployedError(
                f"The stage {self.stage!r} was deployed without the function {name!r}; it has "
                f"{functions}. Deploy it again for this provider layout, or name another stage."
            )
        return self.lambda_arns[name]


def deploy_command(stage: str) -> str:
    """Return the command that deploys a stage, also from a clone without Chalice's record of it.

    A bare `chalice deploy` would make a second REST API there.
    """
    return f"python -m deploy_scripts deploy --stage {stage}"


def record_path(project: Path, stage: str) -> Path:
    """Return the path of Chalice's record of a stage."""
    return project / ".chalice" / "deployed" / f"{stage}.json"


def load_resources(project: Path, stage: str) -> list[dict[str, Any]]:
    """Return the resources that Chalice's record lists; raises what `DeployedStage.load` raises."""
    path = record_path(project, stage)
    try:
        record = json.loads(path.read_bytes())
    except FileNotFoundError as error:
        others = sorted(each.stem for each in path.parent.glob("*.json"))
        raise NotDeployedError(
            f"The stage {stage!r} has never been deployed from here: there is no {path}. Deploy "
            f"it ({deploy_command(stage)})"
            + (f", or name one that was: {', '.join(others)}" if others else "")
        ) from error
    except OSError as error:
        raise _damaged(path, str(error.strerror)) from error
    except ValueError as error:
        raise _damaged(path, f"it isn't JSON ({error})") from error
    flaw = _flaw(record)
    if flaw is not None:
        raise _damaged(path, flaw)
    return list(record["resources"])


def _flaw(record: Any) -> str | None:
    """Return what is wrong with a record; None if nothing is."""
    if not isinstance(record, dict) or not isinstance(record.get("resources"), list):
        return "it has no list of resources"
    version = record.get("schema_version")
    if version != SCHEMA_VERSION:
        return f"its schema_version is {version!r}, not {SCHEMA_VERSION!r}"
    for number, resource in enumerate(record["resources"]):
        if not isinstance(resource, dict):
            return f"resources[{number}] isn't an object"
        needed = _NEEDED.get(str(resource.get("resource_type")), ())
        for member in ("name", "resource_type", *needed):
            if not isinstance(resource.get(member), str) or not resource[member]:
                return f"resources[{number}] has no {member}"
    return None


def _damaged(path: Path, problem: str) -> ConfigurationError:
    return ConfigurationError(
        f"Chalice's record of what it deployed is damaged: {path}: {problem}. Restore the file from "
        "where the stage was deployed; or delete it, and run deploy or destroy of deploy_scripts, which "
        "find on AWS what is this stage's."
    )
