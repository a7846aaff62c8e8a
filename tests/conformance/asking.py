"""Asking a Hot Reader by the wire contract's payload: itself, or whatever hosts it."""

from __future__ import annotations

import functools
import json
import uuid
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import orjson
import requests

from chalicelib.contracts import wire_contract
from chalicelib.data_connector.data_connector import DataConnector
from chalicelib.hot_reader import service
from chalicelib.model.errors import HotReaderError, InvalidQueryError, RemoteReaderError
from chalicelib.model.reads import HISTORY, LAST_ENTRY, Read
from chalicelib.model.results import Flaws
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings.data_connector import DataConnectorSettings
from demo.checks import only
from tests.function_logs import function_logs

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.hot_reader.hot_reader import HotReader
    from local_cloud.aws.account import LocalAws

START, END = "2026-01-30T17:00:00Z", "2026-01-30T18:00:00Z"
TOKEN = "token-of-the-conformance-suite"
PATIENCE_SECONDS = 60
"""Only how long something broken holds a test up."""


@dataclass
class Answered:
    """An answer's document, and where to learn what was left out of it."""

    document: dict[str, Any]
    left_out: Callable[[], Flaws] = field(repr=False)

    @property
    def flaws(self) -> Flaws:
        return self.left_out()


class Asker(Protocol):
    """A way to ask; what isn't a valid query is an `InvalidQueryError`."""

    def ask(self, read: Read, payload: dict[str, Any]) -> Answered: ...


class DirectAsker:
    """Asks the reader itself."""

    def __init__(self, reader: HotReader) -> None:
        self._reader = reader

    def ask(self, read: Read, payload: dict[str, Any]) -> Answered:
        answer = service.answer(self._reader, wire_contract.QUERY_PARSERS[read](payload))
        assert answer.to_json() == orjson.dumps(answer.document)
        return Answered(answer.document, lambda: answer.flaws)


class HttpAsker:
    """Asks HTTP endpoints.

    Parameters
    ----------
    urls
        The endpoint of each read.
    output
        Returns everything that the host has logged.
    """

    def __init__(self, urls: Mapping[Read, str], output: Callable[[], str]) -> None:
        self.urls = urls
        self.output = output
        self._session = requests.Session()
        self._session.trust_env = False
        self._session.headers["X-Inter-Cloud-Token"] = TOKEN

    def ask(self, read: Read, payload: dict[str, Any]) -> Answered:
        trace_id = uuid.uuid4().hex
        response = self._session.post(
            self.urls[read],
            json={"payload": payload, "trace_id": trace_id},
            timeout=PATIENCE_SECONDS,
        )
        document = response.json()
        if response.status_code == 400 and document["error"]["code"] == "invalid_query":
            raise InvalidQueryError(document["error"]["message"])
        assert response.status_code == 200, response.text
        left_out = wire_contract.flaws_of(response.headers.get("X-Left-Out"))

        def flaws() -> Flaws:
            logged = flaws_in(self.output(), trace_id)
            assert replace(logged, examples=[]) == left_out
            return logged

        return Answered(document, flaws)


class ConnectorAsker:
    """Asks a data connector, as TwinMaker does, in front of HTTP endpoints."""

    def __init__(self, remote: HttpAsker) -> None:
        self._remote = remote
        self._log = JsonLogObservability("connector", emit=lambda _level, _line: None)
        self._connector = functools.cache(self._new_connector)

    def _new_connector(self, read: Read, devices: tuple[str, ...]) -> DataConnector:
        """Make a connector that knows some devices, all of one component type."""
        providers = {"layer_3_hot_provider": "azure", "layer_4_provider": "aws"}
        info: dict[str, Any] = {
            "config": {"digital_twin_name": "my-twin"},
            "config_providers": providers,
        }
        if devices:
            typed = [{"name": name, "dataType": "DOUBLE"} for name in ("a", "b")]
            listed = {"componentType": "shared", "properties": typed}
            info["config_iot_devices"] = [listed | {"id": each} for each in devices]
        environment = {
            "DIGITAL_TWIN_INFO": json.dumps(info),
            "INTER_CLOUD_TOKEN": TOKEN,
            read.remote_url_setting: self._remote.urls[read],
        }
        return DataConnector(read, DataConnectorSettings.load(environment, read))

    def ask(self, read: Read, payload: dict[str, Any]) -> Answered:
        trace_id = uuid.uuid4().hex
        connector = self._connector(read, tuple(payload.get("iot_device_ids", ())))
        try:
            with self._log.request(trace_id) as record:
                document = connector.answer(event_of(payload), PATIENCE_SECONDS, trace_id, record)
        except RemoteReaderError as error:
            if "invalid_query" in str(error):
                raise InvalidQueryError(str(error)) from error
            raise
        return Answered(document, lambda: flaws_in(self._remote.output(), trace_id))


class LambdaAsker:
    """Invokes Lambda functions with TwinMaker's event.

    Parameters
    ----------
    aws
        Where they are.
    functions
        The function to invoke, for each read.
    readers
        The Hot Reader that answers in the end; None if the functions are that themselves.
    """

    def __init__(
        self,
        aws: LocalAws,
        functions: Mapping[Read, str],
        readers: Mapping[Read, str] | None = None,
    ) -> None:
        self.functions = functions
        self._client = aws.client("lambda")
        self._readers = readers or functions
        self._refusal = HotReaderError if readers else InvalidQueryError

    def ask(self, read: Read, payload: dict[str, Any]) -> Answered:
        with function_logs() as logs:
            answer = self._client.invoke(
                FunctionName=self.functions[read], Payload=json.dumps(event_of(payload))
            )
        document = json.loads(answer["Payload"].read())
        if answer.get("FunctionError"):
            assert document["errorType"] == self._refusal.__name__, document
            raise InvalidQueryError(document["errorMessage"])
        return Answered(document, lambda: flaws_in(logs[self._readers[read]]))


def event_of(payload: dict[str, Any]) -> dict[str, Any]:
    """Spell a payload as TwinMaker's event."""
    filters = payload.get("property_filters") or []
    types = payload.get("property_types") or {}
    known = [*payload["selected_properties"], *(each.get("propertyName") for each in filters)]
    definitions: dict[str, Any] = {name: {} for name in known if name}
    for name, declared in types.items():
        data_type = {"type": declared} if isinstance(declared, str) else declared
        definitions[name] = {"definition": {"dataType": data_type}}
    for name, source in (payload.get("property_sources") or {}).items():
        definition = definitions[name].setdefault("definition", {})
        definition["configuration"] = {"source": source}
    device: dict[str, Any] = {"definition": {"isExternalId": True}}
    if "iot_device_id" in payload:
        device["value"] = {"stringValue": payload["iot_device_id"]}
    event = {
        "workspaceId": "conformance",
        "componentTypeId": "my-twin-shared",
        "selectedProperties": payload["selected_properties"],
        "properties": definitions | {"iotDeviceId": device},
        "propertyFilters": filters,
        "startTime": payload.get("start_time"),
        "endTime": payload.get("end_time"),
        "orderByTime": payload.get("order_by_time"),
        "maxResults": payload.get("max_results"),
        "nextToken": payload.get("next_token"),
        "interpolation": payload.get("interpolation"),
    }
    return {name: value for name, value in event.items() if value is not None}


def flaws_in(log: str, trace_id: str = "") -> Flaws:
    """Read what was left out of one answer from the host's log."""
    for line in reversed(log.splitlines()):
        if "unrepresentable_values" not in line or trace_id not in line or "{" not in line:
            continue
        told = json.loads(line[line.index("{") :])
        return Flaws(
            told["unrepresentable_values"], told["unreadable_timestamps"], told["examples"]
        )
    return Flaws()


def ask_page(asker: Asker, device_id: str, selected: list[str], **more: Any) -> Answered:
    payload = {
        "iot_device_id": device_id,
        "selected_properties": selected,
        "start_time": START,
        "end_time": END,
        **more,
    }
    return asker.ask(HISTORY, payload)


def page(asker: Asker, device_id: str, selected: list[str], **more: Any) -> dict[str, Any]:
    return ask_page(asker, device_id, selected, **more).document


def pages(asker: Asker, device_id: str, selected: list[str], **more: Any) -> list[dict[str, Any]]:
    """Follow nextToken to the end."""
    all_pages = [page(asker, device_id, selected, **more)]
    while "nextToken" in all_pages[-1]:
        more["next_token"] = all_pages[-1]["nextToken"]
        all_pages.append(page(asker, device_id, selected, **more))
    return all_pages


def ask_last_entry(asker: Asker, device_id: str, selected: list[str], **more: Any) -> Answered:
    payload = {"iot_device_id": device_id, "selected_properties": selected, **more}
    return asker.ask(LAST_ENTRY, payload)


def last_entry(asker: Asker, device_id: str, selected: list[str], **more: Any) -> dict[str, Any]:
    """Return the plain values of the newest entry."""
    found = ask_last_entry(asker, device_id, selected, **more).document["propertyValues"]
    return {name: only(each["propertyValue"]) for name, each in found.items()}


def devices_pages(
    asker: Asker, device_ids: list[str], selected: list[str], **more: Any
) -> list[dict[str, Any]]:
    """Follow the nextToken of several devices' histories to the end."""
    payload = {
        "iot_device_ids": device_ids,
        "selected_properties": selected,
        "start_time": START,
        "end_time": END,
        **more,
    }
    all_pages = [asker.ask(HISTORY, payload).document]
    while "nextToken" in all_pages[-1]:
        payload |= {"next_token": all_pages[-1]["nextToken"]}
        all_pages.append(asker.ask(HISTORY, payload).document)
    return all_pages


def check_pages_ahead(
    alone: list[dict[str, Any]],
    asker: Asker,
    device_ids: list[str],
    selected: list[str],
    **more: Any,
) -> None:
    """Check that pages that are read ahead are those that come alone."""
    ahead = devices_pages(asker, device_ids, selected, pages_ahead=2, **more)
    together = [[each, *each.pop("followingPages", [])] for each in ahead]
    assert together == [alone[number : number + 3] for number in range(len(alone))]


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
