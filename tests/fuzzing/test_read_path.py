"""Random input at every door of the read path: the right answer, or a refusal by name.

A test run tries the same few; `make soak` tries others, for as long as it is told.
"""

from __future__ import annotations

import base64
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from chalicelib.contracts import wire_contract
from chalicelib.data_connector import device, event_query, failed_try, remote_reader
from chalicelib.hot_reader import next_token
from chalicelib.http.endpoint import HttpRequest
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.instants import parse_instant
from chalicelib.model.query import HistoryQuery
from chalicelib.model.reads import HISTORY, READS
from tests.fuzzing.mutations import damaged, mutated
from tests.fuzzing.read_path import (
    DEVICE,
    ENVELOPE,
    EVENT,
    HEADERS,
    LOG,
    SERVICE,
    TOKEN,
    TWIN,
    ask,
    contents_of,
    page,
)

if TYPE_CHECKING:
    from hypothesis.strategies import SearchStrategy

FEW = settings(max_examples=int(os.environ.get("FUZZING_EXAMPLES", "25")))

bodies: SearchStrategy[bytes] = mutated(ENVELOPE).map(
    lambda document: json.dumps(document).encode()
)


@given(st.sampled_from(READS), bodies)
@FEW
def test_an_envelope_is_answered_or_refused(read, body):
    answer = ask(read, HttpRequest("POST", HEADERS, body=body))
    assert answer.status in (200, 400)


names = st.sampled_from([*ENVELOPE["payload"], "unknown"])
texts = st.one_of(
    st.text(max_size=30),
    st.sampled_from(["1", "pressure,running", "ASCENDING", "2026-01-30T17:00:00Z", DEVICE]),
    mutated(ENVELOPE["payload"]["property_filters"]).map(json.dumps),
)
GET = {
    "iot_device_id": [DEVICE],
    "start_time": ["2026-01-30T17:00:00Z"],
    "end_time": ["2026-01-30T18:00:00Z"],
    "selected_properties": ["pressure"],
}


@given(st.sampled_from(READS), st.dictionaries(names, st.lists(texts, max_size=2), max_size=3))
@FEW
def test_parameters_are_answered_or_refused(read, changes):
    answer = ask(read, HttpRequest("GET", HEADERS, parameters=GET | changes))
    assert answer.status in (200, 400)


@given(
    st.one_of(
        st.none(),
        st.text(st.characters(max_codepoint=255)),
        damaged(TOKEN.encode()).map(lambda content: content.decode("latin-1")),
        st.sampled_from([TOKEN.upper(), f"{TOKEN} ", f"{TOKEN},{TOKEN}", f"Bearer {TOKEN}"]),
    ),
    st.sampled_from(["GET", "POST", "PUT", "HEAD"]),
    bodies,
)
@FEW
def test_nothing_but_the_token_is_the_token(token, method, body):
    assume(token is None or token.strip() != TOKEN)
    headers = {} if token is None else {"x-inter-cloud-token": token}
    assert ask(HISTORY, HttpRequest(method, headers, body=body)).status == 401


@st.composite
def next_tokens(draw: st.DrawFn) -> str:
    """Draw tokens that were given out, for this query or another, and what somebody made of them."""
    changes: dict[str, Any] = draw(
        st.sampled_from([{}, {"order_by_time": "DESCENDING"}, {"property_filters": None}])
    )
    token: str = page(**changes)["nextToken"]
    kind = draw(st.sampled_from(["as it is", "characters", "parts"]))
    if kind == "characters":
        return draw(damaged(token.encode())).decode("latin-1")
    if kind == "parts":
        changed = json.dumps(draw(mutated(contents_of(token)))).encode()
        return base64.urlsafe_b64encode(changed).rstrip(b"=").decode()
    return token


@given(next_tokens())
@FEW
def test_a_next_token_leads_on_or_is_refused(token):
    body = json.dumps({"payload": ENVELOPE["payload"] | {"next_token": token}}).encode()
    answer = ask(HISTORY, HttpRequest("POST", HEADERS, body=body))
    assert answer.status in (200, 400)
    if answer.status == 200 and token:
        first = page()
        assert contents_of(token) == contents_of(first["nextToken"])  # however they are spelled
        assert json.loads(answer.body) == first["followingPages"][0] | {
            "followingPages": first["followingPages"][1:]
            + json.loads(answer.body)["followingPages"][-1:]
        }


def values_in(document: Any) -> list[Any]:
    return [
        [series["entityPropertyReference"], each]
        for series in document["propertyValues"]
        for each in series["values"]
    ]


@given(
    st.one_of(
        st.text(max_size=30),
        st.sampled_from(
            [f"2026-01-30T{each}Z" for each in ("16:59:59", "17:00:05.5", "17:00:15.5")]
        ),
    ),
    st.integers(-1, 2),
    st.text(max_size=3),
    st.booleans(),
    st.integers(0, 9),
)
@FEW
def test_a_forged_next_token_gives_no_more_than_its_query(key, index, identity, complete, second):
    """The digest keeps out mistakes. Who forges it, too, gets values of the query's device and range."""
    query = wire_contract.QUERY_PARSERS[HISTORY](ENVELOPE["payload"] | {"pages_ahead": 0})
    assert isinstance(query, HistoryQuery)
    end = parse_instant("2026-01-30T17:00:10Z")
    query = replace(query.declared_by(TWIN.devices), end=end, max_results=None)
    position = next_token.Position(key, index, identity, complete, second)
    token = next_token.encode(position, query)
    with LOG.request("t") as record:
        try:
            answer = SERVICE.answer(replace(query, next_token=token), record)
        except InvalidQueryError:
            return
        everything = values_in(SERVICE.answer(query, record).document)
    assert query.start <= parse_instant(key) <= query.end
    assert len(everything) == 2 * 7  # two properties, above 3 and up to 17:00:10
    assert [each for each in values_in(answer.document) if each not in everything] == []


@pytest.fixture(scope="module", autouse=True)
def _no_twinmaker():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(device, "_ask_twinmaker", lambda *_: (DEVICE, "my-twin-pump-1"))
        yield


@given(st.sampled_from(READS), mutated(EVENT))
@FEW
def test_an_event_is_answered_or_refused_and_the_same_on_both_routes(read, event):
    event = json.loads(json.dumps(event))
    try:
        query = event_query.parse(event, read, TWIN)
    except InvalidQueryError:
        return
    with LOG.request("t") as record:
        try:
            local = SERVICE.answer(query, record)
        except InvalidQueryError:
            local = None
    envelope = wire_contract.envelope(query, source_cloud="aws", timestamp=0, trace_id="trace-1")
    body = json.dumps(envelope).encode()
    remote = ask(read, HttpRequest("POST", HEADERS, body=body))
    assert remote.status == (400 if local is None else 200), remote.body
    if local is not None:
        assert json.loads(remote.body) == json.loads(local.to_json())


@given(st.sampled_from(READS), st.data())
@FEW
def test_an_answer_of_another_cloud_is_the_contracts_or_a_failure(read, data):
    payload = ENVELOPE["payload"]
    query = wire_contract.QUERY_PARSERS[read](payload)
    body = json.dumps({"payload": payload}).encode()
    answer = ask(read, HttpRequest("POST", HEADERS, body=body)).body
    content = json.dumps(data.draw(mutated(json.loads(answer)))).encode()
    found = remote_reader._document(content, query)
    if isinstance(found, failed_try.Failure) or not isinstance(query, HistoryQuery):
        return
    assert query.max_results is not None
    values = _all_values(found)
    assert all(query.start <= parse_instant(each["time"]) <= query.end for each in values)
    assert len(values) <= query.max_results
    assert found.get("nextToken") is None or isinstance(found["nextToken"], str)


def _all_values(document: dict[str, Any]) -> list[dict[str, Any]]:
    return [value for each in document["propertyValues"] for value in each["values"]]


@given(
    st.integers(201, 599),
    st.one_of(
        st.binary(max_size=50),
        mutated({"error": {"code": "x", "message": "y"}}).map(
            lambda document: json.dumps(document).encode()
        ),
    ),
    st.text(max_size=20),
    st.text(max_size=40),
)
@FEW
def test_an_error_of_another_cloud_is_a_failure(status, content, retry_after, left_out):
    response = failed_try.Response(status, None, {"Retry-After": retry_after}, content)
    failure = failed_try.refusal(response)
    assert failure.status == status
    assert failure.retry_after is None or failure.retry_after >= 0
    wire_contract.flaws_of(left_out)
