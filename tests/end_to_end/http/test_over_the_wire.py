"""HTTP itself: compression, header names, HEAD, connections that are kept."""

from __future__ import annotations

import gzip
import json
from contextlib import closing
from http.client import HTTPConnection
from typing import TYPE_CHECKING

import pytest
from requests.structures import CaseInsensitiveDict

from .contract import the_contract
from .queries import HISTORY, LAST_ENTRY, METER, history, payload_for
from .service import PATIENCE_SECONDS, TOKEN, TOKEN_HEADER, Service

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

BOTH = [HISTORY, LAST_ENTRY]
LARGE = json.dumps(
    {"payload": history(iot_device_id=METER, selected_properties=["power"])}
).encode()
SMALL = json.dumps({"payload": payload_for(LAST_ENTRY)}).encode()
HEADERS = {TOKEN_HEADER: TOKEN, "Content-Type": "application/json"}


class Wire:
    """One connection; sends the headers that it is given, and undoes no compression."""

    def __init__(self, service: Service, connection: HTTPConnection) -> None:
        self.root = service.root
        self.connection = connection

    def send(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes | None = None
    ) -> tuple[int, CaseInsensitiveDict[str], bytes]:
        self.connection.putrequest(method, self.root + path, skip_accept_encoding=True)
        for name, value in headers.items():
            self.connection.putheader(name, value)
        if body is not None:
            self.connection.putheader("content-LENGTH", str(len(body)))
        self.connection.endheaders(body)
        response = self.connection.getresponse()
        content = response.read()
        received = CaseInsensitiveDict(response.getheaders())
        plain = gzip.decompress(content) if "Content-Encoding" in received else content
        the_contract().check_answer(method, path, response.status, received, plain)
        return response.status, received, content


@pytest.fixture
def wire(service: Service) -> Iterator[Wire]:
    with closing(HTTPConnection(*service.address, timeout=PATIENCE_SECONDS)) as connection:
        yield Wire(service, connection)


@pytest.mark.parametrize(
    "accepted", ["gzip", "GZIP", "deflate, gzip;q=0.5", "br;q=1, gzip", "*", "*;q=0, gzip"]
)
def test_a_large_answer_is_compressed_for_who_accepts_it(wire: Wire, accepted: str) -> None:
    _, plain_headers, plain = wire.send("POST", HISTORY, HEADERS, LARGE)
    status, headers, content = wire.send(
        "POST", HISTORY, HEADERS | {"Accept-Encoding": accepted}, LARGE
    )
    assert status == 200
    assert headers["Content-Encoding"] == "gzip"
    assert headers["Vary"] == "Accept-Encoding"
    assert int(headers["Content-Length"]) < int(plain_headers["Content-Length"])
    assert gzip.decompress(content) == plain


@pytest.mark.parametrize(
    "accepted",
    [
        None,
        "",
        "identity",
        "deflate, br",
        "gzip;q=0",
        "gzip; q=0.000",
        "*;q=0",
        "*, gzip;q=0",
        "xgzip",
    ],
)
def test_an_answer_isnt_compressed_for_who_doesnt_accept_it(
    wire: Wire, accepted: str | None
) -> None:
    asked = {} if accepted is None else {"Accept-Encoding": accepted}
    status, headers, content = wire.send("POST", HISTORY, HEADERS | asked, LARGE)

    assert status == 200
    assert "Content-Encoding" not in headers
    assert json.loads(content)["propertyValues"][0]["values"]


def test_a_small_answer_isnt_compressed(wire: Wire) -> None:
    _, headers, content = wire.send(
        "POST", LAST_ENTRY, HEADERS | {"Accept-Encoding": "gzip"}, SMALL
    )
    assert "Content-Encoding" not in headers
    assert json.loads(content)["propertyValues"]


@pytest.mark.parametrize("spell", [str.lower, str.upper, str.swapcase])
def test_header_names_may_be_spelled_in_any_case(wire: Wire, spell: type[str]) -> None:
    headers = {**HEADERS, "Accept-Encoding": "gzip"}
    status, received, _ = wire.send(
        "POST", HISTORY, {spell(name): value for name, value in headers.items()}, LARGE
    )
    assert (status, received["Content-Encoding"]) == (200, "gzip")


def test_a_wrong_content_type_is_seen_in_any_case(wire: Wire) -> None:
    headers = {TOKEN_HEADER: TOKEN, "CONTENT-type": "text/plain"}

    assert wire.send("POST", HISTORY, headers, LARGE)[0] == 415


@pytest.mark.parametrize("path", BOTH)
@pytest.mark.parametrize("headers", [HEADERS, {}], ids=["with token", "without"])
def test_head_gets_no_body_and_leaves_the_connection_usable(
    wire: Wire, path: str, headers: dict[str, str]
) -> None:
    assert wire.send("HEAD", path, headers)[2] == b""
    kept = wire.connection.sock
    status, _, _ = wire.send("POST", LAST_ENTRY, HEADERS, SMALL)

    assert status == 200
    assert wire.connection.sock is kept is not None


@pytest.mark.parametrize("path", BOTH)
def test_a_connection_is_kept_over_answers_and_errors(wire: Wire, path: str) -> None:
    body = json.dumps({"payload": payload_for(path)}).encode()
    statuses = [
        wire.send("POST", path, HEADERS, body)[0],
        wire.send("POST", path, {}, body)[0],
        wire.send("PUT", path, HEADERS, body)[0],
    ]
    kept = wire.connection.sock
    statuses.append(wire.send("POST", path, HEADERS, body)[0])

    assert statuses == [200, 401, 405, 200]
    assert wire.connection.sock is kept is not None


def test_a_token_of_bytes_that_arent_text_is_refused(wire: Wire) -> None:
    wire.connection.putrequest("GET", wire.root + HISTORY)
    wire.connection.putheader(TOKEN_HEADER, b"\xff\xfe" + TOKEN.encode())
    wire.connection.endheaders()

    assert wire.connection.getresponse().status == 401


def test_space_around_a_token_isnt_a_part_of_it(wire: Wire) -> None:
    assert wire.send("POST", LAST_ENTRY, HEADERS | {TOKEN_HEADER: f" {TOKEN} \t "}, SMALL)[0] == 200


def test_letters_beyond_ascii_come_back_as_they_were_sent(wire: Wire) -> None:
    names = {"entity_id": "Kälte-Maschine №1 🌡", "component_name": "Kälte-Sensor №1 🌡"}
    body = json.dumps({"payload": history(**names)}).encode()
    _, _, content = wire.send("POST", HISTORY, HEADERS, body)

    reference = json.loads(content)["propertyValues"][0]["entityPropertyReference"]
    assert reference["entityId"] == names["entity_id"]
    assert reference["componentName"] == names["component_name"]


def test_a_url_that_is_too_long_is_answered(wire: Wire) -> None:
    """By the host's server, or, where that takes any (functions-framework), by the reader."""
    path = f"{wire.root}{LAST_ENTRY}?iot_device_id={'1' * 70_000}"
    wire.connection.request("GET", path, headers=HEADERS)

    assert wire.connection.getresponse().status in {400, 414}
