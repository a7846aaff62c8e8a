"""A query document's parts, each read with errors that name it.

TwinMaker's events and the wire contract's payloads have the same kinds of parts under other names.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.instants import NANOSECONDS, parse_instant
from chalicelib.model.property_filter import PropertyFilter

_LONGEST_TEXT = 1_024
"""Bytes of UTF-8; a DynamoDB partition key ends at 2,048 (developer guide, 'Quotas')."""
_MOST_NAMES = 100
"""Properties or filters in one query; TwinMaker sends at most 10 properties."""
_LARGEST_COUNT = 2**31 - 1
"""The largest `Integer` of the AWS service models, of which TwinMaker's `maxResults` is one."""


class Document:
    """A JSON object, read part by part.

    Parameters
    ----------
    content
        The object; anything else is an error at once.
    where
        Its name in messages.

    Raises
    ------
    InvalidQueryError
        From every method: the part is missing or of the wrong type; the message names it.

    Examples
    --------
    >>> payload = Document({"iot_device_id": "pump-1", "max_results": 0}, "payload")
    >>> payload.text("iot_device_id")
    'pump-1'
    >>> payload.max_results("max_results") is None
    True
    >>> payload.instant("start_time")
    Traceback (most recent call last):
    chalicelib.model.errors.InvalidQueryError: start_time is missing from payload; it must be a string
    """

    def __init__(self, content: Any, where: str) -> None:
        if not isinstance(content, Mapping):
            raise InvalidQueryError(f"{where} must be a JSON object")
        self._content = content
        self._where = where

    def get(self, key: str) -> Any:
        """Return a part as it is; None if it is missing."""
        return self._content.get(key)

    def optional_text(self, key: str) -> str | None:
        """Return a string that may be missing or null."""
        value = self._content.get(key)
        if value is None:
            return None
        if not _is_text(value):
            raise InvalidQueryError(f"{key} must be a string of 1 to {_LONGEST_TEXT} bytes")
        return str(value)

    def mapping(self, key: str) -> Mapping[str, Any]:
        """Return a JSON object; an empty one if it is missing or null."""
        value = self._content.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping):
            raise InvalidQueryError(f"{key} must be a JSON object")
        return value

    def text(self, key: str) -> str:
        """Return a string that is required."""
        value = self.optional_text(key)
        if value is None:
            raise InvalidQueryError(f"{key} is missing from {self._where}; it must be a string")
        return value

    def names(
        self, key: str, *, of: str = "property names", most: int = _MOST_NAMES
    ) -> tuple[str, ...]:
        """Return a list of at least one name, without repeats; `of` and `most` say of what, and how many."""
        value = self._content.get(key)
        if (
            not isinstance(value, list)
            or not 0 < len(value) <= most
            or not all(map(_is_text, value))
        ):
            raise InvalidQueryError(f"{key} must be a list of 1 to {most} {of}")
        return tuple(dict.fromkeys(value))

    def sources(self, key: str) -> dict[str, str]:
        """Return stored names or paths by property name; none if they are missing."""
        value = self._content.get(key)
        if value is None:
            return {}
        if not isinstance(value, Mapping) or not all(map(_is_text, value.values())):
            raise InvalidQueryError(
                f'{key} must be an object such as {{"speed": "Vehicle.Speed"}}, of strings of 1 to '
                f"{_LONGEST_TEXT} bytes"
            )
        return dict(value)

    def instant(self, key: str) -> int:
        """Return an ISO 8601 timestamp as nanoseconds since 1970."""
        try:
            return parse_instant(self.text(key))
        except ValueError as error:
            raise InvalidQueryError(f"{key}: {error}") from error

    def order_is_descending(self, key: str) -> bool:
        """Return True for `DESCENDING`; a missing order is ascending."""
        value = self._content.get(key)
        if value not in (None, "ASCENDING", "DESCENDING"):
            raise InvalidQueryError(f"{key} must be ASCENDING or DESCENDING")
        return bool(value == "DESCENDING")

    def max_results(self, key: str) -> int | None:
        """Return a count of at least 1; None if it is missing or 0, which sets no bound."""
        value = self._content.get(key)
        if value is None:
            return None
        count = whole_number(value)
        if count is None or not 0 <= count <= _LARGEST_COUNT:
            raise InvalidQueryError(f"{key} must be a whole number from 0 to {_LARGEST_COUNT:,}")
        return count or None

    def pages_ahead(self, key: str) -> int:
        """Return a count; 0 if it is missing."""
        return self.max_results(key) or 0

    def flag(self, key: str) -> bool:
        """Return a boolean; False if it is missing."""
        value = self._content.get(key)
        if value is not None and not isinstance(value, bool):
            raise InvalidQueryError(f"{key} must be true or false")
        return bool(value)

    def interval(self, key: str) -> int | None:
        """Return the nanoseconds between interpolated values; None if none are asked for."""
        asked = {name: part for name, part in self.mapping(key).items() if part is not None}
        if not asked:
            return None
        if asked.get("interpolationType", "LINEAR") != "LINEAR":
            raise InvalidQueryError(f"{key}.interpolationType must be LINEAR")
        where = f"{key}.intervalInSeconds"
        seconds = Document({where: asked.get("intervalInSeconds")}, self._where).max_results(where)
        if seconds is None:
            raise InvalidQueryError(f"{where} must be a whole number of at least 1")
        return seconds * NANOSECONDS

    def token(self, key: str) -> str | None:
        """Return a `nextToken`; None if it is missing or empty."""
        value = self._content.get(key)
        if value is not None and not isinstance(value, str):
            raise InvalidQueryError(f"{key} must be a string: the nextToken of the page before")
        return value or None

    def filters(self, key: str) -> tuple[PropertyFilter, ...]:
        """Return property filters; none if they are missing."""
        value = self._content.get(key)
        if value is None:
            return ()
        if not isinstance(value, list) or len(value) > _MOST_NAMES:
            raise InvalidQueryError(f"{key} must be a list of at most {_MOST_NAMES} filters")
        return tuple(
            PropertyFilter.parse(each, f"{key}[{number}]") for number, each in enumerate(value)
        )


def _is_text(value: Any) -> bool:
    try:
        return isinstance(value, str) and 0 < len(value.encode()) <= _LONGEST_TEXT
    except UnicodeEncodeError:  # a lone surrogate, which no store and no answer can hold
        return False


def whole_number(value: Any) -> int | None:
    """Return a whole number, of which JSON Schema's integers include 2.0; None if it is something else."""
    if isinstance(value, float) and value.is_integer():
        return int(value)
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def check_range(start: int, end: int, start_name: str, end_name: str) -> None:
    """Refuse a range that ends before it starts.

    Raises
    ------
    InvalidQueryError
        The range ends before it starts.
    """
    if end < start:
        raise InvalidQueryError(f"{end_name} is before {start_name}; swap them")
