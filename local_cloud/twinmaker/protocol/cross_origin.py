"""CORS: the web pages that a browser lets talk to the local TwinMaker, by the Fetch standard.

The server has no authentication, and a component type may lead to a Lambda function on AWS, with
the credentials of whoever started it. So a request from a page of another site is refused before
it is looked at, and not only kept from reading the answer. A browser says where a request comes
from (``Origin``) in all that change something or read values, which are no GETs.
"""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from ..errors import AccessRefusedError

if TYPE_CHECKING:
    from collections.abc import Collection

    from werkzeug.datastructures import Headers

_METHODS = "GET, POST, PUT, DELETE"
"""The methods of the service model's operations."""

_EXPOSED = "x-amzn-RequestId, x-amzn-ErrorType, Date"
"""What an SDK reads of an answer's headers: the request's id, the exception, the clock's skew."""

_REMEMBERED = 600
"""Seconds for which a browser needn't ask again."""


class CrossOrigin:
    """The pages that may talk to the server: those of this machine, and further ones by name.

    Parameters
    ----------
    allowed : collection of str
        Further origins, such as ``https://grafana.example.com``; ``*`` for all.
    """

    def __init__(self, allowed: Collection[str] = ()) -> None:
        self._allowed = frozenset(allowed)

    def headers(self, request: Headers) -> dict[str, str]:
        """Return what an answer needs so that the page that asked may read it.

        Parameters
        ----------
        request : werkzeug.datastructures.Headers
            The request's headers. A client that isn't a browser sends no ``Origin`` and needs
            nothing.

        Raises
        ------
        AccessRefusedError
            The page isn't one of those that may ask.
        """
        origin = request.get("Origin")
        if origin is None:
            return {}
        if not self._allows(origin):
            raise AccessRefusedError(
                f"Pages of {origin} may not use this local TwinMaker: start it with "
                f"--allow-origin {origin}"
            )
        return {
            "Access-Control-Allow-Origin": origin,
            "Access-Control-Expose-Headers": _EXPOSED,
            "Vary": "Origin",
        }

    @staticmethod
    def preflight(request: Headers) -> dict[str, str]:
        """Return what the answer to a browser's ``OPTIONS`` has in addition.

        Whatever headers are asked for are allowed: which ones an SDK sends (``amz-sdk-request``,
        ``x-amz-user-agent``, ``authorization``) changes with its version.
        """
        allowed = {
            "Access-Control-Allow-Methods": _METHODS,
            "Access-Control-Allow-Headers": request.get("Access-Control-Request-Headers", "*"),
            "Access-Control-Max-Age": str(_REMEMBERED),
        }
        if request.get("Access-Control-Request-Private-Network") == "true":
            allowed["Access-Control-Allow-Private-Network"] = "true"
        return allowed

    def _allows(self, origin: str) -> bool:
        return not self._allowed.isdisjoint({"*", origin}) or _is_of_this_machine(origin)


def _is_of_this_machine(origin: str) -> bool:
    """Tell whether a page came from this machine. ``localhost`` and names below it did: RFC 6761."""
    try:
        host = urlsplit(origin).hostname or ""
    except ValueError:
        return False
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
