"""Settings: read from the environment once, at start, into frozen objects.

A variable that is missing or malformed is a `ConfigurationError` that names it and shows what it
should look like. docs/settings.md lists them all.
"""

from __future__ import annotations

import base64
import json
import logging
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final
from urllib.parse import urlsplit

from chalicelib.model.data_value import DataType
from chalicelib.model.errors import ConfigurationError, InvalidQueryError
from chalicelib.model.timestamps import EpochMillisecondsFormat, Iso8601Format, TimestampFormat
from chalicelib.tokens.inter_cloud_token import TokenSource

Environment = Mapping[str, str]

LARGEST_PAYLOAD: Final = 6_291_556
"""Bytes that a Lambda function can be sent or answer with (AWS Lambda developer guide, 'Quotas')."""
LARGEST_TWINMAKER_PAGE: Final = 200
"""Values (TwinMaker API reference, GetPropertyValueHistory, `maxResults`)."""
LOOPBACK_HOSTS: Final = frozenset({"localhost", "127.0.0.1", "::1"})
"""Hosts that a token may be sent to in the clear, because it doesn't leave the machine."""

PROVIDER_SPELLINGS: Final = {"aws": "aws", "azure": "azure", "gcp": "gcp", "google": "gcp"}
"""How configurations may spell the providers."""
_HOST: Final = re.compile(r"[a-z0-9._-]+|[0-9a-f:.]+", re.IGNORECASE)
_TWIN_INFO_EXAMPLE: Final = (
    '{"config": {"digital_twin_name": "my-twin"}, "config_providers": '
    '{"layer_3_hot_provider": "azure", "layer_4_provider": "aws"}}'
)


@dataclass(frozen=True, slots=True)
class ProviderLayout:
    """Which cloud keeps the hot storage, and which one has the twin.

    Attributes
    ----------
    layer_3_hot, layer_4
        `aws`, `azure` or `gcp`.
    """

    layer_3_hot: str
    layer_4: str

    @property
    def crosses_clouds(self) -> bool:
        """True if the twin's telemetry is on another cloud than the twin."""
        return self.layer_3_hot != self.layer_4


@dataclass(frozen=True, slots=True)
class DigitalTwinInfo:
    """What `DIGITAL_TWIN_INFO` says.

    Attributes
    ----------
    name
        The twin's name; component types of the larger deployer start with it.
    layout
        The providers.
    devices
        For each listed device the declared types of its properties. Empty if none is listed.
    """

    name: str
    layout: ProviderLayout
    devices: Mapping[str, Mapping[str, DataType]]

    @classmethod
    def load(cls, environment: Environment) -> DigitalTwinInfo:
        """Read `DIGITAL_TWIN_INFO`.

        Raises
        ------
        ConfigurationError
            It is missing, isn't JSON, or lacks a part.
        """
        text = required(environment, "DIGITAL_TWIN_INFO", _TWIN_INFO_EXAMPLE)
        try:
            document = json.loads(text)
        except ValueError as error:
            raise ConfigurationError(
                f"DIGITAL_TWIN_INFO isn't JSON ({error}); it should look like {_TWIN_INFO_EXAMPLE}"
            ) from error
        name = _member(_member(document, "config"), "digital_twin_name")
        providers = _member(document, "config_providers")
        if not isinstance(name, str) or not name.strip():
            raise _twin_info_error("config.digital_twin_name must be a name")
        layout = ProviderLayout(
            _provider(providers, "layer_3_hot_provider"), _provider(providers, "layer_4_provider")
        )
        return cls(name.strip(), layout, _devices(document.get("config_iot_devices") or []))


def _twin_info_error(problem: str) -> ConfigurationError:
    return ConfigurationError(f"DIGITAL_TWIN_INFO: {problem}. Example: {_TWIN_INFO_EXAMPLE}")


def _member(document: Any, name: str) -> Any:
    if not isinstance(document, Mapping) or name not in document:
        raise _twin_info_error(f"{name} is missing")
    return document[name]


def _provider(providers: Any, key: str) -> str:
    name = _member(providers, key)
    provider = PROVIDER_SPELLINGS.get(str(name).strip().lower())
    if provider is None:
        raise _twin_info_error(f"{key} is {name!r}; it must be aws, azure or gcp (or google)")
    return provider


def _devices(listed: Any) -> dict[str, dict[str, DataType]]:
    if not isinstance(listed, list):
        raise _twin_info_error("config_iot_devices must be a list")
    devices: dict[str, dict[str, DataType]] = {}
    for number, device in enumerate(listed):
        where = f"config_iot_devices[{number}]"
        try:
            device_id = device["id"]
            properties = {
                str(each["name"]): DataType.parse(each["dataType"], f"{where}.{each['name']}")
                for each in [*device["properties"], *device.get("constProperties", [])]
            }
        except (KeyError, TypeError, AttributeError) as error:
            raise _twin_info_error(
                f"{where} must have an id and properties, each with a name and a dataType"
            ) from error
        except InvalidQueryError as error:
            raise _twin_info_error(str(error)) from error
        if not isinstance(device_id, str) or not device_id or device_id in devices:
            raise _twin_info_error(f"{where}.id must be a text of its own")
        devices[device_id] = properties
    return devices


@dataclass(frozen=True, slots=True)
class HotReaderSettings:
    """What a Hot Reader needs, whatever its store.

    Attributes
    ----------
    twin
        The twin and its layout.
    device_id_attribute, timestamp_attribute
        Names of the stored entries' fields that hold the device's id and the instant.
    timestamp_format
        How the second one spells an instant.
    page_bytes
        The largest answer, in bytes.
    page_values
        The most values on a page; None for no bound.
    """

    twin: DigitalTwinInfo
    device_id_attribute: str
    timestamp_attribute: str
    timestamp_format: TimestampFormat
    page_bytes: int
    page_values: int | None

    @classmethod
    def load(cls, environment: Environment) -> HotReaderSettings:
        """Read the settings.

        Raises
        ------
        ConfigurationError
            One is missing or malformed.
        """
        page_values = _whole(environment, "PAGE_VALUES", 0, 0, 1_000_000)
        return cls(
            twin=DigitalTwinInfo.load(environment),
            device_id_attribute=_text(environment, "DEVICE_ID_ATTRIBUTE", "device_id"),
            timestamp_attribute=_text(environment, "TIMESTAMP_ATTRIBUTE", "timestamp"),
            timestamp_format=_timestamp_format(environment),
            page_bytes=_whole(environment, "PAGE_BYTES", LARGEST_PAYLOAD, 65_536, LARGEST_PAYLOAD),
            page_values=page_values or None,
        )


@dataclass(frozen=True, slots=True)
class DynamoDBSettings:
    """Where the hot storage on AWS is.

    Attributes
    ----------
    table_name
        The hot table: device id as partition key, instant as sort key.
    """

    table_name: str

    @classmethod
    def load(cls, environment: Environment) -> DynamoDBSettings:
        """Read the settings; see `HotReaderSettings.load`."""
        return cls(required(environment, "DYNAMODB_TABLE_NAME", "my-twin-hot-telemetry"))


@dataclass(frozen=True, slots=True)
class CosmosSettings:
    """Where the hot storage on Azure is.

    Attributes
    ----------
    endpoint
        The Cosmos DB account's URL.
    database, container
        The container whose partition key is the device's id.
    key
        The account's (read-only) key; None to use the function's managed identity.
    """

    endpoint: str
    database: str
    container: str
    key: str | None = field(repr=False)

    @classmethod
    def load(cls, environment: Environment) -> CosmosSettings:
        """Read the settings; see `HotReaderSettings.load`."""
        endpoint = required(environment, "COSMOS_ENDPOINT", "https://my-twin.documents.azure.com")
        check_secure_url("COSMOS_ENDPOINT", endpoint, example="https://my-twin.documents.azure.com")
        parts = urlsplit(endpoint)
        if parts.path not in ("", "/") or parts.query or parts.fragment:
            # It isn't repeated: somebody may have put the account's key there.
            raise ConfigurationError(
                "COSMOS_ENDPOINT must end with the host, or the port: it should look like "
                "https://my-twin.documents.azure.com"
            )
        return cls(
            endpoint=endpoint,
            database=required(environment, "COSMOS_DATABASE", "my-twin"),
            container=required(environment, "COSMOS_CONTAINER", "hot-telemetry"),
            key=_account_key(environment),
        )


def _account_key(environment: Environment) -> str | None:
    key = environment.get("COSMOS_KEY", "").strip()
    try:
        base64.b64decode(key, validate=True)
    except ValueError:
        raise ConfigurationError(
            "COSMOS_KEY is not a key: it must be Base64 text, as the Azure portal shows it under "
            "'Keys'. Leave it out to use the function's managed identity."
        ) from None
    return key or None


@dataclass(frozen=True, slots=True)
class FirestoreSettings:
    """Where the hot storage on Google Cloud is.

    Attributes
    ----------
    project
        The Google Cloud project; None for the one that the function runs in.
    database
        The Firestore database.
    collection
        The collection whose documents are the entries.
    """

    project: str | None
    database: str
    collection: str

    @classmethod
    def load(cls, environment: Environment) -> FirestoreSettings:
        """Read the settings; see `HotReaderSettings.load`."""
        _check_emulator(environment)
        return cls(
            project=environment.get("FIRESTORE_PROJECT", "").strip() or None,
            database=_text(environment, "FIRESTORE_DATABASE", "(default)"),
            collection=required(environment, "FIRESTORE_COLLECTION", "hot-telemetry"),
        )


@dataclass(frozen=True, slots=True)
class EndpointSettings:
    """What an HTTP endpoint needs besides its reader.

    Attributes
    ----------
    token
        The tokens it accepts.
    requests_per_second
        How many authorized requests one instance answers per second; None for no limit of its own.
    compress
        True if nothing in front of the endpoint compresses answers for callers that accept gzip.
    """

    token: TokenSource
    requests_per_second: int | None
    compress: bool

    @classmethod
    def load(cls, environment: Environment) -> EndpointSettings:
        """Read the settings; see `HotReaderSettings.load`."""
        limit = _whole(environment, "REQUESTS_PER_SECOND", 0, 0, 100_000)
        return cls(
            _token(environment),
            limit or None,
            # In front of a deployed function, API Gateway compresses (the stage's
            # minimum_compression_size); nothing is in front of `chalice local`.
            compress=environment.get("AWS_CHALICE_CLI_MODE") == "true",
        )

    @classmethod
    def load_outside_aws(cls, environment: Environment) -> EndpointSettings:
        """Read the settings of a function on another cloud; see `HotReaderSettings.load`.

        Nothing in front of it compresses, and a store of AWS isn't its to ask for the token.
        """
        settings = replace(cls.load(environment), compress=True)
        if settings.token.store is not None:
            raise ConfigurationError(
                f"{settings.token.variable} refers to a store of AWS, which can't be read from here. "
                "Let the platform put the token itself there: a Key Vault reference on Azure "
                "(@Microsoft.KeyVault(SecretUri=...)), a secret of Secret Manager on Google Cloud."
            )
        return settings


@dataclass(frozen=True, slots=True)
class RemoteReaderSettings:
    """How to call another cloud's Hot Reader.

    Attributes
    ----------
    url
        Its endpoint.
    token
        What to send.
    source_cloud
        The cloud that asks, as the envelope names it.
    retries
        How often to try again.
    connect_timeout, read_timeout
        Seconds for one try.
    margin
        Seconds of the function's own time that are left for answering.
    """

    url: str = field(repr=False)
    token: TokenSource
    source_cloud: str
    retries: int
    connect_timeout: float
    read_timeout: float
    margin: float


@dataclass(frozen=True, slots=True)
class ReadAheadSettings:
    """How far a data connector reads ahead, and how long it uses what it has read.

    Attributes
    ----------
    pages
        How many pages are asked for along with one that a caller pages to, at least one.
    most_bytes
        What the kept pages may take in memory, all together.
    open_seconds, closed_seconds
        How old a page may get whose range isn't over yet, and one whose range is; 0 keeps none.
    grace
        Seconds after its end until a range is over: as long as entries may be late.
    """

    pages: int
    most_bytes: int
    open_seconds: int
    closed_seconds: int
    grace: int

    @classmethod
    def load(cls, environment: Environment) -> ReadAheadSettings | None:
        """Read the settings; None if nothing shall be read ahead. See `HotReaderSettings.load`."""
        settings = cls(
            pages=_whole(environment, "READ_AHEAD_PAGES", 24, 0, 100),
            most_bytes=_whole(environment, "READ_AHEAD_MEMORY_MB", 32, 1, 4_096) * 1_000_000,
            open_seconds=_whole(environment, "READ_AHEAD_OPEN_SECONDS", 5, 0, 3_600),
            closed_seconds=_whole(environment, "READ_AHEAD_CLOSED_SECONDS", 60, 0, 86_400),
            grace=_whole(environment, "READ_AHEAD_GRACE_SECONDS", 60, 0, 604_800),
        )
        return settings if settings.pages else None


@dataclass(frozen=True, slots=True)
class DataConnectorSettings:
    """What a data connector needs: where to read, and nothing else.

    Attributes
    ----------
    twin
        The twin and its layout.
    remote
        Another cloud's Hot Reader, if the telemetry is on another cloud.
    local_function
        The Hot Reader's Lambda function in this account, if it is on this cloud.
    read_ahead
        How far to read ahead on another cloud; None for not at all.
    """

    twin: DigitalTwinInfo
    remote: RemoteReaderSettings | None = field(default=None)
    local_function: str | None = None
    read_ahead: ReadAheadSettings | None = None

    @classmethod
    def load(
        cls, environment: Environment, *, url_variable: str, local_variable: str
    ) -> DataConnectorSettings:
        """Read the settings.

        The connector goes remote only if the providers differ *and* there is a URL (design note
        'system', section 'Dual validation').

        Parameters
        ----------
        environment
            The environment.
        url_variable
            Which variable holds the remote URL of this kind of read.
        local_variable
            Which variable names the local function of this kind of read.

        Raises
        ------
        ConfigurationError
            One is missing or malformed.
        """
        twin = DigitalTwinInfo.load(environment)
        if not twin.layout.crosses_clouds:
            name = required(environment, local_variable, "my-twin-singlecloud-hot-reader")
            return cls(twin, local_function=name)
        url = required(environment, url_variable, "https://reader.example.com/hot-reader")
        check_reader_url(url_variable, url)
        remote = RemoteReaderSettings(
            url=url,
            token=_token(environment),
            source_cloud=twin.layout.layer_4,
            retries=_whole(environment, "REMOTE_RETRIES", 3, 0, 10),
            connect_timeout=_whole(environment, "REMOTE_CONNECT_TIMEOUT_MS", 3_000, 1, 60_000)
            / 1000,
            read_timeout=_whole(environment, "REMOTE_READ_TIMEOUT_MS", 10_000, 1, 900_000) / 1000,
            margin=_whole(environment, "ANSWER_MARGIN_MS", 500, 0, 60_000) / 1000,
        )
        return cls(twin, remote=remote, read_ahead=ReadAheadSettings.load(environment))


def tracing_enabled(environment: Environment) -> bool:
    """Say whether X-Ray traces are wanted: in Lambda, unless POWERTOOLS_TRACE_DISABLED is true."""
    in_lambda = bool(environment.get("LAMBDA_TASK_ROOT"))
    return in_lambda and not _flag(environment, "POWERTOOLS_TRACE_DISABLED")


def log_level(environment: Environment) -> int:
    """Return the lowest level that is logged, as Python's logging counts: POWERTOOLS_LOG_LEVEL.

    Raises
    ------
    ConfigurationError
        There is no such level.
    """
    name = _text(environment, "POWERTOOLS_LOG_LEVEL", "INFO").upper()
    levels = logging.getLevelNamesMapping()
    if name not in levels:
        raise ConfigurationError(
            f"POWERTOOLS_LOG_LEVEL is {name!r}; it must be one of DEBUG, INFO, WARNING, ERROR"
        )
    return levels[name]


def required(environment: Environment, name: str, example: str) -> str:
    """Return a variable that has to be set.

    Raises
    ------
    ConfigurationError
        It is missing or blank.
    """
    value = environment.get(name, "").strip()
    if not value:
        raise ConfigurationError(f"{name} is not set. Set it to something like: {example}")
    return value


def _text(environment: Environment, name: str, default: str) -> str:
    return environment.get(name, "").strip() or default


def _whole(environment: Environment, name: str, default: int, least: int, most: int) -> int:
    text = environment.get(name, "").strip()
    if not text:
        return default
    if not re.fullmatch("[0-9]{1,9}", text) or not least <= int(text) <= most:
        raise ConfigurationError(
            f"{name} is {text!r}; it must be a whole number from {least} to {most}"
        )
    return int(text)


def _flag(environment: Environment, name: str) -> bool:
    text = environment.get(name, "").strip().lower()
    if text not in ("", "true", "false"):
        raise ConfigurationError(f"{name} is {text!r}; it must be true or false")
    return text == "true"


def _timestamp_format(environment: Environment) -> TimestampFormat:
    name = environment.get("TIMESTAMP_FORMAT", "").strip().lower() or "iso8601"
    mixed_offsets = _flag(environment, "MIXED_OFFSETS")
    match name:
        case "iso8601":
            return Iso8601Format(mixed_offsets=mixed_offsets)
        case "epoch_milliseconds":
            return EpochMillisecondsFormat(as_text=False)
        case "epoch_milliseconds_text":
            return EpochMillisecondsFormat(as_text=True)
    raise ConfigurationError(
        f"TIMESTAMP_FORMAT is {name!r}; it must be iso8601, epoch_milliseconds or "
        "epoch_milliseconds_text"
    )


def _token(environment: Environment) -> TokenSource:
    text = required(environment, "INTER_CLOUD_TOKEN", "ssm:/my-twin/inter-cloud-token")
    max_age = _whole(environment, "INTER_CLOUD_TOKEN_MAX_AGE_SECONDS", 60, 1, 3_600)
    return TokenSource.parse("INTER_CLOUD_TOKEN", text, max_age=max_age)


def _check_emulator(environment: Environment) -> None:
    """Check the address that Google's SDK takes for Firestore's, if there is one: even a blank one."""
    address = environment.get("FIRESTORE_EMULATOR_HOST")
    if address is None:
        return
    try:
        host = urlsplit(f"//{address.strip()}").hostname
    except ValueError:
        host = None
    if host not in LOOPBACK_HOSTS:
        raise ConfigurationError(
            f"FIRESTORE_EMULATOR_HOST is {address!r}; it must be on this machine, such as "
            "127.0.0.1:8080, as nothing is encrypted on the way there. Unset it to read the real "
            "database."
        )


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
        raise ConfigurationError(f"{name} must not hold blanks")
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
        raise ConfigurationError(f"{name} must not hold a user name or password")
    if not parts.hostname or parts.scheme not in ("https", "http"):
        raise ConfigurationError(f"{name} must look like {example}")
    if parts.scheme == "http" and parts.hostname not in LOOPBACK_HOSTS:
        raise ConfigurationError(
            f"{name} must use https: a credential would cross the network in the clear to "
            f"{parts.hostname}. Plain http is for this machine only (localhost, 127.0.0.1, ::1)."
        )
