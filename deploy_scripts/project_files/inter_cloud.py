"""The inter-cloud connections: where another cloud's Hot Readers are, and the token they take.

`config_inter_cloud.json` is shared with the larger deployer, which keeps connections between other
layers in it; they stay as they are. The file holds secrets, so:

- it has the mode 0600 from the moment it exists, and no error, log line or `repr` shows a token;
- a write is all or nothing: a temporary file in the same directory takes the old one's place;
- writers wait for each other (a lock file beside it), so none loses what another one wrote;
- a file that looks damaged, or is a symbolic link, is refused and left alone.

A file that other users can read is read with a warning and gets the mode 0600 with the next write.
"""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from chalicelib.model.errors import ConfigurationError
from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS, Read
from chalicelib.settings.secure_url import check_reader_url
from chalicelib.settings.token_reference import TokenReference
from deploy_scripts.errors import VerbError
from deploy_scripts.project_files import strict_json
from deploy_scripts.project_files.whole_files import OTHERS, PRIVATE, read_regular, write_whole

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from chalicelib.model.layout import ProviderLayout

CONNECTIONS_FILE: Final = "config_inter_cloud.json"

_POLL_SECONDS: Final = 0.02
_PATIENCE_SECONDS: Final = 10.0
"""How long a writer waits for another one."""
_log: Final = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Connection:
    """The URL and the token of a Hot Reader on another cloud."""

    id: str
    # Its endpoint. A query can hold a key, so `public_url` is the one to show.
    url: str = field(repr=False)
    token: str = field(repr=False)  # a secret, or a reference as in the setting `INTER_CLOUD_TOKEN`

    @property
    def public_url(self) -> str:
        """The URL without what may be secret in it."""
        return public_url(self.url)


def public_url(url: str) -> str:
    """Return a URL without what may be secret in it."""
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    return parts._replace(netloc=host, query="", fragment="").geturl()


def connection_id(layout: ProviderLayout, read: Read) -> str:
    """Return the id of a layout's connection: `{l3}_l3_to_{l4}_l4_hot_reader[_last_entry]`."""
    reader = read.hot_reader.replace("-", "_")
    return f"{layout.layer_3_hot}_l3_to_{layout.layer_4}_l4_{reader}"


def old_connection_id(layout: ProviderLayout) -> str:
    """Return the id of older projects, one for both reads: `{l4}_l4_to_{l3}_l3hot_read`."""
    return f"{layout.layer_4}_l4_to_{layout.layer_3_hot}_l3hot_read"


class InterCloudConnections:
    """The connections in a file; each call reads it anew.

    Every call raises a `VerbError` without a token in it if the file is damaged, a symbolic link, or can't be read or
    written. A layout is one that crosses clouds.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self._warned = False

    def load(self) -> dict[str, Connection]:
        """Return all connections by id, other layers' too; none if there is no file."""
        entries = self._document().get("connections", {})
        return {
            name: Connection(name, each["url"], each["token"]) for name, each in entries.items()
        }

    def get(self, layout: ProviderLayout, read: Read) -> Connection | None:
        """Return the connection of a layout's read; None if there is none.

        The old id is understood if the new one isn't there. It serves the history as it is. For the
        last entry its URL must end in `/hot-reader`, which becomes `/hot-reader-last-entry`: the two
        have these names on every cloud. No other URL says where the last entry is read, and the
        history's endpoint would give an answer of another shape; so None.
        """
        known = self.load()
        connection = known.get(connection_id(layout, read))
        if connection is None:
            old = known.get(old_connection_id(layout))
            connection = _for_last_entry(old) if old is not None and read is LAST_ENTRY else old
        return None if connection is None else _checked(connection)

    def of(self, layout: ProviderLayout) -> dict[Read, Connection]:
        """Return the connections of a layout's reads, as far as there are any; see `get`."""
        found = {read: self.get(layout, read) for read in READS}
        return {read: each for read, each in found.items() if each is not None}

    def put(self, layout: ProviderLayout, read: Read, url: str, token: str) -> None:
        """Save a connection under its (new) id, in place of what it was."""
        connection = _checked(Connection(connection_id(layout, read), url, token))
        with self._locked():
            document = self._document()
            entry = document.setdefault("connections", {}).setdefault(connection.id, {})
            entry |= {"url": connection.url, "token": connection.token}
            self._write(document)

    def remove(self, layout: ProviderLayout, read: Read) -> bool:
        """Remove what `put` saved; say whether it was there. An old id isn't ours and stays."""
        name = connection_id(layout, read)
        if not self.path.parent.is_dir():
            return False
        with self._locked():
            document = self._document()
            if document.get("connections", {}).pop(name, None) is None:
                return False
            self._write(document)
        return True

    def _document(self) -> dict[str, Any]:
        try:
            content, mode = read_regular(self.path)
        except FileNotFoundError:
            return {}
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise self._refusal("is a symbolic link; put the file itself there") from error
            raise VerbError(f"{self.path} can't be read: {error.strerror}") from error
        if mode & OTHERS and not self._warned:
            self._warned = True
            _log.warning(
                "%s has the mode %04o: other users can get at the tokens in it. Run chmod 600 on it, "
                "and change the tokens if anyone else uses this machine.",
                self.path,
                mode,
            )
        try:
            document: dict[str, Any] = strict_json.parse(content)
        except strict_json.FlawError as error:
            raise self._refusal(f"isn't plain JSON: {error}") from error
        self._check_shape(document)
        return document

    def _check_shape(self, document: Any) -> None:
        connections = document.get("connections", {}) if isinstance(document, dict) else None
        if not isinstance(connections, dict):
            raise self._refusal("must hold an object, with another one under 'connections'")
        for name, each in connections.items():
            values = [each.get(key) if isinstance(each, dict) else None for key in ("url", "token")]
            if not all(isinstance(value, str) for value in values):
                raise self._refusal(
                    f"must have an object with the strings 'url' and 'token' under {name!r}"
                )

    def _refusal(self, flaw: str) -> VerbError:
        return VerbError(f"{self.path} {flaw}. It was left as it is.")

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Be the only writer. The lock file stays: removing it would let two writers in."""
        lock = self.path.with_name(f".{self.path.name}.lock")
        flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC
        try:
            descriptor = os.open(lock, flags, PRIVATE)
        except OSError as error:
            raise VerbError(f"{lock} can't be opened: {error.strerror}") from error
        deadline = time.monotonic() + _PATIENCE_SECONDS
        try:
            while not _lock(descriptor):
                if time.monotonic() >= deadline:
                    raise VerbError(
                        f"Another process has been writing {self.path} for {_PATIENCE_SECONDS:g} "
                        "seconds. Try again when it has ended."
                    )
                time.sleep(_POLL_SECONDS)
            yield
        finally:
            os.close(descriptor)  # releases the lock; so does the end of the process

    def _write(self, document: dict[str, Any]) -> None:
        """Put a new file in the old one's place; call with the lock held."""
        try:
            # Only ASCII: any string that JSON can escape comes through unharmed.
            content = json.dumps(document, indent=2, allow_nan=False) + "\n"
        except ValueError:  # such as 1e999, which was read as infinity
            raise self._refusal("holds a number that JSON can't spell") from None
        write_whole(self.path, content.encode(), mode=PRIVATE, locked=True)


def _lock(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


def _for_last_entry(history: Connection) -> Connection | None:
    """Derive the last entry's connection from the history's, if its URL says enough."""
    try:
        parts = urlsplit(history.url.strip())
    except ValueError:
        return None
    path = parts.path.removesuffix("/")
    if not path.endswith(HISTORY.path):
        return None
    path = path.removesuffix(HISTORY.path) + LAST_ENTRY.path
    return replace(history, url=parts._replace(path=path).geturl())


def _checked(connection: Connection) -> Connection:
    """Return a connection without whitespace around it, given that a token may be sent to its URL."""
    checked = replace(connection, url=connection.url.strip(), token=connection.token.strip())
    try:
        TokenReference.parse(f"The token of {checked.id}", checked.token, max_age=1)
        check_reader_url(f"The URL of {checked.id}", checked.url)
    except ConfigurationError as error:
        flaw = str(error)
    else:
        return checked
    raise VerbError(flaw)  # not in the handler, whose error may hold the token
