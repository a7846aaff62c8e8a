"""The check of another cloud's answer."""

from __future__ import annotations

import json
from copy import deepcopy
from dataclasses import replace
from typing import Any

import orjson
import pytest

from chalicelib.contracts.answer_check import WrongAnswerError, check
from chalicelib.model.data_value import DataType
from chalicelib.model.instants import parse_instant
from chalicelib.model.query import HistoryQuery, LastEntryQuery

TEXT, NUMBER, ANY = "status", "pressure", "extra"
QUERY = HistoryQuery(
    device_id="pump-1",
    selected_properties=(NUMBER, TEXT, ANY),
    property_types={NUMBER: DataType("DOUBLE"), TEXT: DataType("STRING")},
    entity_id="machine-1",
    component_name="pump",
    start=parse_instant("2026-01-30T17:00:00Z"),
    end=parse_instant("2026-01-30T18:00:00Z"),
    max_results=4,
    next_token="t0",
    pages_ahead=3,
)
LAST_ENTRY = LastEntryQuery(
    device_id="pump-1",
    selected_properties=(NUMBER, TEXT),
    property_types=QUERY.property_types,
    entity_id="machine-1",
    component_name="pump",
)


def reference(name: str) -> dict[str, Any]:
    return {"propertyName": name, "entityId": "machine-1", "componentName": "pump"}


def series(name: str, *values: tuple[str, Any]) -> dict[str, Any]:
    """Spell a property's values: minutes and seconds, and DataValues."""
    return {
        "entityPropertyReference": reference(name),
        "values": [{"time": f"2026-01-30T17:{time}Z", "value": value} for time, value in values],
    }


def page(token: str | None, *all_series: dict[str, Any], **more: Any) -> dict[str, Any]:
    answer: dict[str, Any] = {"propertyValues": list(all_series), **more}
    return answer if token is None else answer | {"nextToken": token}


ONE, TWO = {"doubleValue": 4.1}, {"doubleValue": 5}
GOOD = page(
    "t1",
    series(NUMBER, ("00:00", ONE), ("00:00.000000001", TWO), ("59:59.999", ONE)),
    series(TEXT, ("30:00", {"stringValue": "on"})),
)


def refusal_of(document: Any, query: LastEntryQuery = QUERY) -> str:
    """Check a document as it arrives, from JSON."""
    with pytest.raises(WrongAnswerError) as refusal:
        check(query, orjson.loads(json.dumps(document)))
    return str(refusal.value)


class TestAPage:
    @pytest.mark.parametrize(
        "document",
        [
            GOOD,
            page(None),
            page("t1", series(NUMBER)),
            page("t1", series(NUMBER, ("10:00", ONE), ("10:00", TWO))),
            {**GOOD, "known": "to a later version"},
            {**GOOD, "nextToken": None},
            {**GOOD, "nextToken": "x" * 17_880},
        ],
    )
    def test_of_the_contract_passes(self, document):
        check(QUERY, document)

    def test_may_be_in_descending_order_if_that_was_asked_for(self):
        descending = page(None, series(NUMBER, ("10:00", ONE), ("05:00", ONE)))
        check(replace(QUERY, descending=True), descending)
        assert refusal_of(descending) == (
            "value 1 of 'pressure' isn't in order: 2026-01-30T17:05:00Z"
        )

    def test_has_values_in_order(self):
        ascending = page(None, series(NUMBER, ("05:00", ONE), ("10:00", ONE)))
        assert "isn't in order" in refusal_of(ascending, replace(QUERY, descending=True))

    @pytest.mark.parametrize(
        ("time", "complaint"),
        [
            ("2026-01-30T16:59:59.999999999Z", "outside of the range"),
            ("2026-01-30T18:00:00.000000001Z", "outside of the range"),
            ("2026-01-30T17:00:00", "value 0 of 'pressure' has the time '2026"),
            ("yesterday", "value 0 of 'pressure' has the time 'yesterday'"),
            ("2026-01-30T17:00:00z", "has the time"),
            ("2026-01-30T18:00:00+01", "has the time"),
            ("2026-01-30T18:00:00+0100", "has the time"),
            ("2026-01-30T17:00:00.1234567891Z", "has the time"),
            (7, "has the time (a number)"),
            (None, "has the time (null)"),
            ([], "has the time (a list)"),
        ],
    )
    def test_has_times_of_the_range(self, time, complaint):
        wrong = series(NUMBER, ("00:00", ONE))
        wrong["values"][0]["time"] = time
        assert complaint in refusal_of(page(None, wrong))

    @pytest.mark.parametrize("value", [None, 7, [], {}, {"time": "x"}, {"x": 1, "value": ONE}])
    def test_has_values_with_a_time_each(self, value):
        wrong = {"entityPropertyReference": reference(NUMBER), "values": [value]}
        assert "value 0 of 'pressure' must have a time and a value" in refusal_of(page(None, wrong))

    def test_may_have_times_of_any_zone(self):
        zoned = series(NUMBER, ("00:00", ONE))
        zoned["values"][0]["time"] = "2026-01-31T07:00:00.123456789+14:00"
        check(QUERY, page(None, zoned))

    def test_has_nothing_else_with_a_propertys_values(self):
        wrong = {**series(NUMBER), "unit": "bar"}
        assert "'pressure' must have entityPropertyReference and values" in refusal_of(
            page(None, wrong)
        )

    @pytest.mark.parametrize("seconds", ["00.5", "00"])
    def test_has_one_value_at_each_point_of_an_interpolation(self, seconds):
        wrong = page(None, series(NUMBER, ("10:00", ONE), (f"10:{seconds}", ONE)))
        query = replace(QUERY, interval=1_000_000_000)
        assert "isn't at a further point" in refusal_of(wrong, query)

    @pytest.mark.parametrize(
        "reference",
        [
            None,
            {},
            {"propertyName": "secret"},
            {"propertyName": ["pressure"]},
            {"propertyName": "pressure"},
            {"propertyName": "pressure", "entityId": "machine-2", "componentName": "pump"},
        ],
    )
    def test_has_only_what_was_asked_for_of_its_entity(self, reference):
        wrong = {"entityPropertyReference": reference, "values": []}
        assert "asked for" in refusal_of(page(None, wrong))

    def test_has_a_property_once(self):
        assert "'pressure' is there twice" in refusal_of(page(None, series(NUMBER), series(NUMBER)))

    def test_has_no_more_values_than_were_asked_for(self):
        more = deepcopy(GOOD)
        more["propertyValues"].append(series(ANY, ("00:00", {"booleanValue": True})))
        assert "more values than 4" in refusal_of(more)

    @pytest.mark.parametrize("token", ["", "x" * 17_881, 7, True, [], {}])
    def test_has_a_token_that_twinmaker_takes(self, token):
        assert "nextToken must be a string of 1 to 17880" in refusal_of(
            {**GOOD, "nextToken": token}
        )

    def test_does_not_lead_to_itself(self):
        assert "page without end" in refusal_of({**GOOD, "nextToken": "t0"})


DEEP: Any = {"stringValue": "x"}
for _ in range(40):
    DEEP = {"listValue": [DEEP]}


class TestAValue:
    @pytest.mark.parametrize(
        "value",
        [
            {"booleanValue": False},
            {"doubleValue": 1e308},
            {"integerValue": -(2**31)},
            {"longValue": 2**63 - 1},
            {"stringValue": "x" * 256},
            {"listValue": []},
            {"listValue": [ONE, {"mapValue": {"x": TWO}}]},
            {"relationshipValue": {"targetEntityId": "x"}},
        ],
    )
    def test_may_be_any_if_no_type_is_declared(self, value):
        check(QUERY, page(None, series(ANY, ("00:00", value))))

    @pytest.mark.parametrize(
        "value",
        [
            None,
            7,
            [],
            {},
            {"doubleValue": 1, "stringValue": "x"},
            {"expression": "x"},
            {"booleanValue": 1},
            {"doubleValue": True},
            {"doubleValue": "1"},
            {"integerValue": 2**31},
            {"integerValue": 1.0},
            {"longValue": 2**63},
            {"stringValue": ""},
            {"stringValue": "x" * 257},
            {"listValue": {}},
            {"listValue": [1]},
            {"listValue": [ONE] * 51},
            {"mapValue": [ONE]},
            {"mapValue": {"x": None}},
            {"relationshipValue": {}},
            {"relationshipValue": {"targetEntityId": 1}},
            {"relationshipValue": {"other": "x"}},
            {"relationshipValue": {"targetEntityId": "x" * 129}},
            {"mapValue": {"": ONE}},
            DEEP,
        ],
        ids=str,
    )
    def test_must_be_one_of_twinmakers(self, value):
        assert "value 0 of 'extra' is no DataValue" in refusal_of(
            page(None, series(ANY, ("00:00", value)))
        )

    def test_has_its_propertys_declared_type(self):
        wrong = page(None, series(NUMBER, ("00:00", {"stringValue": "4.1"})))
        assert refusal_of(wrong) == (
            "value 0 of 'pressure' is no DataValue of the type DOUBLE within TwinMaker's limits"
        )

    def test_has_elements_of_its_declared_type(self):
        numbers = DataType("LIST", DataType("DOUBLE"))
        query = replace(QUERY, property_types={ANY: numbers})
        check(query, page(None, series(ANY, ("00:00", {"listValue": [ONE]}))))
        wrong = page(None, series(ANY, ("00:00", {"listValue": [{"stringValue": "x"}]})))
        assert "of the type LIST" in refusal_of(wrong, query)


class TestPagesThatFollow:
    def test_may_go_on_in_order_from_token_to_token(self):
        second = page("t2", series(NUMBER, ("59:59.999", ONE)))
        check(QUERY, {**GOOD, "followingPages": [second, page(None)]})

    @pytest.mark.parametrize(
        ("following", "complaint"),
        [
            ([page("t1")], "followingPages[0]: nextToken leads back"),
            ([page("t2"), page("t0")], "followingPages[1]: nextToken leads back"),
            ([page(None), page("t2")], "followingPages[1]: the page before it has no nextToken"),
            ([page("t2", followingPages=[])], "followingPages[0]: it has followingPages, too"),
            ([page("t2", series(NUMBER, ("59:59", ONE)))], "followingPages[0]: value 0 of"),
            ([page("t2"), page(None, series("x"))], "followingPages[1]: the property 'x' wasn't"),
            ({}, "no propertyValues"),
            ([7], "followingPages[0]: the answer has no propertyValues"),
        ],
    )
    def test_are_checked_like_the_first(self, following, complaint):
        assert complaint in refusal_of({**GOOD, "followingPages": following})

    def test_nested_as_deep_as_json_may_be_are_refused(self):
        nested = '{"propertyValues":[],"nextToken":"x","followingPages":[' * 500 + "]}" * 500
        with pytest.raises(WrongAnswerError, match="it has followingPages, too"):
            check(QUERY, orjson.loads(nested))


class TestALastEntry:
    @staticmethod
    def answer(name: str = NUMBER, **changes: Any) -> dict[str, Any]:
        entry = {"propertyReference": reference(name), "propertyValue": ONE, **changes}
        return {"propertyValues": {name: entry}}

    def test_of_the_contract_passes(self):
        check(LAST_ENTRY, self.answer())
        check(LAST_ENTRY, {"propertyValues": {}})

    @pytest.mark.parametrize(
        ("document", "complaint"),
        [
            (answer("secret"), "the property 'secret' wasn't asked for"),
            (answer(propertyReference=reference(TEXT)), "the reference of 'pressure' isn't"),
            (answer(propertyReference=None), "the reference of 'pressure' isn't"),
            (
                answer(propertyValue=None),
                "the value of 'pressure' is no DataValue of the type DOUBLE",
            ),
            (answer(propertyValue={"stringValue": "x"}), "of the type DOUBLE"),
            (answer(time="2026-01-30T17:00:00Z"), "propertyValue, and nothing else"),
            ({**answer(), "nextToken": "t"}, "newest values have no nextToken"),
            ({"propertyValues": []}, "no propertyValues of this kind"),
            ({"propertyValues": {NUMBER: 7}}, "no propertyValues of this kind"),
            ([], "no propertyValues of this kind"),
        ],
    )
    def test_is_checked(self, document, complaint):
        assert complaint in refusal_of(document, LAST_ENTRY)
