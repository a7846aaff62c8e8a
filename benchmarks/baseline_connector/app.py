"""The data connector that everyone writes: the textbook's way, for comparison.

It does what a tutorial would: clients at import, one `requests.post`, one GetEntity for each read.
"""

import os
import uuid
from datetime import UTC, datetime
from typing import Any

import boto3
import requests
from aws_lambda_powertools import Logger
from chalice import Chalice

app = Chalice(app_name="baseline")
logger = Logger(service="digital-twin-data-connector")
twinmaker = boto3.client("iottwinmaker")

TWIN = os.environ["DIGITAL_TWIN_NAME"]
URL = os.environ["REMOTE_READER_URL"]
TOKEN = os.environ["INTER_CLOUD_TOKEN"]


@app.lambda_function(name="digital-twin-data-connector")
def digital_twin_data_connector(event: dict[str, Any], context: Any) -> Any:
    """Answer TwinMaker from another cloud's Hot Reader."""
    trace_id = str(uuid.uuid4())
    logger.append_keys(trace_id=trace_id, function_request_id=context.aws_request_id)
    entity = twinmaker.get_entity(workspaceId=event["workspaceId"], entityId=event["entityId"])
    component = entity["components"][event["componentName"]]
    envelope = {
        "source_cloud": "aws",
        "target_layer": "L3-Hot-Read",
        "message_type": "query",
        "timestamp": datetime.now(UTC).isoformat(),
        "trace_id": trace_id,
        "payload": {
            "iot_device_id": component["componentTypeId"].removeprefix(f"{TWIN}-"),
            "start_time": event["startTime"],
            "end_time": event["endTime"],
            "selected_properties": event["selectedProperties"],
            "property_types": {
                name: event["properties"][name]["definition"]["dataType"]["type"]
                for name in event["selectedProperties"]
            },
            "order_by_time": event.get("orderByTime", "ASCENDING"),
            "max_results": event.get("maxResults", 200),
            "next_token": event.get("nextToken"),
            "entity_id": event["entityId"],
            "component_name": event["componentName"],
        },
    }
    headers = {"X-Inter-Cloud-Token": TOKEN}
    response = requests.post(URL, json=envelope, headers=headers, timeout=25)
    response.raise_for_status()
    answer = response.json()
    logger.info("Answered", extra={"properties": len(answer["propertyValues"])})
    return answer
