"""The textbook Hot Reader on Azure Functions: what one writes first, with Cosmos DB's SDK."""

from __future__ import annotations

import json
import os
from typing import Any

import azure.functions as func
from azure.cosmos import CosmosClient

app = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)
_container = (
    CosmosClient(
        os.environ["COSMOS_ENDPOINT"], os.environ["COSMOS_KEY"], enable_endpoint_discovery=False
    )
    .get_database_client(os.environ["COSMOS_DATABASE"])
    .get_container_client(os.environ["COSMOS_CONTAINER"])
)


@app.route("hot-reader", methods=["POST"])
def hot_reader(req: func.HttpRequest) -> func.HttpResponse:
    """Answer a history query for the properties of one device."""
    if req.headers.get("X-Inter-Cloud-Token") != os.environ["INTER_CLOUD_TOKEN"]:
        return func.HttpResponse(status_code=401)
    asked = req.get_json()["payload"]
    documents = _container.query_items(
        "SELECT * FROM c WHERE c.device_id = @device AND c.timestamp >= @start "
        "AND c.timestamp <= @end ORDER BY c.timestamp",
        parameters=[
            {"name": "@device", "value": asked["iot_device_id"]},
            {"name": "@start", "value": asked["start_time"]},
            {"name": "@end", "value": asked["end_time"]},
        ],
        partition_key=asked["iot_device_id"],
        max_item_count=asked["max_results"],
    )
    values: dict[str, list[Any]] = {name: [] for name in asked["selected_properties"]}
    for document in next(documents.by_page()):
        for name in values:
            value = {"doubleValue": document[name]}
            values[name].append({"time": document["timestamp"], "value": value})
    found = [
        {"entityPropertyReference": {"propertyName": name}, "values": values[name]}
        for name in values
    ]
    return func.HttpResponse(
        json.dumps({"propertyValues": found}), headers={"Content-Type": "application/json"}
    )
