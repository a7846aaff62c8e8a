"""What AWS's service models allow as names, checked before half of it is written."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from chalicelib.model.errors import ConfigurationError

if TYPE_CHECKING:
    from collections.abc import Mapping


def check_name(client: Any, shape: str, text: str, what: str) -> None:
    """Check a text against a shape of the client's service model.

    Parameters
    ----------
    client
        A boto3 client.
    shape
        The shape's name.
    text
        What is checked.
    what
        How to call it in an error.

    Raises
    ------
    ConfigurationError
        The service doesn't allow it.
    """
    limits: Mapping[str, Any] = client.meta.service_model.shape_for(shape).metadata
    pattern = limits.get("pattern", ".*")
    if re.fullmatch(pattern, text) is None:
        raise ConfigurationError(f"{what} is {text!r}; AWS wants it to match {pattern}")
    longest = limits.get("max", math.inf)
    if not limits.get("min", 0) <= len(text) <= longest:
        raise ConfigurationError(
            f"{what} is {text!r}, {len(text)} characters; AWS allows {longest}"
        )
