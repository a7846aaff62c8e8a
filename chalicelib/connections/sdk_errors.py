"""Errors of the clouds' SDKs: those of their own, and those in which their parsers end at an odd answer."""

from __future__ import annotations

from typing import Final

STUMBLES: Final = (AttributeError, LookupError, RecursionError, TypeError, ValueError)
"""At bytes that aren't UTF-8, JSON that is nested deep, or JSON of another shape than the service's."""


def aws_errors() -> tuple[type[Exception], ...]:
    """Return what a call of the AWS SDK raises that doesn't work out; the SDK is loaded for it."""
    from botocore.exceptions import BotoCoreError, ClientError
    from botocore.parsers import ResponseParserError

    return (BotoCoreError, ClientError, ResponseParserError, *STUMBLES)
