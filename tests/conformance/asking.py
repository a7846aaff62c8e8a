"""Asking a reader by the wire contract's payload, page by page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from chalicelib import twinmaker, wire_contract

if TYPE_CHECKING:
    from chalicelib.hot_reader import HotReader

START, END = "2026-01-30T17:00:00Z", "2026-01-30T18:00:00Z"


def page(reader: HotReader, device_id: str, selected: list[str], **more: Any) -> dict[str, Any]:
    payload = {
        "iot_device_id": device_id,
        "selected_properties": selected,
        "start_time": START,
        "end_time": END,
        **more,
    }
    query = wire_contract.history_query(payload)
    return twinmaker.history_answer(query, reader.history(query))


def pages(
    reader: HotReader, device_id: str, selected: list[str], **more: Any
) -> list[dict[str, Any]]:
    """Follow nextToken to the end."""
    all_pages = [page(reader, device_id, selected, **more)]
    while "nextToken" in all_pages[-1]:
        more["next_token"] = all_pages[-1]["nextToken"]
        all_pages.append(page(reader, device_id, selected, **more))
    return all_pages


def last_entry(
    reader: HotReader, device_id: str, selected: list[str], **more: Any
) -> dict[str, Any]:
    payload = {"iot_device_id": device_id, "selected_properties": selected, **more}
    query = wire_contract.last_entry_query(payload)
    return twinmaker.last_entry_answer(query, reader.last_entry(query))


def count(one_page: dict[str, Any]) -> int:
    return sum(len(each["values"]) for each in one_page["propertyValues"])


def times(all_pages: list[dict[str, Any]], name: str) -> list[str]:
    return [
        value["time"]
        for one_page in all_pages
        for each in one_page["propertyValues"]
        if each["entityPropertyReference"]["propertyName"] == name
        for value in each["values"]
    ]
