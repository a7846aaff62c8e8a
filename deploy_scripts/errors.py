"""The failures that a verb reports in a sentence, and the exit code of each.

What asks AWS raises botocore's own errors, too. Docstrings name the errors that somebody handles, or that
tell what was left behind; the others end the verb with their message.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final, ParamSpec, TypeVar

from botocore.exceptions import ClientError

if TYPE_CHECKING:
    from collections.abc import Callable

    Request = ParamSpec("Request")
    Answer = TypeVar("Answer")

_GONE: Final = frozenset(
    {
        *("NoSuchEntity", "NotFoundException", "ResourceNotFoundException"),
        *("InvalidResourceId", "ParameterNotFound"),
    }
)
_DENIED: Final = frozenset({"AccessDenied", "AccessDeniedException"})


class VerbError(Exception):
    """The command, the configuration or a file is wrong; the message says what to do, and holds no secret."""

    exit_code: ClassVar[int] = 2


class RefusedError(VerbError):
    """A cloud refused; the message says what, and holds no secret."""

    exit_code = 1


def lacks_permission(error: Exception) -> bool:
    """Say whether AWS refused because the credentials lack a permission."""
    return code_of(error) in _DENIED


def not_there(error: Exception) -> bool:
    """Say whether AWS refused because there isn't what the call was about."""
    return code_of(error) in _GONE


def unless_gone(
    call: Callable[Request, Answer], *args: Request.args, **request: Request.kwargs
) -> Answer | None:
    """Call AWS; return None if there isn't what the call is about."""
    try:
        return call(*args, **request)
    except (ClientError, RefusedError) as error:
        if not_there(error):
            return None
        raise


def code_of(error: Exception) -> str | None:
    """Return AWS's code of an error that it caused; None if it didn't."""
    refusal = error if isinstance(error, ClientError) else error.__cause__
    return refusal.response["Error"]["Code"] if isinstance(refusal, ClientError) else None
