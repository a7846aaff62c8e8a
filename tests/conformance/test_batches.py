"""Whole runs of entries are answered byte for byte as entries one by one are."""

from __future__ import annotations

from dataclasses import asdict
from decimal import Decimal
from typing import TYPE_CHECKING, Any

from hypothesis import example, given, settings
from hypothesis import strategies as st

from benchmarks.hot_readers import history
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.timestamps import EpochMillisecondsFormat, Iso8601Format
from tests.conformance.asking import END, START
from tests.conformance.batches import BatchingMemoryStore
from tests.conformance.memory import MemoryStore
from tests.conformance.oracle import Stored

if TYPE_CHECKING:
    from chalicelib.model.timestamps import TimestampFormat

DEVICE = "device"
SELECTED = ["a", "b", "c"]
TYPES: list[str | None] = ["DOUBLE", "INTEGER", "LONG", "STRING", "BOOLEAN", "LIST", None]
ODD_NUMBERS = [
    *(
        "NaN",
        "Infinity",
        "-inf",
        "-0",
        "-0.0",
        "0x1",
        "1_0",
        " 1 ",
        "",
        ".5",
        "5.",
        "-",
        "1-2",
        "٣",
    ),
    *(str(2**31 - 1), str(2**31), str(-(2**63)), str(2**63), "1" * 400),
]
FRACTIONS = ["", ".0", ".000", ".5", ".50", ".123456789", ".1234567891"]

digits = st.text("0123456789", min_size=1, max_size=38)
number_texts = st.one_of(
    st.builds("{}{}".format, st.sampled_from(["", "-", "+"]), digits),
    st.builds("{}{}.{}".format, st.sampled_from(["", "-", "00"]), digits, digits),
    st.builds("{}e{}{}".format, digits, st.sampled_from(["", "-", "+"]), st.integers(0, 400)),
    st.sampled_from(ODD_NUMBERS),
)
texts = st.one_of(
    st.text(st.characters(exclude_categories=["Cs"]), max_size=12),
    st.sampled_from(['"', "\\", '",\n  "', "\n", "}}", "é😀", "\x00\x7f", "x" * 256, "x" * 257]),
)
numbers = st.one_of(
    digits.map(Decimal),
    st.integers(-(2**70), 2**70).map(Decimal),
    st.decimals(-1000, 1000, places=3),
    st.decimals(allow_nan=False, allow_infinity=False),
    st.sampled_from(["-0", "0.0", "1E+3", "1E-400"]).map(Decimal),
)
anything = st.one_of(numbers, texts, st.booleans(), st.none())
Column = tuple[st.SearchStrategy[Any], list[str | None]]
TAME: list[Column] = [
    (digits.map(Decimal), ["DOUBLE"]),
    (st.integers(-99, 99).map(Decimal), ["DOUBLE", "INTEGER", "LONG", None]),
    (st.decimals(-1000, 1000, places=3), ["DOUBLE", None]),
    (st.sampled_from(["1", "2.50", "-2147483649", "3.0", "-0.0"]).map(Decimal), [None]),
    (st.decimals(-1000, 1000, places=3).map(str), ["DOUBLE", "STRING"]),
    (st.sampled_from(['"', "\\", '",\n  "', "\n", "}}", "é😀", "\x00\x7f"]), ["STRING", None]),
    (st.booleans(), ["BOOLEAN", None]),
]
WILD: list[Column] = [
    (numbers, ["DOUBLE", "LONG", None]),
    (number_texts, ["DOUBLE", "INTEGER", "LONG"]),
    (texts, ["STRING", None]),
    (st.lists(st.booleans(), max_size=2), ["LIST", None]),
    (anything, TYPES),
]
"""What a property's values are, and the types that it may be declared as."""


COMPARED: dict[str | None, list[dict[str, Any]]] = {
    "DOUBLE": [{"doubleValue": each} for each in (0, 0.5, -37.125)],
    "INTEGER": [{"integerValue": each} for each in (0, 3)],
    "LONG": [{"longValue": each} for each in (0, 2**31)],
    "STRING": [{"stringValue": each} for each in ("5", "\\")],
    "BOOLEAN": [{"booleanValue": each} for each in (True, False)],
    "LIST": [{"listValue": []}],
}
COMPARED[None] = [value for values in COMPARED.values() for value in values]
"""What values of each declared type are compared with."""


@st.composite
def conditions(draw: st.DrawFn, types: dict[str, str | None]) -> list[dict[str, Any]]:
    """No, one or two filters that fit the types."""
    filters = []
    for name in draw(st.lists(st.sampled_from(SELECTED), max_size=2)):
        value = draw(st.sampled_from(COMPARED[types[name]]))
        has_order = not {"booleanValue", "listValue"} & {*value}
        operators = ["=", "!=", *(["<", "<=", ">", ">="] if has_order else [])]
        operator = draw(st.sampled_from(operators))
        filters.append({"propertyName": name, "operator": operator, "value": value})
    return filters


@st.composite
def histories(
    draw: st.DrawFn,
) -> tuple[list[Stored], dict[str, str | None], list[dict[str, Any]]]:
    """Entries that are mostly alike, declared types, and filters."""
    possible = draw(st.sampled_from([TAME, TAME, TAME + WILD]))
    columns = {name: draw(st.sampled_from(possible)) for name in SELECTED}
    types = {name: draw(st.sampled_from(declared)) for name, (_, declared) in columns.items()}
    seldom = st.integers(0, draw(st.sampled_from([0, 0, 9, 39]))).map(lambda drawn: drawn == 1)
    usual = draw(st.sampled_from(FRACTIONS))
    entries = []
    for second in range(draw(st.integers(0, 50))):
        values = {}
        for name, (strategy, _) in columns.items():
            if not draw(seldom):
                values[name] = draw(anything if draw(seldom) else strategy)
        entries.append(Stored(f"2026-01-30T17:00:{second:02}{usual}Z", values))
        if draw(seldom):
            zone = draw(st.sampled_from(["Z", "+00:00", "z", ""]))
            other = f"2026-01-30T17:00:{second:02}{draw(st.sampled_from(FRACTIONS))}{zone}"
            entries.append(Stored(other, values))
    return list({each.key: each for each in entries}.values()), types, draw(conditions(types))


def read_all(
    store: MemoryStore, asked: dict[str, Any], page_bytes: int, timestamps: TimestampFormat
) -> list[Any]:
    reader = HotReader(store, timestamps, page_bytes=page_bytes)
    pages: list[Any] = []
    token = None
    while not pages or token is not None:
        answer = history(reader, asked | {"next_token": token})
        token = answer.document.get("nextToken")
        content = answer.to_json()
        if token is not None and not isinstance(timestamps, Iso8601Format):
            # Of counted units, a run knows more entries of the last one's second.
            content = content.replace(token.encode(), b"")
        pages.append((content, asdict(answer.flaws)))
    return pages


def in_milliseconds(entries: list[Stored]) -> list[Stored]:
    counted = {Iso8601Format().read(each.key).instant // 1_000_000: each for each in entries}
    return [Stored(str(key), each.values) for key, each in counted.items()]


@given(
    history=histories(),
    order=st.sampled_from(["ASCENDING", "DESCENDING"]),
    start=st.sampled_from([START, "2026-01-30T17:00:03.5Z"]),
    max_results=st.one_of(st.none(), st.integers(1, 200)),
    page_bytes=st.one_of(st.just(6_000_000), st.integers(3_200, 20_000)),
    batch=st.sampled_from([60, 60, 23, 3, 1]),
    counted=st.booleans(),
)
@example(
    history=(
        [Stored(f"2026-01-30T17:00:{second:02}Z", {"a": "x"}) for second in range(40)],
        {"a": "STRING"},
        [],
    ),
    order="ASCENDING",
    start=START,
    max_results=7,
    page_bytes=3_500,
    batch=50,
    counted=False,
)
@example(
    # A page that ends between two entries of one instant, with a run behind them.
    history=(
        [
            Stored(f"2026-01-30T17:00:{second}Z", dict.fromkeys(SELECTED, Decimal(0)))
            for second in ("00", "01.0", "01", "02", "03")
        ],
        dict.fromkeys(SELECTED, "DOUBLE"),
        [],
    ),
    order="ASCENDING",
    start=START,
    max_results=None,
    page_bytes=3_200,
    batch=60,
    counted=False,
)
@example(
    # Numbers of no declared type compare by all their digits, and a string isn't one of them.
    history=(
        [
            Stored(f"2026-01-30T17:00:0{second}Z", {"a": Decimal(f"0.5{1:020}"), "b": "1"})
            for second in range(4)
        ],
        dict.fromkeys(SELECTED),
        [
            {"propertyName": "a", "operator": ">", "value": {"doubleValue": 0.5}},
            {"propertyName": "b", "operator": ">", "value": {"doubleValue": 0.5}},
        ],
    ),
    order="ASCENDING",
    start=START,
    max_results=None,
    page_bytes=6_000_000,
    batch=60,
    counted=False,
)
@settings(max_examples=200)
def test_batches_are_answered_as_entries_are(
    history, order, start, max_results, page_bytes, batch, counted
):
    entries, types, filters = history
    entries = in_milliseconds(entries) if counted else entries
    timestamps = EpochMillisecondsFormat(as_text=False) if counted else Iso8601Format()
    asked = {
        "iot_device_id": DEVICE,
        "selected_properties": SELECTED,
        "property_types": {name: each for name, each in types.items() if each},
        "start_time": start,
        "end_time": END,
        "order_by_time": order,
        "property_filters": filters,
        "max_results": max_results,
    }
    stores = [MemoryStore(), BatchingMemoryStore(batch)]
    for store in stores:
        store.put(DEVICE, entries, "N" if counted else "S")
    plain, in_batches = (read_all(store, asked, page_bytes, timestamps) for store in stores)
    assert in_batches == plain
