"""The trace id: what finds one request in the logs of two clouds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from uuid import UUID

import pytest

from .queries import HISTORY, LAST_ENTRY, parameters, payload_for

if TYPE_CHECKING:
    from .service import Service

BOTH = [HISTORY, LAST_ENTRY]
SENT = "trace:of/the~other!cloud-42"
REFUSED: dict[str, dict[str, Any]] = {
    "with a wrong query": {"json": {"payload": {"iot_device_id": 5}, "trace_id": SENT}},
    "with another content type": {"headers": {"Content-Type": "text/plain"}},
}
MALFORMED = ["has a blank", "new\nline", "x" * 129, "", "ünicode", "tab\t", 42, ["a"]]


def new_records(service: Service, before: str) -> list[dict[str, Any]]:
    records = service.records(since=before)
    assert records, "nothing was logged"
    return records


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("how", REFUSED)
def test_the_envelopes_trace_id_is_in_the_error_and_the_log(
    service: Service, path: str, how: str
) -> None:
    before = service.output()
    envelope = {"payload": payload_for(path), "trace_id": SENT}
    response = service.request("POST", path, **{"json": envelope, **REFUSED[how]})

    assert response.status_code >= 400
    assert response.json()["trace_id"] == SENT
    assert {record["trace_id"] for record in new_records(service, before)} == {SENT}


@pytest.mark.parametrize("path", BOTH)
def test_without_a_token_an_envelope_isnt_looked_into(service: Service, path: str) -> None:
    before = service.output()
    envelope = {"payload": payload_for(path), "trace_id": SENT}
    response = service.request("POST", path, json=envelope, token=None)

    assert response.status_code == 401
    assert str(UUID(response.json()["trace_id"])) == response.json()["trace_id"]
    logged = {record["trace_id"] for record in new_records(service, before)}
    assert logged == {response.json()["trace_id"]}


@pytest.mark.parametrize("path", BOTH)
def test_the_envelopes_trace_id_is_in_every_log_line_about_an_answer(
    service: Service, path: str
) -> None:
    before = service.output()
    # Text in a DOUBLE is left out of the answer, which is a log line of its own.
    mistyped = payload_for(path, property_types={"status": "DOUBLE"})
    response = service.post(path, mistyped, trace_id=SENT)

    records = new_records(service, before)
    assert (response.status_code, len(records)) == (200, 2)
    assert {record["trace_id"] for record in records} == {SENT}


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("how", REFUSED)
def test_a_request_without_a_trace_id_gets_a_fresh_one(
    service: Service, path: str, how: str
) -> None:
    before = service.output()
    wrong = {"json": {"payload": {"iot_device_id": 5}}, **REFUSED[how]}
    wrong["json"] = {"payload": wrong["json"]["payload"]}
    made = service.request("POST", path, **wrong).json()["trace_id"]

    assert str(UUID(made)) == made
    assert {record["trace_id"] for record in new_records(service, before)} == {made}


@pytest.mark.parametrize("path", BOTH)
def test_two_requests_without_a_trace_id_get_two(service: Service, path: str) -> None:
    made = {service.get(path, {}).json()["trace_id"] for _ in range(2)}

    assert len(made) == 2


@pytest.mark.parametrize("path", BOTH)
def test_a_get_is_logged_under_a_fresh_trace_id(service: Service, path: str) -> None:
    before = service.output()
    service.get(path, parameters(payload_for(path)))

    (record,) = new_records(service, before)
    assert str(UUID(record["trace_id"])) == record["trace_id"]


@pytest.mark.parametrize("malformed", MALFORMED, ids=repr)
def test_a_malformed_trace_id_is_refused_and_goes_nowhere(service: Service, malformed: Any) -> None:
    before = service.output()
    response = service.post(LAST_ENTRY, payload_for(LAST_ENTRY), trace_id=malformed)

    made = response.json()["trace_id"]
    assert response.status_code == 400
    assert str(UUID(made)) == made
    assert "trace_id" in response.json()["error"]["message"]
    assert {record["trace_id"] for record in new_records(service, before)} == {made}


@pytest.mark.parametrize("malformed", ["forged\nline", 'quo"te \\', "\u2028 separator"], ids=repr)
def test_a_malformed_trace_id_isnt_echoed(service: Service, malformed: str) -> None:
    before = service.output()
    response = service.post(LAST_ENTRY, payload_for(LAST_ENTRY), trace_id=malformed)

    told = f"{response.json()} {service.records(since=before)}"
    assert repr(malformed)[1:-1] not in told
