"""Pages of Cosmos DB's rows, taken apart into columns by orjson instead of parsed by the SDK.

The SDK decodes a page's JSON twice (azure-core's `ContentDecodePolicy`, and azure-cosmos after it), and
needs nothing but the headers. Authentication, retries, sessions, routing and errors stay the SDK's.
"""

from __future__ import annotations

from collections.abc import Sequence
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from azure.core.exceptions import DecodeError
from azure.core.pipeline.transport import HttpResponse

if TYPE_CHECKING:
    from azure.core.pipeline import PipelineResponse

Columns = list[Sequence[Any]]
"""The first value of each row, the second of each, and so on."""
_IS_QUERY: Final = "x-ms-documentdb-isquery"
_FIRST_ROW: Final = b'"Documents":[['
_END: Final = b"]]"
_BETWEEN: Final = 1e-300
_BETWEEN_ROWS: Final = b",1e-300,"
"""Shows where a row ends: one of another width would move the values of those after it."""
_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER: Final = b"0" * 19
"""Fewer digits fit into the 64 bits up to which orjson reads a whole number exactly."""


class KeptPages:
    """A hook that keeps the columns of a query's pages, and hands the SDK one number in their place.

    It is azure-core's `raw_response_hook` (azure-core, 'CustomHookPolicy'). If the SDK should ever not
    call it, or not look at what it hands over, the SDK's own rows are there. So they are if orjson
    reads a page otherwise than the SDK does: long whole numbers, lone surrogates, numbers beyond a
    double; and if it is empty.

    Parameters
    ----------
    width
        The number of values in a row.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._kept: dict[int, Columns] = {}

    def __call__(self, response: PipelineResponse[Any, Any]) -> None:
        """Keep an answer's columns, if it is a page of a query."""
        answer = response.http_response
        if (
            not isinstance(answer, HttpResponse)
            or answer.status_code != HTTPStatus.OK
            or _IS_QUERY not in answer.request.headers
        ):
            return
        columns = _columns(answer.body(), self._width)
        if columns is not None:
            # Of several tries at once, it is the SDK that decides whose page is taken.
            number = id(columns)
            self._kept[number] = columns
            response.http_response = _NumberedPage(answer, number)

    def columns(self, result: object) -> Columns:
        """Return the columns of a page, of which the SDK has made a result.

        Raises
        ------
        DecodeError
            It isn't made of rows.
        """
        page = result.get("Documents") if isinstance(result, dict) else None
        if isinstance(page, list):
            if len(page) == 1 and type(page[0]) is int and page[0] in self._kept:
                return self._kept[page[0]]
            if all(isinstance(row, list) and len(row) == self._width for row in page):
                return list(zip(*page, strict=True)) if page else [()] * self._width
        raise DecodeError("The answer isn't made of the rows asked for.")


class _NumberedPage(HttpResponse):
    """An answer with a number in place of a page's rows."""

    def __init__(self, answer: HttpResponse, number: int) -> None:
        super().__init__(answer.request, answer.internal_response, answer.block_size)
        self.status_code = answer.status_code
        self.headers = answer.headers
        self.reason = answer.reason
        self.content_type = answer.content_type
        self._number = number

    def body(self) -> bytes:
        return b'{"Documents":[%d]}' % self._number


def _columns(body: bytes, width: int) -> Columns | None:
    """Take the columns out of a page's JSON, without making rows first; None if the SDK must parse it.

    One list of all values takes a third of the time of a list for each row.
    """
    first, last = body.find(_FIRST_ROW) + len(_FIRST_ROW), body.rfind(_END)
    if not len(_FIRST_ROW) <= first < last or _LONG_NUMBER in body.translate(_AS_ZEROS):
        return None
    rows = body[first:last].split(b"],[")
    try:
        rest = orjson.loads(body[: first - 1] + body[last + 1 :])
        values = orjson.loads(b"[%b]" % _BETWEEN_ROWS.join(rows))
    except ValueError:
        return None
    # Within a value, the same characters would count as a row too many, and add no value.
    stride = width + 1
    if (
        not isinstance(rest, dict)
        or rest.get("Documents") != []
        or len(values) != stride * len(rows) - 1
        or values[width::stride] != [_BETWEEN] * (len(rows) - 1)
    ):
        return None
    return [values[number::stride] for number in range(width)]
