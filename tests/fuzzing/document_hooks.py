"""What schemathesis is told beyond the OpenAPI document, in its hooks (schemathesis, 'Extending')."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

import schemathesis

from chalicelib.model.instants import parse_instant
from tests.end_to_end.http.contract import the_contract
from tests.end_to_end.http.queries import SENSOR, history

if TYPE_CHECKING:
    from schemathesis import Case, CheckContext, HookContext, Response
    from schemathesis.core.failures import Failure

_PLATFORMS: Final = 414
"""The status of what is before a reader ('Errors' in the document), where a URL is too long for it."""
_REJECTED: Final = "ST202"
"""The failure of a valid request that is refused (schemathesis, 'Failure codes')."""
_RULES: Final = re.compile("doesn't exist|has no order|is outside of|is unknown|only numbers")
"""Reasons to refuse a query that no schema can say: the document has them in words."""


@schemathesis.hook
def before_call(context: HookContext, case: Case[Any], kwargs: dict[str, Any]) -> None:
    """Ask valid queries of a device that there is, for a range in which it has entries."""
    if case.meta is None or not case.meta.generation.mode.is_positive:
        return
    is_get = case.method == "GET"
    body: Any = case.body
    payload: Any = case.query if is_get else body["payload"]
    payload.pop("next_token", None)
    payload.pop("property_sources", None)
    payload["selected_properties"] = "temperature,status" if is_get else ["temperature", "status"]
    if payload.get("iot_device_ids") is None or payload.get("iot_device_id") is not None:
        payload["iot_device_id"] = SENSOR
        payload.pop("iot_device_ids", None)
    if "start_time" in payload and not _in_order(payload["start_time"], payload["end_time"]):
        payload |= {name: history()[name] for name in ("start_time", "end_time")}


def _in_order(start: str, end: str) -> bool:
    try:
        return parse_instant(start) <= parse_instant(end)
    except ValueError:  # 30 February
        return False


@schemathesis.hook
def filter_failure(
    context: HookContext, failure: Failure, case: Case[Any], response: Response
) -> bool:
    """Accept what the document has in words only."""
    if response.status_code == _PLATFORMS:
        return False
    return failure.code != _REJECTED or not _RULES.search(response.content.decode())


@schemathesis.check
def the_contract_is_kept(context: CheckContext, response: Response, case: Case[Any]) -> None:
    """Hold an answer against the document as all other tests do, which is stricter about headers."""
    if response.status_code != _PLATFORMS:
        headers = {name: ", ".join(values) for name, values in response.headers.items()}
        headers["Content-Type"] = headers.get("content-type", "")
        the_contract().check_answer(
            case.method, case.operation.path, response.status_code, headers, response.content
        )
