"""The hops of the Hot Readers' HTTP endpoints and of the hot storage behind them."""

from __future__ import annotations

import json
import secrets
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

import requests
import urllib3

from chalicelib.contracts import wire_contract
from chalicelib.model.errors import ConfigurationError
from chalicelib.model.instants import NANOSECONDS
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.query import HistoryQuery, LastEntryQuery
from chalicelib.model.reads import LAST_ENTRY
from chalicelib.settings.secure_url import LOOPBACK_HOSTS, check_reader_url
from deploy_scripts.verify.diagnosis import no_answer, refusal_advice, short
from deploy_scripts.verify.hop import BrokenHopError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts.project_files.twin_configuration import Device
    from deploy_scripts.verify.hop import Finding

HOUR: Final = 3_600 * NANOSECONDS
MAX_RESULTS: Final = 25

_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 30
"""API Gateway gives a request 29 seconds."""
_STORE_TROUBLE: Final = frozenset({500, 503})


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
        The id that finds the request in the logs.
    """

    status: int
    document: Any
    trace_id: str

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The contract's error answer, if it is one."""
        error = self.document.get("error") if isinstance(self.document, dict) else None
        return error if isinstance(error, dict) and "code" in error else None

    def __str__(self) -> str:
        """Return the status, the error and the trace id."""
        said = f"{self.status} without the contract's error answer"
        if self.error is not None:
            said = short(f"{self.status} {self.error['code']}: {self.error.get('message')}")
        return f"{said} (trace id {self.trace_id})"


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Hot Reader's HTTP endpoint.

    Attributes
    ----------
    read
        The read that it is for.
    url
        Its URL.
    source_cloud
        The cloud that asks.
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
            status, content = _post(self.url, envelope, token)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            seconds = (_CONNECT_SECONDS, _ANSWER_SECONDS)
            raise BrokenHopError(*no_answer(error, urlsplit(self.url).netloc, seconds)) from error
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        stated = document.get("trace_id") if isinstance(document, dict) else None
        return EndpointAnswer(status, document, stated if isinstance(stated, str) else trace_id)


def _post(url: str, envelope: Mapping[str, Any], token: str) -> tuple[int, bytes]:
    give_up = time.monotonic() + _ANSWER_SECONDS
    with requests.Session() as session:
        # Neither ~/.netrc nor, for this machine, a proxy.
        session.auth = lambda request: request
        session.trust_env = urlsplit(url).hostname not in LOOPBACK_HOSTS
        with session.post(
            url,
            json=envelope,
            headers={"Accept": "application/json", wire_contract.TOKEN_HEADER: token},
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


def last_hour(
    device: Device,
    names: Sequence[str],
    *,
    max_results: int = MAX_RESULTS,
    descending: bool = False,
) -> HistoryQuery:
    """Return a query for some properties' last hour."""
    now = time.time_ns()
    return HistoryQuery(
        **_what(device, names),
        start=now - HOUR,
        end=now,
        max_results=max_results,
        descending=descending,
    )


def _what(device: Device, names: Sequence[str]) -> dict[str, Any]:
    types = {each.name: each.data_type for each in device.properties if each.name in names}
    return {
        "device_id": device.id,
        "selected_properties": tuple(types),
        "property_types": types,
    }


def check_endpoint(endpoint: Endpoint, device: Device, token: str) -> Finding[EndpointAnswer]:
    """Check that an endpoint is there, refuses a wrong token and accepts the right one.

    An answer that shows trouble behind the endpoint is passed on to `check_store`.
    """
    names = [each.name for each in device.properties]
    query: LastEntryQuery = last_hour(device, names)
    if endpoint.read is LAST_ENTRY:
        query = LastEntryQuery(**_what(device, names))
    refusal = endpoint.ask(query, secrets.token_urlsafe(32))
    if refusal.status not in _STORE_TROUBLE:
        _check_refusal(endpoint, refusal)
    answer = endpoint.ask(query, token)
    where = endpoint.public_url
    if answer.status in _STORE_TROUBLE:
        return f"{where} answers, though with a {answer.status}", answer
    if answer.status != 200:
        _refused(endpoint, answer)
    if refusal.status != 401:
        _check_refusal(endpoint, refusal)
    _check_shape(endpoint, answer)
    return f"{where}: a wrong token is refused, the right one accepted", answer


def _check_refusal(endpoint: Endpoint, answer: EndpointAnswer) -> None:
    if answer.status == 200:
        raise BrokenHopError(
            "A wrong token is accepted: anyone can read the telemetry.",
            "Take the endpoint off the network now. Then check that the URL is a Hot Reader's, and "
            "deploy that again.",
        )
    if answer.status != 401:
        _refused(endpoint, answer)
    if answer.error is None:
        raise BrokenHopError(
            "A wrong token is refused, but not by a Hot Reader: the 401 isn't the contract's.",
            "Something before the endpoint wants a login (a function key, IAM, a proxy). Let requests "
            "through to the Hot Reader, which checks the token itself.",
        )


def _refused(endpoint: Endpoint, answer: EndpointAnswer) -> NoReturn:
    raise BrokenHopError(f"{endpoint.public_url} answers {answer}.", refusal_advice(answer.status))


def _check_shape(endpoint: Endpoint, answer: EndpointAnswer) -> None:
    document = answer.document if isinstance(answer.document, dict) else {}
    values = document.get("propertyValues")
    member, kind = ("propertyValue", dict) if endpoint.read is LAST_ENTRY else ("values", list)
    parts = values.values() if isinstance(values, dict) else values or ()
    if not isinstance(values, endpoint.read.answer_type) or not all(
        isinstance(each, dict) and isinstance(each.get(member), kind) for each in parts
    ):
        raise BrokenHopError(
            f"{endpoint.public_url} answers 200, but not as the contract has it for the "
            f"{endpoint.read.title} (docs/openapi.yaml).",
            "Check that the URL is a Hot Reader's, and that the two URLs aren't swapped.",
        )


def check_store(
    history: EndpointAnswer, last_entry: EndpointAnswer, device_id: str
) -> Finding[None]:
    """Judge by the endpoints' answers whether the hot storage could be read."""
    for answer in (history, last_entry):
        if answer.status in _STORE_TROUBLE:
            raise BrokenHopError(
                f"The Hot Reader couldn't read: {answer}.",
                "The store is unavailable, throttles, or refuses."
                if answer.status == 503
                else "The Hot Reader's log has the reason under the trace id: often its settings "
                "(table, token) or a permission. Without a trace id there, it can't start.",
            )
    if not last_entry.document["propertyValues"]:
        return f"readable, but it has nothing of {device_id} yet", None
    count = sum(len(each["values"]) for each in history.document["propertyValues"])
    return f"{device_id}: {count} values of the last hour, and a last entry", None
