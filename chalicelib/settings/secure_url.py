"""URLs that a credential is sent to."""

from __future__ import annotations

import re
from typing import Final
from urllib.parse import urlsplit

from chalicelib.model.errors import ConfigurationError

LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that a token may be sent to in the clear, because it doesn't leave the machine."""
_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.IGNORECASE)


def check_reader_url(name: str, url: str) -> None:
    """Check a Hot Reader's URL; see `check_secure_url`."""
    check_secure_url(name, url, example="https://reader.example.com/hot-reader")


def check_secure_url(name: str, url: str, *, example: str) -> None:
    """Check a URL that a credential will be sent to: HTTPS, or plain HTTP to this machine.

    Parameters
    ----------
    name
        What to call it in a message; the URL itself may hold a key and isn't in it.
    url
        The URL.
    example
        One that is right.

    Raises
    ------
    ConfigurationError
        A credential must not be sent there, or it is no URL.
    """
    if re.search(r"\s", url):
        raise ConfigurationError(f"{name} must not contain whitespace")
    try:
        parts = urlsplit(url)
        _ = parts.port  # is read, and so checked, only now
        host = (parts.hostname or "").encode("idna").decode()
    except ValueError:
        # Its message can repeat credentials that were typed into the URL.
        raise ConfigurationError(f"{name} is not a URL: its host or port is malformed") from None
    if host and not _HOST.fullmatch(host):
        raise ConfigurationError(f"{name} is not a URL: its host is malformed")
    if parts.username is not None or parts.password is not None:
        raise ConfigurationError(f"{name} must not contain a user name or password")
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ConfigurationError(f"{name} must look like {example}")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ConfigurationError(
            f"{name} must use https: a credential would cross the network in the clear to "
            f"{parts.hostname}. Plain http is for this machine only (localhost, 127.0.0.1, ::1)."
        )
