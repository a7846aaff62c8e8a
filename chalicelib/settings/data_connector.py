"""Settings of a data connector: where it reads, and how far ahead."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from chalicelib.settings.environment import required, whole_number
from chalicelib.settings.secure_url import check_reader_url
from chalicelib.settings.token_reference import TokenReference

if TYPE_CHECKING:
    from chalicelib.model.reads import Read
    from chalicelib.settings.environment import Environment


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
    token: TokenReference
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
            pages=whole_number(environment, "READ_AHEAD_PAGES", 24, 0, 100),
            most_bytes=whole_number(environment, "READ_AHEAD_MEMORY_MB", 32, 1, 4_096) * 1_000_000,
            open_seconds=whole_number(environment, "READ_AHEAD_OPEN_SECONDS", 5, 0, 3_600),
            closed_seconds=whole_number(environment, "READ_AHEAD_CLOSED_SECONDS", 60, 0, 86_400),
            grace=whole_number(environment, "READ_AHEAD_GRACE_SECONDS", 60, 0, 604_800),
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
    def load(cls, environment: Environment, read: Read) -> DataConnectorSettings:
        """Read the settings.

        The connector goes remote only if the providers differ *and* there is a URL
        (docs/architecture.md, 'Dual validation').

        Parameters
        ----------
        environment
            The environment.
        read
            The kind of read, which names the settings of its URL and its function.

        Raises
        ------
        ConfigurationError
            One is missing or malformed.
        """
        twin = DigitalTwinInfo.load(environment)
        if not twin.layout.crosses_clouds:
            name = required(
                environment, read.local_function_setting, "my-twin-singlecloud-hot-reader"
            )
            return cls(twin, local_function=name)
        url = required(
            environment, read.remote_url_setting, "https://reader.example.com/hot-reader"
        )
        check_reader_url(read.remote_url_setting, url)
        remote = RemoteReaderSettings(
            url=url,
            token=TokenReference.load(environment),
            source_cloud=twin.layout.layer_4,
            retries=whole_number(environment, "REMOTE_RETRIES", 3, 0, 10),
            connect_timeout=whole_number(environment, "REMOTE_CONNECT_TIMEOUT_MS", 3_000, 1, 60_000)
            / 1000,
            read_timeout=whole_number(environment, "REMOTE_READ_TIMEOUT_MS", 10_000, 1, 900_000)
            / 1000,
            margin=whole_number(environment, "ANSWER_MARGIN_MS", 500, 0, 60_000) / 1000,
        )
        return cls(twin, remote=remote, read_ahead=ReadAheadSettings.load(environment))
