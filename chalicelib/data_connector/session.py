"""Sessions with another cloud's Hot Reader."""

from __future__ import annotations

from http.cookiejar import DefaultCookiePolicy
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import requests
from requests.adapters import HTTPAdapter

from chalicelib.connections.answer_time import with_bounded_answers_of_requests
from chalicelib.settings.secure_url import LOOPBACK_HOSTS

if TYPE_CHECKING:
    from collections.abc import Mapping


def new_session(url: str, headers: Mapping[str, str]) -> requests.Session:
    """Return a session for requests to one URL, which adds nothing to them but some headers.

    A request's read time-out bounds its whole answer, whose content is read as it comes.
    """
    session = requests.Session()
    adapter = with_bounded_answers_of_requests(HTTPAdapter())
    session.mount("https://", adapter)
    session.mount("http://", adapter)
    session.headers.update(headers)
    session.auth = _no_auth
    session.cookies.set_policy(DefaultCookiePolicy(allowed_domains=[]))
    session.stream = True
    # No redirect is followed. allow_redirects=False would still read its whole body.
    session.get_redirect_target = lambda _response: None  # type: ignore[method-assign,assignment]
    # A request to this machine, without TLS, must not pass a proxy of the environment.
    session.trust_env = urlsplit(url).hostname not in LOOPBACK_HOSTS
    return session


def _no_auth(request: requests.PreparedRequest) -> requests.PreparedRequest:
    """Keep requests from adding a login from ~/.netrc."""
    return request
