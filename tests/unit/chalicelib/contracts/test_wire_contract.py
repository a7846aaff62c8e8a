"""The wire contract: a query comes out of an envelope as it went in."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts import wire_contract
from chalicelib.model.data_value import DataType
from chalicelib.model.errors import InvalidQueryError
from chalicelib.model.instants import parse_instant
from chalicelib.model.property_filter import PropertyFilter
from chalicelib.model.query import HistoryQuery, LastEntryQuery

FIRST = parse_instant("0001-01-01T00:00:00Z")
LAST = parse_instant("9999-12-31T23:59:59.999999999Z")

instants = st.integers(FIRST, LAST)
names = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=30)
plain_types = st.sampled_from(["BOOLEAN", "DOUBLE", "INTEGER", "LONG", "STRING", "RELATIONSHIP"])
data_types = st.recursive(
    st.builds(DataType, plain_types),
    lambda nested: st.builds(
        DataType, st.sampled_from(["LIST", "MAP"]), st.one_of(st.none(), nested)
    ),
    max_leaves=4,
)
data_values: st.SearchStrategy[dict[str, Any]] = st.recursive(
    st.one_of(
        st.fixed_dictionaries({"booleanValue": st.booleans()}),
        st.fixed_dictionaries({"doubleValue": st.floats(allow_nan=False, allow_infinity=False)}),
        st.fixed_dictionaries({"integerValue": st.integers(-(2**31), 2**31 - 1)}),
        st.fixed_dictionaries({"longValue": st.integers(-(2**63), 2**63 - 1)}),
        st.fixed_dictionaries({"stringValue": names}),
    ),
    lambda nested: st.one_of(
        st.fixed_dictionaries({"listValue": st.lists(nested, max_size=3)}),
        st.fixed_dictionaries({"mapValue": st.dictionaries(names, nested, max_size=3)}),
    ),
    max_leaves=4,
)
filters = st.builds(
    PropertyFilter, names, st.sampled_from(["=", "!=", "<", "<=", ">", ">="]), data_values
)
selections = st.lists(names, min_size=1, max_size=5, unique=True).map(tuple)
common: dict[str, st.SearchStrategy[Any]] = {
    "device_id": names,
    "selected_properties": selections,
    "property_types": st.dictionaries(names, data_types, max_size=4),
    "entity_id": st.none() | names,
    "component_name": st.none() | names,
    "times": st.booleans(),
}


def with_sources(queries: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    """Give the first properties of queries a source."""
    return st.builds(
        lambda query, sources: replace(
            query, property_sources=dict(zip(query.properties, sources, strict=False))
        ),
        queries,
        st.lists(names, max_size=4),
    )


last_entry_queries = with_sources(st.builds(LastEntryQuery, **common))
history_queries = st.builds(
    HistoryQuery,
    **common,
    start=instants,
    end=instants,
    filters=st.lists(filters, max_size=3).map(tuple),
    descending=st.booleans(),
    max_results=st.none() | st.integers(1, 10_000),
    next_token=st.none() | names,
    pages_ahead=st.integers(0, 100),
).map(
    lambda query: replace(query, start=min(query.start, query.end), end=max(query.start, query.end))
)
history_queries = with_sources(history_queries)

trace_ids = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=128)


def over_the_wire(query: LastEntryQuery, **options: Any) -> Any:
    """Put a query into an envelope, and take it out as a reader on another cloud does."""
    said: dict[str, Any] = {"source_cloud": "aws", "timestamp": 0, "trace_id": "t"} | options
    envelope = wire_contract.envelope(query, **said)
    return orjson.loads(orjson.dumps(envelope))


class TestRoundTrips:
    @given(history_queries)
    def test_a_history_query_comes_out_as_it_went_in(self, query):
        payload = wire_contract.payload_of(over_the_wire(query))
        assert wire_contract.history_query(payload) == query

    @given(last_entry_queries)
    def test_a_last_entry_query_comes_out_as_it_went_in(self, query):
        payload = wire_contract.payload_of(over_the_wire(query))
        assert wire_contract.last_entry_query(payload) == query

    @given(trace_ids, instants)
    def test_an_envelope_keeps_its_trace_id(self, trace_id, timestamp):
        query = LastEntryQuery(device_id="d", selected_properties=("p",))
        envelope = over_the_wire(query, trace_id=trace_id, timestamp=timestamp)
        assert wire_contract.trace_id_of(envelope) == trace_id
        assert wire_contract.payload_of(envelope)["iot_device_id"] == "d"

    @given(history_queries)
    def test_parameters_of_a_get_mean_the_same_as_a_payload(self, query):
        # Names with commas or blanks around them can't be told apart in a list of parameters.
        sources = dict(
            zip(("temperature", "status"), query.property_sources.values(), strict=False)
        )
        query = replace(
            query, selected_properties=("temperature", "status"), property_sources=sources
        )
        payload = wire_contract.payload_of(over_the_wire(query))
        parameters = {
            name: [value if isinstance(value, str) else json.dumps(value)]
            for name, value in payload.items()
            if value is not None and name != "selected_properties"
        }
        parameters["selected_properties"] = ["temperature,status"]
        got = wire_contract.history_query(wire_contract.payload_of_parameters(parameters))
        assert got == query

    def test_new_trace_ids_are_usable_and_different(self):
        made = {wire_contract.new_trace_id() for _ in range(100)}
        assert len(made) == 100
        assert all(wire_contract.trace_id_of({"trace_id": each}) == each for each in made)


PAYLOAD: dict[str, Any] = {
    "iot_device_id": "temperature-sensor-1",
    "start_time": "2026-01-30T17:00:00Z",
    "end_time": "2026-01-30T18:00:00Z",
    "selected_properties": ["temperature", "status"],
}


def payload(**changes: Any) -> dict[str, Any]:
    return {name: value for name, value in (PAYLOAD | changes).items() if value is not ...}


class TestPayloads:
    def test_need_no_more_than_device_range_and_properties(self):
        query = wire_contract.history_query(PAYLOAD)
        assert query == HistoryQuery(
            device_id="temperature-sensor-1",
            selected_properties=("temperature", "status"),
            start=parse_instant("2026-01-30T17:00:00Z"),
            end=parse_instant("2026-01-30T18:00:00Z"),
        )

    def test_of_last_entries_need_no_range(self):
        query = wire_contract.last_entry_query(payload(start_time=..., end_time=...))
        assert query == LastEntryQuery(
            device_id="temperature-sensor-1", selected_properties=("temperature", "status")
        )

    def test_may_have_keys_that_nobody_knows(self):
        known, more = (
            wire_contract.history_query(each) for each in (PAYLOAD, payload(new={"x": [1]}))
        )
        assert known == more

    @pytest.mark.parametrize(
        "key",
        [
            "property_types",
            "property_sources",
            "property_filters",
            "order_by_time",
            "max_results",
            "next_token",
            "pages_ahead",
            "entity_id",
            "component_name",
        ],
    )
    def test_may_say_null_for_what_is_optional(self, key):
        assert wire_contract.history_query(payload(**{key: None})) == wire_contract.history_query(
            PAYLOAD
        )

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("iot_device_id", ...),
            ("iot_device_id", None),
            ("iot_device_id", ""),
            ("iot_device_id", 7),
            ("iot_device_id", "\ud800"),
            ("iot_device_id", "x" * 1_025),
            ("start_time", ...),
            ("start_time", 1_769_792_400),
            ("start_time", "yesterday"),
            ("end_time", ...),
            ("end_time", "2026-02-30T00:00:00Z"),
            ("end_time", "2026-01-30T17:59:60Z"),
            ("end_time", "2026-01-30T17:59:59"),
            ("end_time", "2026-01-30T16:59:59Z"),
            ("selected_properties", ...),
            ("selected_properties", []),
            ("selected_properties", "temperature"),
            ("selected_properties", ["temperature", 7]),
            ("selected_properties", [""]),
            ("property_types", []),
            ("property_types", {"temperature": "FLOAT"}),
            ("property_types", {"temperature": None}),
            ("property_types", {"temperature": {"nestedType": {}}}),
            ("property_sources", ["Vehicle.Speed"]),
            ("property_sources", {"temperature": 1}),
            ("property_sources", {"temperature": ""}),
            ("property_sources", {"temperature": None}),
            ("property_sources", {"temperature": "x" * 1_025}),
            ("property_sources", {"temperature": "\ud800"}),
            ("property_sources", {"temprature": "Body.t"}),
            ("property_filters", {}),
            ("property_filters", [7]),
            ("property_filters", [{"propertyName": "t", "operator": "~", "value": {}}]),
            ("property_filters", [{"propertyName": "t", "operator": "=", "value": 20}]),
            ("property_filters", [{"propertyName": "t", "operator": "=", "value": {}}]),
            ("property_filters", [{"operator": "=", "value": {"doubleValue": 1}}]),
            ("order_by_time", "descending"),
            ("order_by_time", ["ASCENDING"]),
            ("max_results", "200"),
            ("max_results", -1),
            ("max_results", 1.5),
            ("max_results", True),
            ("max_results", 2**31),
            ("max_results", 10**400),
            ("pages_ahead", "1"),
            ("pages_ahead", -1),
            ("pages_ahead", float("inf")),
            ("pages_ahead", False),
            ("pages_ahead", 10**400),
            ("next_token", 7),
            ("next_token", []),
            ("entity_id", 7),
            ("entity_id", ""),
            ("component_name", {}),
        ],
    )
    def test_with_a_missing_or_mistyped_key_are_refused_by_its_name(self, key, value):
        with pytest.raises(InvalidQueryError, match=key):
            wire_contract.history_query(payload(**{key: value}))

    @pytest.mark.parametrize("key", ["iot_device_id", "selected_properties"])
    def test_of_last_entries_are_refused_in_the_same_way(self, key):
        with pytest.raises(InvalidQueryError, match=key):
            wire_contract.last_entry_query(payload(**{key: 7}))

    @pytest.mark.parametrize(
        ("asked", "expected"), [(..., None), (0, None), (1, 1), (2.0, 2), (10_000, 10_000)]
    )
    def test_bound_a_page_only_by_a_number_of_at_least_one(self, asked, expected):
        assert wire_contract.history_query(payload(max_results=asked)).max_results == expected


class TestEnvelopes:
    def test_need_nothing_but_a_payload(self):
        assert wire_contract.payload_of({"payload": PAYLOAD}) == PAYLOAD

    def test_may_have_keys_that_nobody_knows(self):
        assert wire_contract.payload_of({"payload": PAYLOAD, "priority": 7}) == PAYLOAD

    @pytest.mark.parametrize("body", [None, [], "text", 7])
    def test_are_objects(self, body):
        with pytest.raises(InvalidQueryError, match="the body must be a JSON object"):
            wire_contract.payload_of(body)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("payload", ...),
            ("payload", None),
            ("payload", []),
            ("payload", "{}"),
            ("source_cloud", 7),
            ("timestamp", 1_769_792_400),
            ("trace_id", 7),
            ("trace_id", ""),
            ("trace_id", "with a blank"),
            ("trace_id", "with\nanother line"),
            ("trace_id", "ünicode"),
            ("trace_id", "x" * 129),
            ("target_layer", "L3-Cold-Read"),
            ("target_layer", 3),
            ("message_type", "command"),
            ("message_type", []),
        ],
    )
    def test_with_a_wrong_part_are_refused_by_its_name(self, key, value):
        envelope = {
            "source_cloud": "aws",
            "target_layer": "L3-Hot-Read",
            "message_type": "query",
            "timestamp": "2026-01-30T18:00:00Z",
            "trace_id": "6b0d",
            "payload": PAYLOAD,
            key: value,
        }
        with pytest.raises(InvalidQueryError, match=key):
            wire_contract.payload_of({k: v for k, v in envelope.items() if v is not ...})

    @pytest.mark.parametrize(
        "envelope", [None, [], {}, {"trace_id": 7}, {"trace_id": "a b"}, {"trace_id": "x" * 129}]
    )
    def test_without_a_usable_trace_id_have_none(self, envelope):
        assert wire_contract.trace_id_of(envelope) is None


class TestParameters:
    @pytest.mark.parametrize(
        "values",
        [["temperature,status"], ["temperature", "status"], [" temperature , status ,"]],
    )
    def test_list_properties_by_commas_or_by_repetition(self, values):
        got = wire_contract.payload_of_parameters({"selected_properties": values})
        assert got == {"selected_properties": ["temperature", "status"]}

    def test_without_a_property_in_the_list_are_refused(self):
        given_ = {"iot_device_id": ["d"], "selected_properties": [" , "]}
        with pytest.raises(InvalidQueryError, match="selected_properties"):
            wire_contract.last_entry_query(wire_contract.payload_of_parameters(given_))

    def test_are_texts_but_for_numbers_and_json(self):
        got = wire_contract.payload_of_parameters(
            {
                "iot_device_id": ["7"],
                "max_results": ["20"],
                "pages_ahead": ["3"],
                "property_types": ['{"temperature": "DOUBLE"}'],
                "property_sources": ['{"temperature": "Body.t"}'],
                "property_filters": ["[]"],
                "unknown": ["{}"],
            }
        )
        assert got == {
            "iot_device_id": "7",
            "max_results": 20,
            "pages_ahead": 3,
            "property_types": {"temperature": "DOUBLE"},
            "property_sources": {"temperature": "Body.t"},
            "property_filters": [],
            "unknown": "{}",
        }

    @pytest.mark.parametrize("name", ["iot_device_id", "start_time", "max_results", "next_token"])
    def test_that_are_given_twice_are_refused_by_name(self, name):
        with pytest.raises(InvalidQueryError, match=f"{name} must be given once"):
            wire_contract.payload_of_parameters({name: ["1", "2"]})

    @pytest.mark.parametrize("name", ["max_results", "pages_ahead"])
    @pytest.mark.parametrize("value", ["", "many", "-1", "1.5", "1e3", " 1", "1" * 5_000, "\u0663"])
    def test_that_are_no_number_are_refused(self, name, value):
        with pytest.raises(InvalidQueryError, match=f"{name} must be a whole number"):
            wire_contract.payload_of_parameters({name: [value]})

    @pytest.mark.parametrize("name", ["property_types", "property_sources", "property_filters"])
    @pytest.mark.parametrize("value", ["", "temperature", "{", "[" * 100_000, "NaN"])
    def test_that_are_no_json_are_refused_by_name(self, name, value):
        with pytest.raises(InvalidQueryError, match=f"{name} must be JSON"):
            wire_contract.payload_of_parameters({name: [value]})


@pytest.mark.parametrize(
    "wrong",
    [
        {"property_types": {"p" * 1_000_000: "FLOAT"}},
        {"property_types": {"pressure": "F" * 1_000_000}},
    ],
    ids=["name", "type"],
)
def test_a_message_names_the_place_and_what_to_do_but_is_no_copy_of_what_was_sent(wrong):
    with pytest.raises(InvalidQueryError) as caught:
        wire_contract.history_query(PAYLOAD | wrong)
    message = str(caught.value)
    assert message.startswith("property_types.p")
    assert message.endswith("STRING")
    assert len(message) < 3_000
