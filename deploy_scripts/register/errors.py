"""What a registration that was refused is told as."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from deploy_scripts.errors import RefusedError

if TYPE_CHECKING:
    from collections.abc import Iterator


class RegistrationError(RefusedError):
    """TwinMaker, IAM or Lambda refused; the message has AWS's own code and message."""


class NotOursError(RegistrationError):
    """A thing has one of our ids but not our tags."""


@contextmanager
def calling(what: str) -> Iterator[None]:
    """Say in an error of AWS what it was about."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        raise RegistrationError(
            f"{what}: {error.operation_name} was refused: "
            f"{details.get('Code')}: {details.get('Message')}"
        ) from error
