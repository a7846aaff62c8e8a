"""A Hot Reader's HTTP endpoint, asked once and without mercy, and what it is asked."""

from __future__ import annotations

import json
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import requests
import urllib3

from chalicelib.contracts import wire_contract
from chalicelib.model.errors import ConfigurationError
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.query import HistoryQuery, LastEntryQuery
from chalicelib.model.timestamps import NANOSECONDS
from chalicelib.settings.secure_url import LOOPBACK_HOSTS, check_reader_url
from deploy_scripts.verify.diagnosis import no_answer, short
from deploy_scripts.verify.hop import BrokenHopError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.twin_configuration import Device

HOUR: Final = 3_600 * NANOSECONDS
MAX_RESULTS: Final = 25

_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 30
"""API Gateway gives a request 29 seconds."""


@dataclass(frozen=True, slots=True)
class EndpointAnswer:
    """An HTTP answer.

    Attributes
    ----------
    status
        Its status.
    document
        Its JSON; None if it is something else.
    trace_id
        What finds the request in the logs.
    """

    status: int
    document: Any
    trace_id: str

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The contract's error answer, if it is one."""
        error = self.document.get("error") if isinstance(self.document, dict) else None
        return error if isinstance(error, dict) and "code" in error else None

    @property
    def in_words(self) -> str:
        """The status and what was said about it."""
        if self.error is None:
            return f"{self.status} without the contract's error answer"
        return short(f"{self.status} {self.error['code']}: {self.error.get('message')}")


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Hot Reader's HTTP endpoint.

    Attributes
    ----------
    read
        Which read it is for.
    url
        Where it is.
    source_cloud
        Who asks.
    """

    read: Read
    url: str = field(repr=False)
    source_cloud: str

    @property
    def public_url(self) -> str:
        """The URL without its query, which may be a key."""
        return urlsplit(self.url)._replace(query="", fragment="").geturl()

    def ask(self, query: LastEntryQuery, token: str) -> EndpointAnswer:
        """Send one request; nothing is tried again.

        Raises
        ------
        BrokenHopError
            There was no answer.
        """
        try:
            check_reader_url(f"The URL of {self.read.hot_reader}", self.url)
        except ConfigurationError as error:
            advice = "Give it an https URL: the token must not cross a network in the clear."
            raise BrokenHopError(str(error), advice) from error
        trace_id = wire_contract.new_trace_id()
        envelope = wire_contract.envelope(
            query, source_cloud=self.source_cloud, timestamp=time.time_ns(), trace_id=trace_id
        )
        try:
            with _session(self.url) as session:
                status, content = _exchange(session, self.url, envelope, token)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            seconds = (_CONNECT_SECONDS, _ANSWER_SECONDS)
            raise BrokenHopError(*no_answer(error, urlsplit(self.url).netloc, seconds)) from error
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        stated = document.get("trace_id") if isinstance(document, dict) else None
        return EndpointAnswer(status, document, stated if isinstance(stated, str) else trace_id)


def _session(url: str) -> requests.Session:
    session = requests.Session()
    session.headers.update({"Accept": "application/json"})
    # Neither ~/.netrc nor, for this machine, a proxy.
    session.auth = lambda request: request
    session.trust_env = urlsplit(url).hostname not in LOOPBACK_HOSTS
    return session


def _exchange(
    session: requests.Session, url: str, envelope: Mapping[str, Any], token: str
) -> tuple[int, bytes]:
    give_up = time.monotonic() + _ANSWER_SECONDS
    with session.post(
        url,
        json=envelope,
        headers={wire_contract.TOKEN_HEADER: token},
        timeout=(_CONNECT_SECONDS, _ANSWER_SECONDS),
        allow_redirects=False,
        stream=True,
    ) as response:
        content = b""
        for chunk in response.iter_content(65_536):
            content += chunk
            if time.monotonic() > give_up:
                raise requests.ReadTimeout
            if len(content) > LARGEST_PAYLOAD:
                break
        return response.status_code, content


def last_entry_query(device: Device) -> LastEntryQuery:
    """Ask for all of a device's newest entry."""
    return LastEntryQuery(
        device_id=device.id,
        selected_properties=tuple(each.name for each in device.properties),
        property_types={each.name: each.data_type for each in device.properties},
        entity_id=None,
        component_name=None,
    )


def history_query(
    device: Device,
    names: Sequence[str] | None = None,
    *,
    max_results: int = MAX_RESULTS,
    descending: bool = False,
) -> HistoryQuery:
    """Ask for the last hour of a device."""
    now = time.time_ns()
    chosen = [each for each in device.properties if names is None or each.name in names]
    return HistoryQuery(
        device_id=device.id,
        selected_properties=tuple(each.name for each in chosen),
        property_types={each.name: each.data_type for each in chosen},
        entity_id=None,
        component_name=None,
        start=now - HOUR,
        end=now,
        max_results=max_results,
        descending=descending,
    )
