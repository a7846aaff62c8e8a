"""Calls to AWS: the subject of a refused one, answers of several pages, and what isn't there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from botocore.exceptions import ClientError

from chalicelib.data_connector.device import twinmaker_client as configured_client
from deploy_scripts.errors import RefusedError, unless_gone

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

Json = dict[str, Any]


class RegistrationError(RefusedError):
    """TwinMaker, IAM or Lambda refused; the message has AWS's own code and message."""


class NotOursError(RegistrationError):
    """A resource has one of our ids but not our tags."""

    exit_code = 2


def twinmaker_client() -> Any:
    """Return a TwinMaker client with endpoint, region and credentials from the environment."""
    from botocore.config import Config

    return configured_client(Config(retries={"mode": "standard", "total_max_attempts": 8}))


def call(subject: str, operation: Callable[..., Json], **request: Any) -> Json:
    """Call AWS; the error of a refusal begins with the subject."""
    try:
        return operation(**request)
    except ClientError as error:
        details = error.response["Error"]
        why = f"{details['Code']}: {details.get('Message')}"
        refused = f"{subject}: {error.operation_name} was refused: {why}"
        raise RegistrationError(refused) from error


def call_if_there(subject: str, operation: Callable[..., Json], **request: Any) -> Json | None:
    """Call AWS; return None if the subject doesn't exist. Raises what `call` raises."""
    return unless_gone(call, subject, operation, **request)


def pages(subject: str, operation: Callable[..., Json], **request: Any) -> Iterator[Json]:
    """Yield all pages of an answer: botocore has no paginators for TwinMaker."""
    page = call(subject, operation, **request)
    yield page
    while page.get("nextToken"):
        page = call(subject, operation, **request, nextToken=page["nextToken"])
        yield page


def tags_of(client: Any, arn: str) -> dict[str, str]:
    """Return the tags of one of TwinMaker's resources; none if it is gone by now.

    A page has room for 200, and a resource for 50 (TwinMaker API reference).
    """
    request = {"resourceARN": arn, "maxResults": 200}
    found = call_if_there(f"tags of {arn}", client.list_tags_for_resource, **request) or {}
    tags: dict[str, str] = found.get("tags", {})
    return tags
