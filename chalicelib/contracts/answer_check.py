"""The check of another cloud's answer, before TwinMaker gets it.

docs/architecture.md, 'The wire contract'.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from chalicelib.contracts import twinmaker
from chalicelib.contracts.wire_contract import FOLLOWING_PAGES
from chalicelib.model.data_value import DATA_VALUE_TYPES, DEEPEST_NESTING, SCALARS, kind_of
from chalicelib.model.instants import parse_instant
from chalicelib.model.limits import (
    LONGEST_NEXT_TOKEN,
    LONGEST_STRING,
    MOST_ELEMENTS,
)
from chalicelib.model.query import DevicesQuery, HistoryQuery

if TYPE_CHECKING:
    from collections.abc import Mapping
    from collections.abc import Set as AbstractSet

    from chalicelib.model.data_value import DataType
    from chalicelib.model.query import AnyQuery, LastEntryQuery

_SHOWN: Final = 60
"""Characters of a part of the answer in a message."""
_Series = tuple[str, str]
"""A device and a property of it."""
_SERIES_KEYS: Final = {"entityPropertyReference", "values"}
_VALUE_KEYS: Final = {"time", "value"}
_ENTRY_KEYS: Final = {"propertyReference", "propertyValue"}
_TIME: Final = re.compile(r".{19}(\.[0-9]{1,9})?(Z|[+-].{2}:.{2})")
"""The form of a time that TwinMaker takes (API reference, 'PropertyValue'); a query's may have others."""


class WrongAnswerError(ValueError):
    """An answer that breaks the contract; the message names the part."""


def check(query: AnyQuery, document: Any) -> None:
    """Check that a document answers a query as the contract says.

    Every value must be a DataValue of its property's declared type, of a property that was asked for
    and with the reference of the query's entity. In a history, it must be within the range and in
    order, with at most `max_results` values on a page, and no page may lead back to one before it:
    a caller would page without end.

    Parameters
    ----------
    query
        The query that was sent.
    document
        The answer, parsed.

    Raises
    ------
    WrongAnswerError
        The document doesn't.

    Examples
    --------
    >>> query = HistoryQuery(device_id="pump-1", selected_properties=("running",), start=0, end=9)
    >>> check(query, {"propertyValues": [], "nextToken": "opaque"})
    >>> check(query, {"propertyValues": [], "nextToken": 7})
    Traceback (most recent call last):
    chalicelib.contracts.answer_check.WrongAnswerError: nextToken must be a string of 1 to 17880 characters
    """
    if isinstance(query, HistoryQuery | DevicesQuery):
        _check_history(query, document)
    else:
        _check_last_entry(query, document)


def _check_last_entry(query: LastEntryQuery, document: Any) -> None:
    values = _property_values(document, dict)
    if document.get("nextToken") is not None:
        raise WrongAnswerError("newest values have no nextToken")
    for name, entry in values.items():
        if not isinstance(entry, dict) or not entry.keys() >= _ENTRY_KEYS:
            raise _no_answer()
        _check_reference(query, name, entry["propertyReference"])
        _check_only(_ENTRY_KEYS, name, entry)
        if not _is_data_value(entry["propertyValue"], query.property_types.get(name)):
            raise _wrong_value(query, name, f"the value of {name!r}")


def _check_history(query: HistoryQuery | DevicesQuery, document: Any) -> None:
    following = document.get(FOLLOWING_PAGES, []) if isinstance(document, dict) else []
    if not isinstance(following, list):
        raise _no_answer()
    latest: dict[_Series, int | None] = {}
    tokens = [query.common.next_token]
    for number, page in enumerate((document, *following)):
        try:
            _check_page(query, page, latest)
            _check_next(page, tokens)
        except WrongAnswerError as error:
            if number == 0:
                raise
            raise WrongAnswerError(f"{FOLLOWING_PAGES}[{number - 1}]: {error}") from None


def _check_next(page: Mapping[str, Any], tokens: list[str | None]) -> None:
    """Check where a page leads, and append its token to those of the pages before it."""
    if len(tokens) > 1 and tokens[-1] is None:
        raise WrongAnswerError("the page before it has no nextToken")
    if len(tokens) > 1 and FOLLOWING_PAGES in page:
        raise WrongAnswerError(f"it has {FOLLOWING_PAGES}, too")
    token = page.get("nextToken")
    if token is not None:
        if not isinstance(token, str) or not 0 < len(token) <= LONGEST_NEXT_TOKEN:
            raise WrongAnswerError(
                f"nextToken must be a string of 1 to {LONGEST_NEXT_TOKEN} characters"
            )
        if token in tokens:
            raise WrongAnswerError(
                "nextToken leads back to a page before, so a caller would page without end"
            )
    tokens.append(token)


def _check_page(
    query: HistoryQuery | DevicesQuery, page: Any, latest: dict[_Series, int | None]
) -> None:
    """Check a page; `latest` has the last instant of each series on the pages before, and is updated."""
    count = 0
    found: set[_Series] = set()
    of_device = {each.device_id: each for each in query.each}
    for series in _property_values(page, list):
        values = series.get("values") if isinstance(series, dict) else None
        if not isinstance(values, list):
            raise _no_answer()
        reference = series.get("entityPropertyReference")
        name: Any = reference.get("propertyName") if isinstance(reference, dict) else None
        its_query = (
            query if isinstance(query, HistoryQuery) else _of_reference(of_device, reference)
        )
        _check_reference(its_query, name, reference)
        _check_only(_SERIES_KEYS, name, series)
        series_id = (its_query.device_id, name)
        if series_id in found:
            raise WrongAnswerError(f"the property {name!r} is there twice")
        found.add(series_id)
        count += len(values)
        if its_query.max_results is not None and count > its_query.max_results:
            raise WrongAnswerError(
                f"the page has more values than {its_query.max_results}, the maxResults"
            )
        latest[series_id] = _check_series(its_query, name, values, latest.get(series_id))


def _of_reference(of_device: Mapping[str, HistoryQuery], reference: Any) -> HistoryQuery:
    """Return the query of the device that a reference names."""
    external = reference.get("externalIdProperty") if isinstance(reference, dict) else None
    ids = list(external.values()) if isinstance(external, dict) else []
    found = of_device.get(ids[0]) if ids and isinstance(ids[0], str) else None
    if found is None:
        raise WrongAnswerError("a reference isn't that of a device that was asked for")
    return found


def _check_series(
    query: HistoryQuery, name: str, values: list[Any], last: int | None
) -> int | None:
    """Check a property's values, and return the last one's instant."""
    for number, each in enumerate(values):
        where = f"value {number} of {name!r}"
        if not isinstance(each, dict) or each.keys() != _VALUE_KEYS:
            raise WrongAnswerError(f"{where} must have a time and a value, and nothing else")
        time = each["time"]
        instant = _instant(time, where)
        if not query.start <= instant <= query.end:
            raise WrongAnswerError(f"{where} is outside of the range: {time}")
        if query.interval is not None and (instant % query.interval or instant == last):
            raise WrongAnswerError(f"{where} isn't at a further point of the interpolation: {time}")
        if last is not None and (instant > last if query.descending else instant < last):
            raise WrongAnswerError(f"{where} isn't in order: {time}")
        last = instant
        if not _is_data_value(each["value"], query.property_types.get(name)):
            raise _wrong_value(query, name, where)
    return last


def _instant(time: Any, where: str) -> int:
    try:
        if _TIME.fullmatch(time):
            return parse_instant(time)
    except (TypeError, ValueError):
        pass
    raise WrongAnswerError(f"{where} has the time {_shown(time)}")


def _property_values(document: Any, its_type: type) -> Any:
    values = document.get("propertyValues") if isinstance(document, dict) else None
    if not isinstance(values, its_type):
        raise _no_answer()
    return values


def _no_answer() -> WrongAnswerError:
    return WrongAnswerError(
        "the answer has no propertyValues of this kind of read; is the URL a Hot Reader's, and of the "
        "right kind?"
    )


def _check_reference(query: LastEntryQuery, name: Any, reference: Any) -> None:
    if name not in query.selected_properties:
        raise WrongAnswerError(f"the property {_shown(name)} wasn't asked for")
    if reference != twinmaker.reference(query, name):
        raise WrongAnswerError(
            f"the reference of {name!r} isn't that of the entity that was asked for"
        )


def _check_only(keys: AbstractSet[str], name: str, part: Mapping[str, Any]) -> None:
    if part.keys() != keys:
        raise WrongAnswerError(
            f"what the answer says of {name!r} must have {' and '.join(sorted(keys))}, and nothing else"
        )


def _wrong_value(query: LastEntryQuery, name: str, where: str) -> WrongAnswerError:
    declared = query.property_types.get(name)
    its_type = "" if declared is None else f" of the type {declared.type}"
    return WrongAnswerError(f"{where} is no DataValue{its_type} within TwinMaker's limits")


def _is_data_value(value: Any, declared: DataType | None, depth: int = 1) -> bool:
    if not isinstance(value, dict) or len(value) != 1 or depth > DEEPEST_NESTING:
        return False
    ((kind, content),) = value.items()
    its_type = DATA_VALUE_TYPES.get(kind)
    if its_type is None or (declared is not None and its_type != declared.type):
        return False
    is_content = SCALARS.get(kind)
    if is_content is not None:
        return is_content(content)
    if isinstance(content, dict):
        fits = kind == "mapValue" and all(0 < len(key) <= LONGEST_STRING for key in content)
        elements = list(content.values()) if fits else None
    else:
        elements = content if kind == "listValue" else None
    nested = None if declared is None else declared.nested
    return (
        isinstance(elements, list)
        and len(elements) <= MOST_ELEMENTS
        and all(_is_data_value(each, nested, depth + 1) for each in elements)
    )


def _shown(part: Any) -> str:
    """Return what a message shows of a part, which may be anything of any depth."""
    return repr(part[:_SHOWN]) if isinstance(part, str) else f"({kind_of(part)})"
