"""The hops of the Hot Readers' HTTP endpoints and of the hot storage behind them."""

from __future__ import annotations

import json
import re
import secrets
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final, NoReturn
from urllib.parse import urlsplit

import requests
import urllib3

from chalicelib.contracts import wire_contract
from chalicelib.data_connector.masking import masked, secrets_in
from chalicelib.data_connector.session import new_session
from chalicelib.model.errors import ConfigurationError
from chalicelib.model.instants import NANOSECONDS
from chalicelib.model.limits import LARGEST_PAYLOAD
from chalicelib.model.query import HistoryQuery, LastEntryQuery
from chalicelib.model.reads import LAST_ENTRY
from chalicelib.settings.secure_url import check_reader_url
from deploy_scripts.project_files.inter_cloud import public_url
from deploy_scripts.publish.function_url import PUBLIC, FunctionUrl
from deploy_scripts.verify.diagnosis import no_answer, refusal_advice
from deploy_scripts.verify.hop import BrokenHopError, Finding
from deploy_scripts.wording import short

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from chalicelib.model.reads import Read
    from deploy_scripts import MakeClient
    from deploy_scripts.project_files.twin_configuration import Device

HOUR: Final = 3_600 * NANOSECONDS
MAX_RESULTS: Final = 25

_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 30
"""API Gateway gives a request 29 seconds."""
_STORE_TROUBLE: Final = frozenset({500, 503})
_LONGEST_PAGE: Final = 200
"""Characters that are shown of an answer that isn't the contract's."""
_TAGS: Final = re.compile(r"<(style|script).*?</\1>|<[^>]*>", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class EndpointAnswer:
    """An HTTP answer."""

    read: Read
    status: int
    content: bytes = field(repr=False)
    # The header that says what was left out, spelled as the contract has it; empty if nothing was.
    left_out: str
    sent_trace_id: str
    secrets: frozenset[str] = field(repr=False)

    @cached_property
    def document(self) -> Any:
        """The answer's JSON; None if it is something else."""
        try:
            return json.loads(self.content)
        except (ValueError, RecursionError):
            return None

    @property
    def trace_id(self) -> str:
        """The id that finds the request in the logs."""
        stated = self.document.get("trace_id") if isinstance(self.document, dict) else None
        return stated if isinstance(stated, str) else self.sent_trace_id

    @property
    def error(self) -> Mapping[str, Any] | None:
        """The contract's error answer, if it is one."""
        error = self.document.get("error") if isinstance(self.document, dict) else None
        return error if isinstance(error, dict) and "code" in error else None

    @property
    def is_store_trouble(self) -> bool:
        """True if it is a Hot Reader's own answer that what it depends on has failed."""
        return self.status in _STORE_TROUBLE and self.error is not None

    @property
    def page(self) -> str:
        """The text of an answer that isn't the contract's, shortened."""
        text = _TAGS.sub(" ", self.content.decode(errors="replace"))
        return short(self._without_secrets(" ".join(text.split())), _LONGEST_PAGE)

    def __str__(self) -> str:
        """Return the status, the error and the trace id."""
        if self.error is not None:
            message = f"{self.status} {self.error['code']}: {self.error.get('message')}"
            said = short(self._without_secrets(message))
        else:
            said = (
                f"{self.status} without the contract's error answer: {self.page or 'it is empty'}"
            )
        return f"{said} (trace id {self.trace_id})"

    def _without_secrets(self, text: str) -> str:
        """Mask what a remote sends back before the text is shortened: half a token is one, too."""
        return masked(text, self.secrets)


@dataclass(frozen=True, slots=True)
class Endpoint:
    """A Hot Reader's HTTP endpoint."""

    read: Read
    url: str = field(repr=False)
    source_cloud: str  # the cloud that asks

    def ask(self, query: LastEntryQuery, token: str) -> EndpointAnswer:
        """Send one request; nothing is tried again."""
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
            status, left_out, content = _post(self.url, envelope, token)
        except (requests.RequestException, urllib3.exceptions.HTTPError) as error:
            seconds = (_CONNECT_SECONDS, _ANSWER_SECONDS)
            raise BrokenHopError(*no_answer(error, urlsplit(self.url).netloc, seconds)) from error
        flaws = wire_contract.flaws_of(left_out)
        return EndpointAnswer(
            self.read,
            status,
            content,
            wire_contract.left_out(flaws),
            trace_id,
            frozenset({token, *secrets_in(self.url)}),
        )


def _post(url: str, envelope: Mapping[str, Any], token: str) -> tuple[int, str | None, bytes]:
    headers = {"Accept": "application/json", wire_contract.TOKEN_HEADER: token}
    seconds = (_CONNECT_SECONDS, _ANSWER_SECONDS)
    with (
        new_session(url, headers) as session,  # as a data connector's
        session.post(url, json=envelope, timeout=seconds) as response,
    ):
        content = b""
        for chunk in response.iter_content(65_536):
            content += chunk
            if len(content) > LARGEST_PAYLOAD:
                break
        left_out = response.headers.get(wire_contract.LEFT_OUT_HEADER)
        return response.status_code, left_out, content


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
        "property_sources": {
            each.name: each.source
            for each in device.properties
            if each.source and each.name in types
        },
    }


def check_endpoint(endpoint: Endpoint, device: Device, token: str) -> Finding[EndpointAnswer]:
    """Check that an endpoint is there, refuses a wrong token and accepts the right one.

    An answer that shows trouble behind the endpoint is passed on to `check_hot_storage`.
    """
    names = [each.name for each in device.properties]
    query: LastEntryQuery = last_hour(device, names)
    if endpoint.read is LAST_ENTRY:
        query = LastEntryQuery(**_what(device, names))
    refusal = endpoint.ask(query, secrets.token_urlsafe(32))
    if not refusal.is_store_trouble:
        _check_refusal(endpoint, refusal)
    answer = endpoint.ask(query, token)
    where = public_url(endpoint.url)
    if answer.is_store_trouble:
        return Finding(f"{where} answers, though with a {answer.status}", answer)
    if answer.status != 200:
        _refused(endpoint, answer)
    if refusal.status != 401:
        _check_refusal(endpoint, refusal)
    _check_shape(endpoint, answer)
    return Finding(f"{where}: a wrong token is refused, the right one accepted", answer)


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
    page = "" if answer.error else answer.page
    problem = f"{public_url(endpoint.url)} answers {answer}."
    raise BrokenHopError(problem, refusal_advice(answer.status, page))


def _check_shape(endpoint: Endpoint, answer: EndpointAnswer) -> None:
    document = answer.document if isinstance(answer.document, dict) else {}
    values = document.get("propertyValues")
    member, kind = ("propertyValue", dict) if endpoint.read is LAST_ENTRY else ("values", list)
    parts = values.values() if isinstance(values, dict) else values or ()
    if not isinstance(values, endpoint.read.answer_type) or not all(
        isinstance(each, dict) and isinstance(each.get(member), kind) for each in parts
    ):
        raise BrokenHopError(
            f"{public_url(endpoint.url)} answers 200, but not as the contract has it for the "
            f"{endpoint.read.title} (docs/openapi.yaml).",
            "Check that the URL is a Hot Reader's, and that the two URLs aren't swapped.",
        )


def check_function_url(
    client: MakeClient, arn: str, saved_urls: Sequence[str], stage: str
) -> Finding[None]:
    """Check that saved connections lead to a function's Function URL, and that it is open to everyone."""
    found = FunctionUrl.find(client("lambda"), arn)
    again = f"publish --stage {stage} --endpoint function-url"
    if not all(found.leads_here(each) for each in saved_urls):
        where = found.url or f"{found.function} has none"
        raise BrokenHopError(
            "The saved connections lead neither to the stage's API nor to the Function URL of its "
            f"function ({where}).",
            f"It was deleted, or another stage was published since. Run {again} (or --endpoint "
            "api-gateway), and hand the URLs to the twin again.",
        )
    if found.auth_type != PUBLIC:
        raise BrokenHopError(
            f"{found.url} takes requests signed with AWS keys only: its AuthType is "
            f"{found.auth_type}, not {PUBLIC}.",
            f"Run {again}: the Hot Readers check the token themselves.",
        )
    if found.lacking:
        raise BrokenHopError(
            f"The policy of {found.function} doesn't let everyone {' and '.join(found.lacking)} by "
            "its Function URL, as that needs: AWS answers 403.",
            f"Run {again}. If AWS refuses, the account blocks public access to functions.",
        )
    return Finding(f"{found.url}, open to everyone who has the token", None)
