"""The `nextToken`: the position where a page stopped, as an opaque string.

It holds a position, a format version and a digest of the query, and nothing that gives authority: the
device and the range come from the query, never from the token (docs/architecture.md,
'Pages and the next token').
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.limits import LONGEST_NEXT_TOKEN

if TYPE_CHECKING:
    from collections.abc import Sequence

    from chalicelib.model.query import DevicesQuery, HistoryQuery

_VERSION: Final = 4
"""Raised with each change of the format, so that a token of another one is refused, not misread."""
_MOST_IN_SECOND: Final = 2**31 - 1


class Position(NamedTuple):
    """The last value that was returned.

    Attributes
    ----------
    key
        The sort key of its entry, as a string.
    property_index
        The number of its property among the selected ones, counted from 0.
    identity
        The id of its entry among those of the same key (`StoredEntry.identity`).
    complete
        True if nothing can be missing up to the key, in the order of keys: the next page may begin
        beyond it. Else it reads the key's second again.
    in_second
        The number of entries of the key's second, as far as they were seen: what a page may have to
        read beyond its own entries.
    """

    key: str
    property_index: int
    identity: str
    complete: bool
    in_second: int


def encode(position: Position, query: HistoryQuery) -> str:
    """Return the token that continues a query after a position.

    Examples
    --------
    >>> from dataclasses import replace
    >>> from chalicelib.model.query import HistoryQuery
    >>> query = HistoryQuery(device_id="pump-1", selected_properties=("pressure",), start=0, end=9)
    >>> position = Position("1970-01-01T00:00:00Z", 0, "", True, 1)
    >>> token = encode(position, query)
    >>> decode(token, query) == position
    True
    >>> decode(token, replace(query, device_id="pump-2"))
    Traceback (most recent call last):
    chalicelib.model.errors.InvalidQueryError: next_token belongs to another query. Send it with the same device, range, properties, filters and order as the page that it came with.
    """
    return _pack([_VERSION, *position, _digest(position, query, query.device_id)])


def decode(token: str, query: HistoryQuery) -> Position:
    """Read a token.

    Raises
    ------
    InvalidQueryError
        The token is damaged, comes from elsewhere, or belongs to another query.
    """
    try:
        match _unpack(token):
            case [
                int(version),
                str(key),
                int(index),
                str(identity),
                bool(complete),
                int(in_second),
                str(digest),
            ] if version == _VERSION and 1 <= in_second <= _MOST_IN_SECOND:
                position = Position(key, index, identity, complete, in_second)
            case _:
                raise not_ours()
    except (ValueError, RecursionError) as error:
        raise not_ours() from error
    _check(position, query, digest == _digest(position, query, query.device_id))
    return position


def encode_among(
    number: int, position: Position, query: DevicesQuery, lines: Sequence[Any] = ()
) -> str:
    """Return the token that continues the histories of several devices after a position.

    One position is enough for all: what another device has is before or after it, by its instant, and of
    the same instant by the devices' order.

    Parameters
    ----------
    number
        The number of the position's device in the query, counted from 0.
    position
        The position. What lies before it in its second is read again.
    query
        The query.
    lines
        What interpolated values go on from.
    """
    place = [number, *position[:3], *lines]
    return _pack([_VERSION, *place, _digest(place, query.common, query.device_ids)])


def decode_among(token: str, query: DevicesQuery) -> tuple[int, Position, list[Any]]:
    """Read a token of several devices; see `encode_among` and `decode`.

    The lines are as they came: a digest is no signature.
    """
    try:
        match _unpack(token):
            case [
                int(version),
                int(number),
                str(key),
                int(index),
                str(identity),
                *lines,
                str(digest),
            ] if version == _VERSION and 0 <= number < len(query.each):
                position = Position(key, index, identity, complete=False, in_second=1)
            case _:
                raise not_ours()
    except (ValueError, RecursionError) as error:
        raise not_ours() from error
    place = [number, *position[:3], *lines]
    expected = _digest(place, query.common, query.device_ids)
    _check(position, query.common, digest == expected)
    return number, position, lines


def _check(position: Position, query: HistoryQuery, belongs: bool) -> None:  # noqa: FBT001
    if not belongs or not 0 <= position.property_index < len(query.selected_properties):
        raise InvalidQueryError(
            "next_token belongs to another query. Send it with the same device, range, properties, "
            "filters and order as the page that it came with."
        )


def _pack(token: list[Any]) -> str:
    text = json.dumps(token, separators=(",", ":")).encode()
    return base64.urlsafe_b64encode(text).rstrip(b"=").decode()


def not_ours() -> InvalidQueryError:
    """Return the error of a token that can't be one of `encode` or `encode_among`."""
    return InvalidQueryError(
        "next_token isn't one that this reader issued. Leave it out to start from the first page, "
        "or send back exactly the nextToken of the page before."
    )


def _unpack(token: str) -> Any:
    if len(token) > LONGEST_NEXT_TOKEN:
        raise ValueError("too long")
    try:
        packed = base64.b64decode(
            token.encode("ascii") + b"=" * (-len(token) % 4), altchars=b"-_", validate=True
        )
    except binascii.Error as error:
        raise ValueError(str(error)) from error
    return json.loads(packed)


def _digest(position: Sequence[Any], query: HistoryQuery, devices: Any) -> str:
    """Hash a position together with the query that it belongs to.

    The page size isn't part of it, and neither are declared types and sources: they may change from page
    to page (a new deployment between two pages, say), and don't move a position.
    """
    parts = [
        position,
        devices,
        query.selected_properties,
        query.start,
        query.end,
        query.descending,
        [condition.to_json() for condition in query.filters],
    ]
    if query.interval is not None:
        parts.append(query.interval)
    canonical = json.dumps(parts, separators=(",", ":"), sort_keys=True).encode()
    # 96 bits. They detect mistakes; against forgery nothing is needed, as a token gives no authority.
    return hashlib.sha256(canonical).hexdigest()[:24]
