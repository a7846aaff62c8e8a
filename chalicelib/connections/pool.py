"""Pools of connections, by the proxies and certificates that the environment names."""

from __future__ import annotations

import os
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

import certifi
from urllib3 import PoolManager, ProxyManager, disable_warnings
from urllib3.exceptions import InsecureRequestWarning

from chalicelib.connections.answer_time import with_bounded_answers


def pool_for(host: str, connections: int, *, verify: bool = True) -> PoolManager:
    """Make a pool of connections to a host, whose read time-out bounds whole answers.

    The environment names proxies and certificates as it does for requests (Requests documentation,
    'Proxies' and 'SSL Cert Verification').

    Parameters
    ----------
    host
        The URL of the host.
    connections
        The most that are kept open.
    verify
        True to trust a known authority's certificates only.

    Raises
    ------
    OSError
        The authorities' certificates can't be read.

    Examples
    --------
    >>> pool_for("http://127.0.0.1:8080", 4).connection_pool_kw["maxsize"]
    4
    """
    options: dict[str, Any] = {"maxsize": connections}
    parts = urlsplit(host)
    if parts.scheme == "https" and verify:
        options["ssl_context"] = _trusting_known_authorities()
    else:
        disable_warnings(InsecureRequestWarning)
        options["cert_reqs"] = "CERT_NONE"
    proxies = {} if proxy_bypass(parts.hostname or "") else getproxies()
    proxy = proxies.get(parts.scheme) or proxies.get("all")
    return with_bounded_answers(ProxyManager(proxy, **options) if proxy else PoolManager(**options))


def _trusting_known_authorities() -> ssl.SSLContext:
    """Load the authorities' certificates once, not for each connection."""
    named = os.environ.get("REQUESTS_CA_BUNDLE") or os.environ.get("CURL_CA_BUNDLE")
    bundle = Path(named or certifi.where())
    try:
        if bundle.is_dir():
            return ssl.create_default_context(capath=bundle)
        return ssl.create_default_context(cafile=bundle)
    except OSError as error:
        message = f"the authorities' certificates in {bundle} can't be read: {error}"
        raise OSError(message) from error
