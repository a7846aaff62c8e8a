"""The failures that a verb reports in a sentence, and the exit code of each.

What asks AWS raises botocore's own errors, too, and its docstring doesn't say so each time.
"""

from __future__ import annotations

from typing import ClassVar, Final

from botocore.exceptions import ClientError

_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException"})


class VerbError(Exception):
    """The command, the configuration or a file is wrong; the message says what to do."""

    exit_code: ClassVar[int] = 2


class RefusedError(VerbError):
    """A cloud refused; the message says what, and holds no secret."""

    exit_code = 1


def lacks_permission(error: Exception) -> bool:
    """Say whether AWS refused because the credentials lack a permission."""
    cause = error.__cause__ or error
    return isinstance(cause, ClientError) and cause.response["Error"]["Code"] in _DENIED
