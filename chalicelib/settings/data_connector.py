"""Settings of a data connector: the Hot Reader that it asks, here or on another cloud."""

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
class ReadAheadSettings:
    """The bounds of reading ahead: how far, and how long the pages are used.

    Attributes
    ----------
    pages
        The number of pages to ask for along with one that a caller pages to, at least one.
    grace
        Seconds after its end until a range is over: as long as entries may be late.
    most_bytes
        The memory of all kept pages together, in bytes.
    open_seconds, closed_seconds
        The greatest age of a page whose range isn't over yet, and of one whose range is.
    """

    pages: int
    grace: int
    # A function has 128 MB at least, of which Python and the libraries take half.
    most_bytes: int = 32_000_000
    # TwinMaker asks for the next page at once. Seconds are enough for that, and a dashboard that
    # refreshes finds what arrived since.
    open_seconds: float = 5
    # Entries rarely come after the grace, so a caller that is slow between its pages is served, too.
    closed_seconds: float = 60

    @classmethod
    def load(cls, environment: Environment) -> ReadAheadSettings | None:
        """Read the settings; None if nothing shall be read ahead. See `HotReaderSettings.load`."""
        pages = whole_number(environment, "READ_AHEAD_PAGES", 24, 0, 100)
        grace = whole_number(environment, "READ_AHEAD_GRACE_SECONDS", 60, 0, 604_800)
        return cls(pages, grace) if pages else None


@dataclass(frozen=True, slots=True)
class LocalReaderSettings:
    """The Hot Reader in this account.

    Attributes
    ----------
    function
        The name of its Lambda function.
    """

    function: str


@dataclass(frozen=True, slots=True)
class RemoteReaderSettings:
    """Another cloud's Hot Reader, and how to call it.

    Attributes
    ----------
    url
        Its endpoint.
    token
        The token to send.
    source_cloud
        The cloud that asks, as the envelope names it.
    retries
        The number of tries after the first.
    read_ahead
        How far to read ahead; None for not at all.
    connect_timeout
        Seconds for a connection.
    longest_try
        Seconds for one try from its beginning to the answer's last byte, if there is time for another.
    """

    url: str = field(repr=False)
    token: TokenReference
    source_cloud: str
    retries: int
    read_ahead: ReadAheadSettings | None = None
    # A lost SYN is sent again after 1 s (RFC 6298, section 2): two of three may be lost.
    connect_timeout: float = 3
    # Two tries fit into the 25 to 29 s of a function. The last one may use all the time that is left.
    longest_try: float = 10


@dataclass(frozen=True, slots=True)
class DataConnectorSettings:
    """Settings of a data connector: the Hot Reader to ask, and nothing else.

    Attributes
    ----------
    twin
        The twin and its layout.
    reader
        The Hot Reader that it asks.
    """

    twin: DigitalTwinInfo
    reader: LocalReaderSettings | RemoteReaderSettings

    @classmethod
    def load(cls, environment: Environment, read: Read) -> DataConnectorSettings:
        """Read the settings, and so decide between the local and a remote Hot Reader.

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
        if twin.layout.crosses_clouds:
            return cls(twin, _remote(environment, read, twin))
        name = required(environment, read.local_function_setting, "my-twin-singlecloud-hot-reader")
        return cls(twin, LocalReaderSettings(name))


def _remote(environment: Environment, read: Read, twin: DigitalTwinInfo) -> RemoteReaderSettings:
    url = required(environment, read.remote_url_setting, "https://reader.example.com/hot-reader")
    check_reader_url(read.remote_url_setting, url)
    return RemoteReaderSettings(
        url=url,
        token=TokenReference.load(environment),
        source_cloud=twin.layout.layer_4,
        retries=whole_number(environment, "REMOTE_RETRIES", 3, 0, 10),
        read_ahead=ReadAheadSettings.load(environment),
    )
