"""Pages of Cosmos DB's documents, parsed as a whole by orjson instead of by the SDK.

The SDK decodes a page's JSON twice (azure-core's `ContentDecodePolicy`, and azure-cosmos after it), and
needs nothing but the headers. Authentication, retries, sessions, routing and errors stay the SDK's.
"""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Any, Final

import orjson
from azure.core.pipeline.transport import RequestsTransportResponse

if TYPE_CHECKING:
    from collections.abc import Sequence

    from azure.core.pipeline import PipelineResponse

_IS_QUERY: Final = "x-ms-documentdb-isquery"
_AS_ZEROS: Final = bytes.maketrans(b"123456789", b"0" * 9)
_LONG_NUMBER: Final = b"0" * 19
"""Fewer digits fit into the 64 bits up to which orjson reads a whole number exactly."""


class KeptPages:
    """A hook that keeps the documents of a query's pages, and hands the SDK one number in their place.

    It is azure-core's `raw_response_hook` (azure-core, 'CustomHookPolicy'). If the SDK should ever not
    call it, or not look at what it hands over, the SDK's own documents are there. So they are if orjson
    reads a page otherwise than the SDK does: long whole numbers, lone surrogates, numbers beyond a
    double; and if it is empty.
    """

    def __init__(self) -> None:
        self._kept: dict[int, list[Any]] = {}

    def __call__(self, response: PipelineResponse[Any, Any]) -> None:
        """Keep an answer's documents, if it is a page of a query."""
        answer = response.http_response
        if (
            not isinstance(answer, RequestsTransportResponse)
            or answer.status_code != HTTPStatus.OK
            or _IS_QUERY not in answer.request.headers
        ):
            return
        documents = _documents(answer.body())
        if documents:
            # Of several tries at once, it is the SDK that decides whose page is taken.
            number = id(documents)
            self._kept[number] = documents
            response.http_response = _NumberedPage(answer, number)

    def documents(self, page: Sequence[Any]) -> Sequence[dict[str, Any]]:
        """Return the documents of a page, as the SDK has returned it."""
        return self._kept.get(page[0], page) if len(page) == 1 and type(page[0]) is int else page


class _NumberedPage(RequestsTransportResponse):  # type: ignore[misc] # azure-core loads it lazily
    """An answer with a number in place of a page's documents."""

    def __init__(self, answer: RequestsTransportResponse, number: int) -> None:
        super().__init__(answer.request, answer.internal_response, answer.block_size)
        self._text = f'{{"Documents":[{number}]}}'

    def body(self) -> bytes:
        return self._text.encode()

    def text(self, encoding: str | None = None) -> str:  # noqa: ARG002 - the base class's signature
        return self._text


def _documents(body: bytes) -> list[Any] | None:
    """Parse a page; None if the SDK must."""
    if _LONG_NUMBER in body.translate(_AS_ZEROS):
        return None
    try:
        page = orjson.loads(body)
    except ValueError:
        return None
    documents = page.get("Documents") if isinstance(page, dict) else None
    return documents if isinstance(documents, list) else None
