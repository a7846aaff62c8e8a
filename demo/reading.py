"""The two ways to read that the demo shows: over HTTP with a token, and by TwinMaker."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import requests

from chalicelib.contracts.twinmaker import DEVICE_ID_PROPERTY
from chalicelib.contracts.wire_contract import TOKEN_HEADER
from demo.checks import expect, only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from demo.endpoints import Endpoints
    from deploy_scripts.project_files.twin_configuration import Device

Points = list[tuple[str, Any]]
"""(time, value) of one property."""

PAGE: Final = 200
"""Values on a page of a history, as Grafana asks for them."""
DAWN: Final = "1899-12-31T00:00:00Z"
"""The instant from which IoT App Kit looks for a newest value: JavaScript's `new Date(0, 0, 0)`."""
TIMEOUT: Final = 60
"""Seconds to wait for an answer."""


@dataclass(slots=True)
class Reading:
    """The device's telemetry on one cloud, as TwinMaker read it.

    Attributes
    ----------
    title
        The cloud.
    invoked
        The function that TwinMaker invokes to read there.
    entity_id
        The entity whose component reads there.
    fleet_type_id
        The component type of the devices that are read there together.
    newest
        The newest entry's values, by property name.
    points
        The whole history, by property name.
    pages
        The number of its pages.
    newest_ms, history_ms
        The time that each read took, in milliseconds.
    """

    title: str
    invoked: str
    entity_id: str
    fleet_type_id: str
    newest: dict[str, Any] = field(default_factory=dict)
    points: dict[str, Points] = field(default_factory=dict)
    pages: int = 0
    newest_ms: float = 0
    history_ms: float = 0

    @property
    def values(self) -> int:
        """The number of values in the history."""
        return sum(map(len, self.points.values()))


@dataclass(frozen=True, slots=True)
class HttpReader:
    """Reads by the Hot Readers' HTTP endpoints.

    Attributes
    ----------
    at
        The endpoints and their token.
    start, end
        The time range, ISO 8601, both inclusive.
    """

    at: Endpoints
    start: str
    end: str

    def history(self, device: Device, names: list[str], **more: Any) -> dict[str, Any]:
        """Return one page of a device's history."""
        return self._post(self.at.hot_reader_url, device, names, **more)

    def newest(self, device: Device) -> dict[str, Any]:
        """Return the values of a device's newest entry, by property name."""
        names = [each.name for each in device.properties]
        answer = self._post(self.at.hot_reader_last_entry_url, device, names)
        return _newest_of(answer)

    def pages(self, device: Device, names: list[str]) -> Iterator[dict[str, Any]]:
        """Yield what each page of a device's history has of each property."""
        token = None
        while True:
            answer = self.history(device, names, next_token=token)
            yield from answer["propertyValues"]
            token = answer.get("nextToken")
            if token is None:
                return

    def _post(self, url: str, device: Device, names: list[str], **more: Any) -> dict[str, Any]:
        payload = {
            "iot_device_id": device.id,
            "selected_properties": names,
            "property_types": {each.name: each.data_type.to_json() for each in device.properties},
            "property_sources": {
                each.name: each.source
                for each in device.properties
                if each.source and each.name in names
            },
            "start_time": self.start,
            "end_time": self.end,
            **more,
        }
        response = requests.post(
            url,
            json={"message_type": "query", "target_layer": "L3-Hot-Read", "payload": payload},
            headers={TOKEN_HEADER: self.at.token},
            timeout=TIMEOUT,
        )
        expect(response.status_code == 200, f"status {response.status_code}: {response.text}")
        answer: dict[str, Any] = response.json()
        return answer


@dataclass(frozen=True, slots=True)
class TwinMakerReader:
    """Reads a device by TwinMaker.

    Attributes
    ----------
    client
        A boto3 client of TwinMaker.
    at
        The names of the workspace and the component.
    device
        The device that the entities stand for.
    start, end
        The time range, ISO 8601, both inclusive.
    """

    client: Any
    at: Endpoints
    device: Device
    start: str
    end: str

    def newest(self, entity_id: str) -> dict[str, Any]:
        """Return the newest values, by property name: those that `latest` has."""
        asked = self._component(entity_id) | {"componentName": self.at.latest_component_name}
        return _newest_of(self.client.get_property_value(**asked))

    def newest_by_history(self, entity_id: str) -> dict[str, Any]:
        """Return the newest values, by property name, each read as IoT App Kit does."""
        values = {}
        for name in (each.name for each in self.device.properties):
            answer = self.client.get_property_value_history(
                **self._component(entity_id) | {"selectedProperties": [name]},
                startTime=DAWN,
                endTime=self.end,
                orderByTime="DESCENDING",
                maxResults=1,
            )
            for each in answer["propertyValues"]:
                values[name] = only(each["values"][0]["value"])
        return values

    def history(
        self, entity_id: str, report: Callable[[int, int], None]
    ) -> tuple[int, dict[str, Points]]:
        """Page through the whole history as Grafana does.

        Parameters
        ----------
        entity_id
            The entity to read.
        report
            Gets the number of pages and of values so far.

        Returns
        -------
        tuple
            The number of pages, and the points by property name.
        """
        points: dict[str, Points] = {each.name: [] for each in self.device.properties}
        pages = 0
        for page in self._pages(self._component(entity_id)):
            pages += 1
            for reference, found in page:
                points[reference["propertyName"]] += found
            report(pages, sum(map(len, points.values())))
        return pages, points

    def of_type(self, component_type_id: str) -> dict[tuple[str, str], Points]:
        """Read the histories of all devices of a component type together: by device and property."""
        points: dict[tuple[str, str], Points] = {}
        selected = [each.name for each in self.device.properties]
        asked = {"componentTypeId": component_type_id, "selectedProperties": selected}
        for page in self._pages(asked | {"workspaceId": self.at.workspace_id}):
            for reference, found in page:
                device_id = reference["externalIdProperty"][DEVICE_ID_PROPERTY]
                points.setdefault((device_id, reference["propertyName"]), []).extend(found)
        return points

    def _pages(self, asked: dict[str, Any]) -> Iterator[list[tuple[dict[str, Any], Points]]]:
        """Yield what each page of a history has: references to properties, each with its values."""
        request = asked | {"startTime": self.start, "endTime": self.end, "maxResults": PAGE}
        while True:
            answer = self.client.get_property_value_history(**request)
            yield [
                (
                    each["entityPropertyReference"],
                    [(value["time"], only(value["value"])) for value in each["values"]],
                )
                for each in answer["propertyValues"]
            ]
            if "nextToken" not in answer:
                return
            request["nextToken"] = answer["nextToken"]

    def _component(self, entity_id: str) -> dict[str, Any]:
        return {
            "workspaceId": self.at.workspace_id,
            "entityId": entity_id,
            "componentName": self.at.component_name,
            "selectedProperties": [each.name for each in self.device.properties],
        }


def _newest_of(answer: dict[str, Any]) -> dict[str, Any]:
    return {name: only(each["propertyValue"]) for name, each in answer["propertyValues"].items()}
