"""The three ways to read a device's history, page by page, and what was put into the table."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import requests

from chalicelib.model.instants import utc_text
from tests.conformance import oracle
from tests.conformance.oracle import Stored

if TYPE_CHECKING:
    from demo.endpoints import Endpoints
    from demo.stack import LocalCloud


def stored(cloud: LocalCloud, device_id: str) -> list[Stored]:
    return [
        Stored(entry.timestamp, entry.values)
        for entry in cloud.telemetry()
        if entry.device_id == device_id
    ]


def newest(entries: list[Stored], count: int) -> tuple[list[Stored], str, str]:
    """Return the newest entries, and the range that they are in."""
    chosen = oracle.in_order(entries)[-count:]
    start, end = (utc_text(int(each.instant * 10**9)) for each in (chosen[0], chosen[-1]))
    return chosen, start, end


def over_http(at: Endpoints, payload: dict[str, Any]) -> list[dict[str, Any]]:
    session = requests.Session()
    session.headers["X-Inter-Cloud-Token"] = at.token
    pages: list[dict[str, Any]] = []
    while not pages or "nextToken" in pages[-1]:
        token = pages[-1]["nextToken"] if pages else None
        body = {"payload": payload | {"next_token": token}}
        response = session.post(at.hot_reader_url, json=body, timeout=60)
        assert response.status_code == 200, response.text
        pages.append(response.json())
    return pages


def by_twinmaker(client: Any, **asked: Any) -> list[dict[str, Any]]:
    asked = {name: value for name, value in asked.items() if value is not None}
    pages: list[dict[str, Any]] = []
    while not pages or "nextToken" in pages[-1]:
        more = {"nextToken": pages[-1]["nextToken"]} if pages else {}
        page = client.get_property_value_history(**asked, **more)
        page.pop("ResponseMetadata")
        pages.append(page)
    return pages
