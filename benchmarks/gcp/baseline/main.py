"""The textbook Hot Reader on Cloud Functions: what one writes first, with Google's client."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

import functions_framework
from google.cloud import firestore
from google.cloud.firestore_v1.base_query import FieldFilter

if TYPE_CHECKING:
    from flask import Request

_collection = firestore.Client().collection(os.environ["FIRESTORE_COLLECTION"])


@functions_framework.http
def hot_reader(request: Request) -> tuple[str, int, dict[str, str]]:
    """Answer a history query for the properties of one device."""
    if request.headers.get("X-Inter-Cloud-Token") != os.environ["INTER_CLOUD_TOKEN"]:
        return "", 401, {}
    asked = request.get_json()["payload"]
    query = (
        _collection.where(filter=FieldFilter("device_id", "==", asked["iot_device_id"]))
        .where(filter=FieldFilter("timestamp", ">=", asked["start_time"]))
        .where(filter=FieldFilter("timestamp", "<=", asked["end_time"]))
        .order_by("timestamp")
        .limit(asked["max_results"])
    )
    values: dict[str, list[Any]] = {name: [] for name in asked["selected_properties"]}
    for snapshot in query.stream():
        document = snapshot.to_dict() or {}
        for name in values:
            value = {"doubleValue": document[name]}
            values[name].append({"time": document["timestamp"], "value": value})
    found = [
        {"entityPropertyReference": {"propertyName": name}, "values": values[name]}
        for name in values
    ]
    return json.dumps({"propertyValues": found}), 200, {"Content-Type": "application/json"}
