"""Walks the read path of a deployed stage, hop by hop, and says what is wrong at the first broken one.

Each hop is a small object that is given what it needs and returns what the next ones need. It only
looks: nothing is written anywhere. The real token goes to the stage's endpoints and nowhere else, and
only after they refused a wrong one (or answered 500 or 503, which is trouble behind them); whatever is
reported has the secrets taken out.
"""

from __future__ import annotations

import json
import math
import secrets
import time
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any, Final, Generic, NoReturn, Protocol, TypeVar
from urllib.parse import urlsplit

import requests
import urllib3
from botocore.exceptions import (
    BotoCoreError,
    ClientError,
    HTTPClientError,
    NoCredentialsError,
    NoRegionError,
)
from botocore.exceptions import (
    ConnectionError as AwsConnectionError,
)

from chalicelib import wire_contract
from chalicelib.errors import ConfigurationError
from chalicelib.inter_cloud_token import TokenSource
from chalicelib.layout import aws_surface
from chalicelib.query import HistoryQuery, LastEntryQuery
from chalicelib.reads import HISTORY, LAST_ENTRY
from chalicelib.settings import LARGEST_PAYLOAD, LOOPBACK_HOSTS, check_reader_url
from chalicelib.timestamps import NANOSECONDS, utc_text
from deploy_scripts.chart import Series
from deploy_scripts.component_type import component_type, component_type_id, differences
from deploy_scripts.configure import ParameterStore, SecretsManager
from deploy_scripts.deployed import DeployedStage, NotDeployedError
from deploy_scripts.function_url import PUBLIC, FunctionUrl
from deploy_scripts.inter_cloud import (
    CONNECTIONS_FILE,
    InterCloudConnections,
    InterCloudError,
    connection_id,
)
from deploy_scripts.plan import API_HANDLER, Plan, Stage, StageError
from deploy_scripts.register import (
    Polling,
    Readers,
    Registration,
    RegistrationError,
    Twin,
    reader_functions,
)
from deploy_scripts.twin_configuration import ConfigurationProblems, TwinConfiguration

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from chalicelib.reads import Read
    from deploy_scripts.configure import TokenStore
    from deploy_scripts.inter_cloud import Connection
    from deploy_scripts.twin_configuration import Device

Value = TypeVar("Value")

TOKEN_VARIABLE: Final = "INTER_CLOUD_TOKEN"  # noqa: S105 - the name of a variable
HOUR: Final = 3_600 * NANOSECONDS
MAX_RESULTS: Final = 25
CHART_RESULTS: Final = 200
"""The most values that TwinMaker has on a page."""

_CONNECT_SECONDS: Final = 5
_ANSWER_SECONDS: Final = 30
"""API Gateway gives a request 29 seconds."""
_LONGEST_MESSAGE: Final = 400
_STORE_TROUBLE: Final = frozenset({500, 503})
_NUMERIC: Final = frozenset({"DOUBLE", "INTEGER", "LONG"})
_READS: Final[tuple[Read[Any], ...]] = (HISTORY, LAST_ENTRY)
_READ_NAMES: Final = {HISTORY.name: "history", LAST_ENTRY.name: "last entry"}


# --- what a walk finds ------------------------------------------------------------------------


class BrokenHopError(Exception):
    """A hop is broken.

    Parameters
    ----------
    problem
        What is wrong.
    advice
        What to do.
    unreadable
        True if the reason is a configuration that can't be read.
    """

    def __init__(self, problem: str, advice: str, *, unreadable: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.advice = advice
        self.unreadable = unreadable


@dataclass(frozen=True, slots=True)
class Passed(Generic[Value]):
    """What a hop found.

    Attributes
    ----------
    detail
        In words.
    value
        What the next hops need.
    """

    detail: str
    value: Value


class Hop(Protocol[Value]):
    """One part of the way."""

    @property
    def title(self) -> str:
        """What it is."""

    def run(self) -> Passed[Value]:
        """Walk it.

        Raises
        ------
        BrokenHopError
            It is broken.
        botocore.exceptions.BotoCoreError, botocore.exceptions.ClientError
            AWS can't be asked.
        """


@dataclass(frozen=True, slots=True)
class HopResult:
    """A hop that was walked.

    Attributes
    ----------
    title
        Which one.
    detail
        What was found, or what is wrong.
    milliseconds
        How long it took.
    advice
        What to do; None if all is well.
    """

    title: str
    detail: str
    milliseconds: float
    advice: str | None = None

    @property
    def ok(self) -> bool:
        """True if all is well."""
        return self.advice is None


@dataclass(frozen=True, slots=True)
class Verified:
    """What a whole walk found.

    Attributes
    ----------
    stage
        The stage.
    hops
        Those that were walked; only the last one can be broken.
    series
        Recent telemetry, for a chart.
    unreadable
        True if the configuration can't be read.
    """

    stage: str
    hops: tuple[HopResult, ...]
    series: tuple[Series, ...] = ()
    unreadable: bool = False

    @property
    def ok(self) -> bool:
        """True if every hop is well."""
        return all(hop.ok for hop in self.hops)

    def to_json(self) -> dict[str, Any]:
        """Return it as a JSON document, without the telemetry."""
        hops = [
            {"ok": hop.ok, **asdict(hop), "milliseconds": round(hop.milliseconds, 1)}
            for hop in self.hops
        ]
        return {"stage": self.stage, "ok": self.ok, "hops": hops}


# --- configuration, record, functions, token --------------------------------------------------


@dataclass(frozen=True, slots=True)
class Subject:
    """What is verified.

    Attributes
    ----------
    twin
        The twin's configuration.
    stage
        The stage as configured.
    connections
        For history and last entry: the connections that this cloud's readers use, if they do.
    """

    twin: TwinConfiguration
    stage: Stage
    connections: tuple[Connection, ...]

    @property
    def environment(self) -> Mapping[str, str]:
        """The stage's environment."""
        return self.stage.environment or {}

    @property
    def functions(self) -> tuple[str, ...]:
        """What has to be deployed, by Chalice's names."""
        local_connectors = HISTORY.local_function_variable in self.environment
        surface = aws_surface(self.twin.layout, local_connectors=local_connectors)
        return surface.functions + ((API_HANDLER,) if surface.endpoints else ())


@dataclass(frozen=True, slots=True)
class ConfigurationHop:
    """The twin's files are valid and the stage agrees with them."""

    config: Path
    project: Path
    stage: str

    title = "configuration"

    def run(self) -> Passed[Subject]:
        """Read everything; see `Hop.run`."""
        again = f"run configure --stage {self.stage}, and deploy it"
        try:
            twin = TwinConfiguration.load(self.config)
        except ConfigurationProblems as error:
            advice = "Correct the files; docs/configuration.md has the rules."
            raise BrokenHopError(str(error), advice, unreadable=True) from error
        connections = InterCloudConnections(self.config / CONNECTIONS_FILE)
        try:
            stage = Stage.load(self.project, self.stage)
            missing = Plan.make(twin, stage, connections).missing
            used = _connections(twin, connections)
        except StageError as error:
            advice = "Restore the file, or name the project's directory with --project."
            raise BrokenHopError(str(error), advice, unreadable=True) from error
        except InterCloudError as error:
            raise BrokenHopError(str(error), "Correct that file.", unreadable=True) from error
        subject = Subject(twin, stage, used)
        layout = f"hot storage on {twin.layout.layer_3_hot}, twin on {twin.layout.layer_4}"
        if not subject.functions:
            raise BrokenHopError(
                f"{layout}: nothing of it is on AWS.",
                "Verify it with the tools of its own cloud, or correct config_providers.json.",
            )
        if missing:
            advice = f"Do what is missing, {again}; plan --stage {self.stage} shows all of it."
            raise BrokenHopError(" ".join(missing), advice)
        for read, connection in zip(_READS, used, strict=False):
            if (
                stage.environment
                and stage.environment[read.remote_url_variable].strip() != connection.url
            ):
                raise BrokenHopError(
                    f"The stage's {read.remote_url_variable} isn't the URL of the connection "
                    f"{connection.id}.",
                    f"If the connection is right, {again}.",
                )
        return Passed(f"{twin.name}: {layout}, {len(twin.devices)} devices", subject)


def _connections(
    twin: TwinConfiguration, connections: InterCloudConnections
) -> tuple[Connection, ...]:
    if twin.layout.layer_4 != "aws" or not twin.layout.crosses_clouds:
        return ()
    found = [connections.get(twin.layout, last_entry=each) for each in (False, True)]
    return tuple(each for each in found if each is not None)


@dataclass(frozen=True, slots=True)
class RecordHop:
    """Chalice's record names what the layout needs."""

    project: Path
    subject: Subject

    title = "stage record"

    def run(self) -> Passed[DeployedStage]:
        """Read the record; see `Hop.run`."""
        stage = self.subject.stage.name
        try:
            deployed = DeployedStage.load(self.project, stage)
            for function in self.subject.functions:
                deployed.lambda_arn(function)
        except NotDeployedError as error:
            raise BrokenHopError(str(error), _deploy(stage)) from error
        except ConfigurationError as error:
            advice = f"Restore the file, or deploy again: chalice deploy --stage {stage}"
            raise BrokenHopError(str(error), advice) from error
        names = list(self.subject.functions)
        if API_HANDLER in names:
            if deployed.rest_api is None:
                problem = f"The stage {stage!r} was deployed without a REST API."
                raise BrokenHopError(problem, _deploy(stage))
            names.append(f"REST API at {deployed.rest_api.url}")
        return Passed(", ".join(names), deployed)


def _deploy(stage: str) -> str:
    return f"Deploy it: chalice deploy --stage {stage}"


@dataclass(frozen=True, slots=True)
class FunctionHop:
    """A Lambda function is there, and as the stage says."""

    lambda_: Any
    name: str
    arn: str
    stage: str
    environment: Mapping[str, str]

    @property
    def title(self) -> str:
        """Which function."""
        return f"Lambda function {self.name}"

    def run(self) -> Passed[None]:
        """Look at it; see `Hop.run`."""
        try:
            found = self.lambda_.get_function_configuration(FunctionName=self.arn)
        except self.lambda_.exceptions.ResourceNotFoundException as error:
            raise BrokenHopError(
                f"{self.arn} was recorded, but isn't there any more.",
                f"{_deploy(self.stage)}. If it was there a moment ago, check that region and "
                "credentials are those that it was deployed with.",
            ) from error
        state, update = found.get("State", "Active"), found.get("LastUpdateStatus", "Successful")
        if state != "Active" or update == "Failed":
            reason = found.get("StateReason") or found.get("LastUpdateStatusReason") or "no reason"
            raise BrokenHopError(
                f"{self.arn} is {state}, its last update {update}: {reason}",
                "Pending: wait a minute. Inactive: invoke it once. Failed: see the reason, then "
                f"deploy again: chalice deploy --stage {self.stage}",
            )
        deployed = found.get("Environment", {}).get("Variables", {})
        differing = [
            name for name, value in self.environment.items() if deployed.get(name) != value
        ]
        if differing:
            raise BrokenHopError(
                f"Its environment isn't the stage's: {', '.join(sorted(differing))}.",
                f"The stage was changed after it was deployed, or the function by hand. {_deploy(self.stage)}",
            )
        return Passed(f"{state}, {found.get('Runtime')}, environment as in the stage", None)


def function_environment(project: Path, stage: Stage, function: str) -> dict[str, str]:
    """Return what Chalice gives to a function: the stage's variables, then those of its own."""
    document = json.loads((project / ".chalice" / "config.json").read_bytes())
    environment = dict(stage.environment or {})
    for holder in (document, document.get("stages", {}).get(stage.name, {})):
        own = holder.get("lambda_functions", {}).get(function, {})
        environment |= own.get("environment_variables", {})
    return environment


@dataclass(frozen=True, slots=True)
class TokenHop:
    """The token that the stage refers to can be read."""

    client: Callable[..., Any]
    reference: str
    connections: tuple[Connection, ...]

    title = "token"

    def run(self) -> Passed[tuple[str, ...]]:
        """Read it; see `Hop.run`."""
        try:
            source = TokenSource.parse(TOKEN_VARIABLE, self.reference, max_age=1)
            if source.store is None:
                where, value = f"{TOKEN_VARIABLE} itself", source.value
            else:
                where = f"{source.store}:{source.value}"
                value = self._stored(source, where)
                _check_token(where, value)
        except ConfigurationError as error:
            advice = "Put a token there: configure does (after the value was deleted, if need be)."
            raise BrokenHopError(str(error), advice) from error
        tokens = tuple(each.strip() for each in value.split(","))
        detail = f"{where} holds a token"
        if len(tokens) > 1:
            detail = f"{where} holds two tokens, current and previous"
        if any(each.token not in tokens for each in self.connections):
            detail += f"; note: not the one in {CONNECTIONS_FILE}"
        return Passed(detail, tokens)

    def _stored(self, source: TokenSource, where: str) -> str:
        name = source.value
        region = {"region_name": name.split(":")[3]} if name.count(":") > 4 else {}
        service = str(source.store)
        client = self.client(service, **region)
        try:
            value = _STORES[service](client, name).get()
        except KeyError:
            raise ConfigurationError(f"{where} holds binary data, not a token") from None
        if value is None:
            raise BrokenHopError(
                f"{where} isn't there, so the functions have no token.",
                "Run configure for the stage: it keeps the token there. Check the region, too.",
            )
        return value


_STORES: Final[Mapping[str, Callable[[Any, str], TokenStore]]] = {
    "ssm": ParameterStore,
    "secretsmanager": SecretsManager,
}


def _check_token(where: str, value: str) -> None:
    if TokenSource.parse(f"What {where} holds", value, max_age=1).store is not None:
        raise ConfigurationError(f"{where} holds a reference, not a token")


@dataclass(frozen=True, slots=True)
class FunctionUrlHop:
    """The Function URL that the saved connections lead to is there, and open to everyone."""

    lambda_: Any
    arn: str
    saved_urls: tuple[str, ...] = field(repr=False)
    stage: str

    title = "Function URL"

    def run(self) -> Passed[None]:
        """Look at it; see `Hop.run`."""
        found = FunctionUrl.find(self.lambda_, self.arn)
        again = f"publish --stage {self.stage} --endpoint function-url"
        if not all(found.leads_here(each) for each in self.saved_urls):
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
        return Passed(f"{found.url}, open to everyone who has the token", None)


# --- endpoints and store ----------------------------------------------------------------------


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
        return _short(f"{self.status} {self.error['code']}: {self.error.get('message')}")


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

    read: Read[Any]
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
            check_reader_url(f"The URL of {self.read.name}", self.url)
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
            raise BrokenHopError(*self._no_answer(error)) from error
        try:
            document = json.loads(content)
        except (ValueError, RecursionError):
            document = None
        stated = document.get("trace_id") if isinstance(document, dict) else None
        return EndpointAnswer(status, document, stated if isinstance(stated, str) else trace_id)

    def _no_answer(self, error: Exception) -> tuple[str, str]:
        """Say why there was none, and what to do about it."""
        host = urlsplit(self.url).netloc
        causes = list(_causes(error))

        def is_a(*kinds: type[BaseException]) -> bool:
            return any(isinstance(each, kinds) for each in causes)

        if is_a(urllib3.exceptions.NameResolutionError):
            return f"DNS: there is no host {host}.", (
                "Check the URL's spelling, whether the endpoint is still deployed, and this "
                "machine's name server."
            )
        if is_a(requests.exceptions.SSLError, urllib3.exceptions.SSLError):
            return f"TLS: {host} and this machine can't agree: {_short(causes[-1])}", (
                "Give the endpoint a certificate for that name that isn't expired and that a known "
                "authority signed. A proxy that opens TLS shows like this, too."
            )
        if is_a(requests.ConnectTimeout):
            return f"Time-out: {host} takes no connection within {_CONNECT_SECONDS} s.", (
                "Something drops the packets: check firewalls, access restrictions of the endpoint, "
                "and the port."
            )
        if is_a(requests.Timeout, urllib3.exceptions.ReadTimeoutError):
            return f"Time-out: {host} gave no whole answer within {_ANSWER_SECONDS} s.", (
                "Run this again: a cold start may be slow. If it stays so, see the Hot Reader's log "
                "and whether its hot storage answers."
            )
        if is_a(urllib3.exceptions.NewConnectionError, ConnectionRefusedError):
            return f"Connect: nothing listens at {host}.", (
                "Start or deploy the endpoint, and check the URL's host and port."
            )
        return f"Connect: the connection to {host} broke: {type(error).__name__}.", (
            "Run this again; if it stays so, see the log of the endpoint and of what is before it."
        )


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


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield an error and what it wraps: requests wraps urllib3's, which name theirs as a reason."""
    seen: set[int] = set()
    waiting: list[Any] = [error]
    while waiting:
        each = waiting.pop(0)
        if isinstance(each, BaseException) and id(each) not in seen:
            seen.add(id(each))
            yield each
            waiting += [getattr(each, "reason", None), *each.args, each.__cause__, each.__context__]


@dataclass(frozen=True, slots=True)
class EndpointHop:
    """An endpoint is there, refuses a wrong token and accepts the right one."""

    endpoint: Endpoint
    query: LastEntryQuery
    token: str = field(repr=False)

    @property
    def title(self) -> str:
        """Which endpoint."""
        return f"endpoint {self.endpoint.read.name}"

    def run(self) -> Passed[EndpointAnswer]:
        """Ask it twice; see `Hop.run`.

        An answer that tells of trouble behind the endpoint is passed on to `StoreHop`.
        """
        refusal = self.endpoint.ask(self.query, secrets.token_urlsafe(32))
        if refusal.status not in _STORE_TROUBLE:
            self._check_refusal(refusal)
        answer = self.endpoint.ask(self.query, self.token)
        where = self.endpoint.public_url
        if answer.status in _STORE_TROUBLE:
            return Passed(f"{where} answers, though with a {answer.status}", answer)
        if answer.status != 200:
            self._refused(answer)
        if refusal.status != 401:
            self._check_refusal(refusal)
        self._check_shape(answer)
        return Passed(f"{where}: a wrong token is refused, the right one accepted", answer)

    def _check_refusal(self, answer: EndpointAnswer) -> None:
        if answer.status == 401 and answer.error is not None:
            return
        if answer.status == 401:
            raise BrokenHopError(
                "A wrong token is refused, but not by a Hot Reader: the 401 isn't the contract's.",
                "Something before the endpoint wants a login (a function key, IAM, a proxy). Let "
                "requests through to the Hot Reader, which checks the token itself.",
            )
        if answer.status == 200:
            raise BrokenHopError(
                "A wrong token is accepted: anyone can read the telemetry.",
                "Take the endpoint off the network now. Then check that the URL is a Hot Reader's, "
                "and deploy that again.",
            )
        self._refused(answer)

    def _refused(self, answer: EndpointAnswer) -> NoReturn:
        advice = _ADVICE.get(answer.status)
        if advice is None and answer.status >= 500:
            advice = (
                "What is before the Hot Reader can't reach it, or not in time: see its log and the "
                "gateway's, and run this again."
            )
        if 300 <= answer.status < 400:
            advice = "It redirects: set the URL that it redirects to, configure and deploy."
        raise BrokenHopError(
            f"{self.endpoint.public_url} answers {answer.in_words} (trace id {answer.trace_id}).",
            advice or "That isn't a Hot Reader's answer: check the URL.",
        )

    def _check_shape(self, answer: EndpointAnswer) -> None:
        values = (
            answer.document.get("propertyValues") if isinstance(answer.document, dict) else None
        )
        if self.endpoint.read is LAST_ENTRY:
            fits = isinstance(values, dict) and all(
                isinstance(each, dict) and isinstance(each.get("propertyValue"), dict)
                for each in values.values()
            )
        else:
            fits = isinstance(values, list) and all(
                isinstance(each, dict) and isinstance(each.get("values"), list) for each in values
            )
        if not fits:
            raise BrokenHopError(
                f"{self.endpoint.public_url} answers 200, but not as the contract has it for the "
                f"{_READ_NAMES[self.endpoint.read.name]} (docs/openapi.yaml).",
                "Check that the URL is a Hot Reader's, and that the two URLs aren't swapped.",
            )


_ADVICE: Final = {
    400: "The Hot Reader knows the device otherwise: deploy it with the same device files.",
    401: "The right token is refused: the endpoint has another one. Save its token with the "
    "connection, configure and deploy; if it was changed just now, wait a minute (docs/settings.md).",
    403: "Something before the Hot Reader refuses: a missing function key or access restriction; on "
    "API Gateway also a path that isn't there. Check the URL, and deploy again. A Function URL may need a "
    "minute after it was published.",
    404: "There is no such path: check the URL (it ends in /hot-reader or /hot-reader-last-entry), "
    "and whether the Hot Reader is deployed there.",
    405: "The URL isn't a Hot Reader's, which takes POST: check it.",
    415: "The URL isn't a Hot Reader's, which takes JSON: check it.",
    429: "It is throttled: run this again later, or raise the limit of the endpoint.",
}


@dataclass(frozen=True, slots=True)
class StoreHop:
    """The hot storage could be read."""

    answers: tuple[EndpointAnswer, ...]
    device_id: str

    title = "hot storage"

    def run(self) -> Passed[None]:
        """Judge what the endpoints answered; see `Hop.run`."""
        for answer in self.answers:
            if answer.status in _STORE_TROUBLE:
                raise BrokenHopError(
                    f"The Hot Reader couldn't read: {answer.in_words} (trace id {answer.trace_id}).",
                    "The store is away, throttles, or refuses."
                    if answer.status == 503
                    else "The Hot Reader's log has the reason under the trace id: often its settings "
                    "(table, token) or a permission. Without a trace id there, it can't start.",
                )
        history, last_entry = (answer.document["propertyValues"] for answer in self.answers)
        count = sum(len(each["values"]) for each in history)
        if not last_entry:
            return Passed(f"readable, but it has nothing of {self.device_id} yet", None)
        return Passed(f"{self.device_id}: {count} values of the last hour, and a last entry", None)


# --- TwinMaker --------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class WorkspaceHop:
    """The workspace is there."""

    twinmaker: Any
    workspace_id: str
    stage: str

    title = "TwinMaker workspace"

    def run(self) -> Passed[None]:
        """Look at it; see `Hop.run`."""
        try:
            found = self.twinmaker.get_workspace(workspaceId=self.workspace_id)
        except self.twinmaker.exceptions.ResourceNotFoundException as error:
            raise BrokenHopError(
                f"There is no workspace {self.workspace_id}.",
                "Name the right one with --workspace, or let it be made: "
                f"{_register(self.stage)} --create-workspace --role-arn ARN --s3-location ARN",
            ) from error
        return Passed(f"{self.workspace_id}, role {found.get('role', 'missing')}", None)


def _register(stage: str) -> str:
    return f"register --stage {stage}"


@dataclass(frozen=True, slots=True)
class ComponentTypesHop:
    """Each device's component type is active and reads by the stage's functions."""

    twinmaker: Any
    twin: Twin
    devices: Sequence[Device]
    readers: Readers
    registration: Registration
    stage: str

    title = "TwinMaker component types"

    def run(self) -> Passed[None]:
        """Look at all of them; see `Hop.run`."""
        for device in self.devices:
            self._check(device)
        note = "" if self._agrees() else "; note: register --dry-run tells of more to do"
        count = len(self.devices)
        return Passed(f"{count} active, reading by the functions of the stage{note}", None)

    def _check(self, device: Device) -> None:
        type_id = component_type_id(self.twin.name, device.id)
        run = f"Run {_register(self.stage)}"
        try:
            found = self.twinmaker.get_component_type(
                workspaceId=self.twin.workspace_id, componentTypeId=type_id
            )
        except self.twinmaker.exceptions.ResourceNotFoundException as error:
            raise BrokenHopError(f"There is no component type {type_id}.", f"{run}.") from error
        status = found["status"]
        if status["state"] != "ACTIVE":
            raise BrokenHopError(
                f"The component type {type_id} is {status['state']}: "
                f"{(status.get('error') or {}).get('message', 'no reason given')}",
                f"Wait if it is changing. {run} if it is in ERROR.",
            )
        for name, arn in (
            ("dataReader", self.readers.history_arn),
            ("attributePropertyValueReaderByEntity", self.readers.last_entry_arn),
        ):
            function = found.get("functions", {}).get(name, {})
            actual = function.get("implementedBy", {}).get("lambda", {}).get("arn")
            if actual != arn:
                raise BrokenHopError(
                    f"{name} of the component type {type_id} points at {actual or 'nothing'}, not at "
                    f"{arn}.",
                    f"{run} (with --adopt if another tool made the type).",
                )
        wanted = component_type(
            device,
            history_arn=self.readers.history_arn,
            last_entry_arn=self.readers.last_entry_arn,
        )
        different = differences(wanted, found)
        if different:
            lines = "; ".join(line for lines in different.values() for line in lines)
            raise BrokenHopError(
                f"The component type {type_id} isn't what the configuration says; to do: {lines}.",
                f"{run}.",
            )

    def _agrees(self) -> bool:
        """Ask register, whose care goes further: tags, and the policy of the workspace's role.

        What it finds doesn't break the hop: a type or a role may be somebody else's and work.
        """
        try:
            return self.registration.register(
                self.twin, self.devices, self.readers, dry_run=True
            ).agrees
        except (ConfigurationError, RegistrationError):
            return False


@dataclass(frozen=True, slots=True)
class Readable:
    """How TwinMaker reads a device.

    Attributes
    ----------
    device
        The device.
    type_id
        Its component type.
    entity_id, component_name
        The entity that has it; None if there is none.
    """

    device: Device
    type_id: str
    entity_id: str | None = None
    component_name: str | None = None

    @property
    def target(self) -> dict[str, str]:
        """What a read names."""
        if self.entity_id is None or self.component_name is None:
            return {"componentTypeId": self.type_id}
        return {"entityId": self.entity_id, "componentName": self.component_name}


@dataclass(frozen=True, slots=True)
class EntitiesHop:
    """Each device has an entity, if entities were made."""

    twinmaker: Any
    twin: Twin
    devices: Sequence[Device]
    stage: str

    title = "TwinMaker entities"

    def run(self) -> Passed[tuple[Readable, ...]]:
        """Look for them; see `Hop.run`."""
        found = tuple(self._readable(device) for device in self.devices)
        without = [each.device.id for each in found if each.entity_id is None]
        if not without:
            return Passed(f"{len(found)} active", found)
        if len(without) == len(found):
            return Passed("none was made; reading by component type", found)
        raise BrokenHopError(
            f"Other devices have an entity, but not {', '.join(without)}.",
            f"Run {_register(self.stage)} --entities.",
        )

    def _readable(self, device: Device) -> Readable:
        type_id = component_type_id(self.twin.name, device.id)
        listed = self.twinmaker.list_entities(
            workspaceId=self.twin.workspace_id, filters=[{"componentTypeId": type_id}]
        )["entitySummaries"]
        # The device's own first, if there is one.
        ids = sorted((each["entityId"] for each in listed), key=lambda name: name != device.id)
        for entity_id in ids:
            try:
                entity = self.twinmaker.get_entity(
                    workspaceId=self.twin.workspace_id, entityId=entity_id
                )
            except self.twinmaker.exceptions.ResourceNotFoundException:
                continue  # removed since it was listed
            for name, component in entity.get("components", {}).items():
                if component.get("componentTypeId") == type_id:
                    self._check(entity_id, entity, component)
                    return Readable(device, type_id, entity_id, name)
        return Readable(device, type_id)

    def _check(self, entity_id: str, *shown: Mapping[str, Any]) -> None:
        for status in (each.get("status", {"state": "ACTIVE"}) for each in shown):
            if status["state"] != "ACTIVE":
                raise BrokenHopError(
                    f"The entity {entity_id} is {status['state']}: "
                    f"{(status.get('error') or {}).get('message', 'no reason given')}",
                    f"Wait if it is changing. Run {_register(self.stage)} --entities if it is in "
                    "ERROR.",
                )


@dataclass(frozen=True, slots=True)
class LastEntriesHop:
    """GetPropertyValue answers for each device."""

    twinmaker: Any
    workspace_id: str
    readables: tuple[Readable, ...]

    title = "TwinMaker GetPropertyValue"

    def run(self) -> Passed[None]:
        """Read; see `Hop.run`."""
        shown = []
        for each in self.readables:
            names = [prop.name for prop in each.device.properties]
            if each.entity_id is None or not names:
                continue  # it reads telemetry by entity only
            with _reading(each):
                answer = self.twinmaker.get_property_value(
                    workspaceId=self.workspace_id, selectedProperties=names, **each.target
                )
            shown.append(f"{each.device.id}: {len(answer.get('propertyValues', {}))} values")
        return Passed(", ".join(shown) or "left out: it reads by entity, and there is none", None)


@dataclass(frozen=True, slots=True)
class HistoryHop:
    """GetPropertyValueHistory answers for each device."""

    twinmaker: Any
    workspace_id: str
    readables: tuple[Readable, ...]

    title = "TwinMaker GetPropertyValueHistory"

    def run(self) -> Passed[None]:
        """Read; see `Hop.run`."""
        shown = []
        for each in self.readables:
            names = [prop.name for prop in each.device.properties]
            if not names:
                continue
            with _reading(each):
                answer = twinmaker_history(self.twinmaker, self.workspace_id, each, names)
            count = sum(len(part.get("values", [])) for part in answer["propertyValues"])
            shown.append(f"{each.device.id}: {count} values")
        return Passed(f"last hour, at most {MAX_RESULTS}: {', '.join(shown)}", None)


def twinmaker_history(
    twinmaker: Any,
    workspace_id: str,
    readable: Readable,
    names: Sequence[str],
    *,
    max_results: int = MAX_RESULTS,
    descending: bool = False,
) -> dict[str, Any]:
    """Read a page of the last hour of a device through TwinMaker."""
    now = time.time_ns()
    answer: dict[str, Any] = twinmaker.get_property_value_history(
        workspaceId=workspace_id,
        selectedProperties=list(names),
        startTime=utc_text(now - HOUR, 3),
        endTime=utc_text(now, 3),
        maxResults=max_results,
        orderByTime="DESCENDING" if descending else "ASCENDING",
        **readable.target,
    )
    return answer


@contextmanager
def _reading(readable: Readable) -> Iterator[None]:
    """Say in a read's error which device it was about, and what to do."""
    try:
        yield
    except ClientError as error:
        details = error.response.get("Error", {})
        code = details.get("Code", "")
        raise BrokenHopError(
            f"{readable.device.id}: {error.operation_name} failed: {code}: {details.get('Message')}",
            _READ_ADVICE.get(code, "See the message; run register for the stage, and this again."),
        ) from error


_READ_ADVICE: Final = {
    "ConnectorFailureException": "The connector's Lambda function failed, or TwinMaker may not invoke "
    "it. See the message and the function's log group /aws/lambda/NAME; if it wasn't invoked at all, "
    "run register, which lets the workspace's role do so.",
    "ConnectorTimeoutException": "The connector's Lambda function ran out of time: see its log, raise "
    "lambda_timeout in the stage, or look at what it waits for.",
    "ResourceNotFoundException": "Something was removed meanwhile: run register for the stage.",
    "AccessDeniedException": "Your own credentials may not read: allow iottwinmaker:GetPropertyValue "
    "and iottwinmaker:GetPropertyValueHistory.",
    "ThrottlingException": "TwinMaker throttles: run this again later.",
}


# --- the walk ---------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Options:
    """What a person chose.

    Attributes
    ----------
    stage
        The Chalice stage.
    config, project
        Directories of the twin's configuration and of the Chalice project.
    workspace_id
        TwinMaker's workspace; None for the one with the twin's name.
    url, last_entry_url
        Where the endpoints are; None for where the record or the connections say.
    chart
        True to read telemetry for a chart, too.
    """

    stage: str
    config: Path
    project: Path
    workspace_id: str | None = None
    url: str | None = None
    last_entry_url: str | None = None
    chart: bool = False


class Verification:
    """Walks the path of one stage.

    Parameters
    ----------
    options
        What to verify.
    client
        Makes a client of an AWS service, as `boto3.client` does.
    twinmaker
        Makes a client of TwinMaker.
    report
        Is told each hop as it is done.
    clock
        Tells the time in seconds.
    """

    def __init__(
        self,
        options: Options,
        *,
        client: Callable[..., Any],
        twinmaker: Callable[[], Any],
        report: Callable[[HopResult], None] = lambda _hop: None,
        clock: Callable[[], float] = time.perf_counter,
    ) -> None:
        self._options = options
        self._client = client
        self._twinmaker = twinmaker
        self._report = report
        self._clock = clock

    def run(self) -> Verified:
        """Walk until the end or the first broken hop."""
        walk = _Walk(self._report, self._clock)
        unreadable = False
        try:
            self._walk(walk)
        except BrokenHopError as error:
            unreadable = error.unreadable
        series = tuple(walk.series()) if self._options.chart else ()
        return Verified(self._options.stage, tuple(walk.results), series, unreadable)

    def _walk(self, walk: _Walk) -> None:
        options = self._options
        subject = walk.take(ConfigurationHop(options.config, options.project, options.stage))
        walk.devices = subject.twin.devices
        for connection in subject.connections:
            walk.keep_secret(connection.token, urlsplit(connection.url).query)
        for url in (options.url, options.last_entry_url):
            walk.keep_secret(urlsplit(url or "").query)
        deployed = walk.take(RecordHop(options.project, subject))
        lambda_ = walk.make(lambda: self._client("lambda"))
        for name in subject.functions:
            environment = function_environment(options.project, subject.stage, name)
            arn = deployed.lambda_arns[name]
            walk.take(FunctionHop(lambda_, name, arn, options.stage, environment))
        if subject.twin.layout.crosses_clouds:
            reference = subject.environment[TOKEN_VARIABLE]
            tokens = walk.take(TokenHop(self._client, reference, subject.connections))
            walk.keep_secret(*tokens)
            self._walk_endpoints(walk, subject, deployed, tokens[0])
        if subject.twin.layout.layer_4 == "aws":
            self._walk_twinmaker(walk, subject, deployed)

    def _walk_endpoints(
        self, walk: _Walk, subject: Subject, deployed: DeployedStage, token: str
    ) -> None:
        chosen = (self._options.url, self._options.last_entry_url)
        urls = [each.url for each in subject.connections]
        if not urls:
            urls = self._urls_on_aws(walk, subject, deployed, check=not all(chosen))
        history, last_entry = (
            Endpoint(read, override or url, subject.twin.layout.layer_4)
            for read, override, url in zip(_READS, chosen, urls, strict=True)
        )
        device = next((each for each in subject.twin.devices if each.properties), None)
        if device is None:
            return
        answers = (
            walk.take(EndpointHop(history, history_query(device), token)),
            walk.take(EndpointHop(last_entry, last_entry_query(device), token)),
        )
        walk.take(StoreHop(answers, device.id))

        def read(charted: Device, names: Sequence[str]) -> Iterable[Mapping[str, Any]]:
            query = history_query(charted, names, max_results=CHART_RESULTS, descending=True)
            answer = history.ask(query, token)
            return answer.document["propertyValues"] if answer.status == 200 else ()

        walk.charted = read

    def _urls_on_aws(
        self, walk: _Walk, subject: Subject, deployed: DeployedStage, *, check: bool
    ) -> list[str]:
        """Return where the stage's own endpoints are: as published, or else its API."""
        api = deployed.rest_api.url.rstrip("/") if deployed.rest_api else ""
        urls = [f"{api}/{read.name}" for read in _READS]
        connections = InterCloudConnections(self._options.config / CONNECTIONS_FILE).load()
        for index, last_entry in enumerate((False, True)):
            saved = connections.get(connection_id(subject.twin.layout, last_entry=last_entry))
            if saved is not None:
                urls[index] = saved.url
                walk.keep_secret(urlsplit(saved.url).query)
        others = tuple(each for each in urls if not each.startswith(f"{api}/"))
        if others and check:
            lambda_ = self._client("lambda")
            arn = deployed.lambda_arn(API_HANDLER)
            walk.take(FunctionUrlHop(lambda_, arn, others, self._options.stage))
        return urls

    def _walk_twinmaker(self, walk: _Walk, subject: Subject, deployed: DeployedStage) -> None:
        configured, stage = subject.twin, self._options.stage
        client = walk.make(self._twinmaker)
        twin = Twin(configured.name, self._options.workspace_id or configured.name)
        functions = reader_functions(configured.layout)
        readers = Readers(*(deployed.lambda_arn(name) for name in functions))
        walk.take(WorkspaceHop(client, twin.workspace_id, stage))
        registration = Registration(
            client, self._client("lambda"), self._client("iam"), polling=Polling(limit=0)
        )
        walk.take(ComponentTypesHop(client, twin, configured.devices, readers, registration, stage))
        readables = walk.take(EntitiesHop(client, twin, configured.devices, stage))
        walk.take(LastEntriesHop(client, twin.workspace_id, readables))
        walk.take(HistoryHop(client, twin.workspace_id, readables))
        by_device = {each.device.id: each for each in readables}

        def read(charted: Device, names: Sequence[str]) -> Iterable[Mapping[str, Any]]:
            answer = twinmaker_history(
                client,
                twin.workspace_id,
                by_device[charted.id],
                names,
                max_results=CHART_RESULTS,
                descending=True,
            )
            return answer["propertyValues"]  # type: ignore[no-any-return]

        walk.charted = read


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


class _Walk:
    """What has been walked so far, and what must not be shown of it."""

    def __init__(self, report: Callable[[HopResult], None], clock: Callable[[], float]) -> None:
        self._report = report
        self._clock = clock
        self._secrets: list[str] = []
        self.results: list[HopResult] = []
        self.devices: tuple[Device, ...] = ()
        self.charted: Callable[[Device, Sequence[str]], Iterable[Mapping[str, Any]]] | None = None

    def keep_secret(self, *texts: str) -> None:
        """Take texts out of all that is reported from now on."""
        self._secrets += [each for each in texts if each]

    def take(self, hop: Hop[Value]) -> Value:
        """Walk a hop and report it.

        Raises
        ------
        BrokenHopError
            It is broken.
        """
        started = self._clock()
        try:
            passed = hop.run()
        except BrokenHopError as error:
            self._note(hop.title, error.problem, started, error.advice)
            raise
        except (BotoCoreError, ClientError) as error:
            problem, advice = _aws_problem(error)
            self._note(hop.title, problem, started, advice)
            raise BrokenHopError(problem, advice) from error
        self._note(hop.title, passed.detail, started)
        return passed.value

    def make(self, client: Callable[[], Any]) -> Any:
        """Make a client; that it can't be made is a broken hop, too."""
        started = self._clock()
        try:
            return client()
        except BotoCoreError as error:
            problem, advice = _aws_problem(error)
            self._note("AWS", problem, started, advice)
            raise BrokenHopError(problem, advice) from error

    def series(self) -> Iterator[Series]:
        """Read recent telemetry of each device, as far as the way is open."""
        for device in self.devices if self.charted else ():
            units = {
                each.name: each.unit or ""
                for each in device.properties
                if each.data_type.type in _NUMERIC
            }
            if not units or self.charted is None:
                continue
            try:
                found = list(self.charted(device, list(units)))
            except (BrokenHopError, BotoCoreError, ClientError, KeyError, TypeError):
                continue  # the hops tell what is wrong
            for name, unit in units.items():
                points = list(_points(found, name))
                if points:
                    # A dollar sign would start a formula.
                    title = f"{device.id} {name}".replace("$", r"\$")
                    yield Series(title, unit.replace("$", r"\$"), points)

    def _note(self, title: str, detail: str, started: float, advice: str | None = None) -> None:
        milliseconds = (self._clock() - started) * 1000
        shown = None if advice is None else self._presentable(advice)
        result = HopResult(title, self._presentable(detail), milliseconds, shown)
        self.results.append(result)
        self._report(result)

    def _presentable(self, text: str) -> str:
        """Take out the secrets, and what could control a terminal: others' messages are in it."""
        for each in self._secrets:
            text = text.replace(each, "***")
        return "".join(each if each.isprintable() or each == "\n" else "?" for each in text)


def _points(found: Iterable[Mapping[str, Any]], name: str) -> Iterator[tuple[str, float]]:
    """Yield a property's values, the oldest first."""
    for part in found:
        if part["entityPropertyReference"]["propertyName"] != name:
            continue
        for each in reversed(part["values"]):
            value = next(iter(each["value"].values()))
            if isinstance(value, int | float) and math.isfinite(value):
                yield each["time"], value


def _aws_problem(error: Exception) -> tuple[str, str]:
    """Say why AWS can't be asked, and what to do about it."""
    if isinstance(error, NoCredentialsError | NoRegionError):
        return str(error), "Set AWS_PROFILE and AWS_REGION (or what your set-up has instead)."
    if isinstance(error, AwsConnectionError | HTTPClientError):
        return f"AWS can't be reached: {_short(error)}", (
            "Check the network, AWS_REGION, and any AWS_ENDPOINT_URL."
        )
    code = ""
    if isinstance(error, ClientError):
        code = error.response.get("Error", {}).get("Code", "")
    if "AccessDenied" in code or "Unauthorized" in code:
        advice = "Your credentials lack the permission that the message names."
    elif "Token" in code or "Signature" in code or "Credential" in code:
        advice = "Your credentials are invalid or expired: log in again."
    else:
        advice = "See AWS's message; run this again if it may pass."
    return f"AWS refused: {_short(error)}", advice


def _short(error: object) -> str:
    text = str(error)
    return text if len(text) <= _LONGEST_MESSAGE else f"{text[:_LONGEST_MESSAGE]}..."
