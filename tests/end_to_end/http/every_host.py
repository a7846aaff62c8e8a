"""The tests of the wire contract that every host has to pass, Chalice or not.

A test module that imports all names from here has them collected again, and asked of the `service` of
its own directory. They are about what a host has a part in: methods, headers, bodies, query strings,
sizes, compression, the token, the trace id in its log. What a query means and what is wrong with one is
decided behind all hosts: the test modules here ask all of that of Chalice, and the tests below a sample
of every host.
"""

# ruff: noqa: F401, F403

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.end_to_end.http.queries import HISTORY, LAST_ENTRY, history, parameters, payload_for
from tests.end_to_end.http.service import TOKEN, TOKEN_HEADER, error_of
from tests.end_to_end.http.test_answers import (
    test_a_get_answers_as_the_post_does,
    test_a_parameter_comes_back_as_it_was_sent,
    test_a_repeated_parameter_of_properties_is_one_list,
    test_pages_together_hold_every_value_once,
)
from tests.end_to_end.http.test_generated_requests import (
    test_generated_requests_are_answered_as_the_document_says,
)
from tests.end_to_end.http.test_invalid_queries import (
    test_a_body_that_isnt_an_object_is_refused,
    test_a_body_that_isnt_json_is_refused,
    test_a_filter_that_is_nested_too_deep_is_refused,
    test_a_parameter_that_is_nested_too_deep_is_named,
)
from tests.end_to_end.http.test_over_the_wire import *
from tests.end_to_end.http.test_over_the_wire import HEADERS, SMALL, Wire
from tests.end_to_end.http.test_refusals import (
    test_another_content_type_is_refused,
    test_another_method_is_refused_with_those_that_work,
    test_json_is_json_however_it_is_declared,
)
from tests.end_to_end.http.test_tokens import (
    test_a_caller_without_the_token_learns_nothing_about_its_query,
    test_a_token_in_the_url_doesnt_count,
    test_any_other_token_gets_the_same_answer_as_none,
    test_every_method_needs_the_token,
    test_head_needs_the_token,
    test_the_token_lets_a_caller_in,
)
from tests.end_to_end.http.test_trace_ids import *

if TYPE_CHECKING:
    from tests.end_to_end.http.service import Service


@pytest.mark.parametrize(
    ("path", "key", "value"),
    [
        (HISTORY, "start_time", "yesterday"),
        (HISTORY, "property_types", {"temperature": "FLOAT"}),
        (LAST_ENTRY, "iot_device_id", 7),
        (LAST_ENTRY, "selected_properties", []),
    ],
)
def test_a_query_that_is_wrong_is_refused_by_its_key(
    service: Service, path: str, key: str, value: Any
) -> None:
    status, code, message = error_of(service.post(path, payload_for(path, **{key: value})))

    assert (status, code) == (400, "invalid_query")
    assert key in message


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("iot_device_id", ""),
        ("iot_device_id", ["1", "1"]),
        ("max_results", "many"),
        ("property_filters", '[{"propertyName": "temperature"}]'),
    ],
)
def test_a_parameter_that_is_wrong_is_refused_by_its_name(
    service: Service, key: str, value: Any
) -> None:
    status, code, message = error_of(service.get(HISTORY, parameters(history()) | {key: value}))

    assert (status, code) == (400, "invalid_query")
    assert key in message


def test_two_tokens_are_none(wire: Wire) -> None:
    wire.connection.putrequest("POST", wire.root + LAST_ENTRY)
    for name, value in (*HEADERS.items(), (TOKEN_HEADER, TOKEN)):
        wire.connection.putheader(name, value)
    wire.connection.putheader("Content-Length", str(len(SMALL)))
    wire.connection.endheaders(SMALL)

    assert wire.connection.getresponse().status == 401


def test_an_empty_content_type_is_one_that_wasnt_sent(wire: Wire) -> None:
    headers = HEADERS | {"Content-Type": ""}

    assert wire.send("POST", LAST_ENTRY, headers, SMALL)[0] == 200


def test_a_body_in_chunks_is_one_in_a_piece(wire: Wire) -> None:
    whole = wire.send("POST", LAST_ENTRY, HEADERS, SMALL)
    wire.connection.request(
        "POST", wire.root + LAST_ENTRY, iter((SMALL[:9], SMALL[9:])), HEADERS, encode_chunked=True
    )
    response = wire.connection.getresponse()

    assert (response.status, response.read()) == (200, whole[2])


@pytest.mark.parametrize("ask", ["get", "post"])
def test_the_token_of_another_query_is_refused_either_way(service: Service, ask: str) -> None:
    query = history(max_results=1)
    token = service.post(HISTORY, query).json()["nextToken"]
    another = query | {"order_by_time": "DESCENDING", "next_token": token}
    response = (
        service.post(HISTORY, another)
        if ask == "post"
        else service.get(HISTORY, parameters(another))
    )

    status, _, message = error_of(response)
    assert status == 400
    assert "belongs to another query" in message
