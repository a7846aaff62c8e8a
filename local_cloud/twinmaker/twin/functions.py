"""The functions that a component type may name, and which of them serve a read.

Sources: the guide's 'Using and creating component types' (the predefined function types, abstract
types) and 'AWS IoT TwinMaker data connectors' (attributePropertyValueReaderByEntity); its page on
the Athena connector has the one for tabular data.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ..errors import InvalidRequestError, NotOfferedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from .resources import Json

DATA_READER = "dataReader"
ENTITY_READER = "dataReaderByEntity"
TYPE_READER = "dataReaderByComponentType"
ATTRIBUTE_READER = "attributePropertyValueReaderByEntity"
DATA_WRITER = "dataWriter"
SCHEMA_INITIALIZER = "schemaInitializer"
_TABULAR_READER = "tabularDataReaderByEntity"

_SERIES_READERS = (DATA_READER, ENTITY_READER, TYPE_READER)
_READERS = (*_SERIES_READERS, ATTRIBUTE_READER, _TABULAR_READER)
_KNOWN = (*_READERS, DATA_WRITER, SCHEMA_INITIALIZER)


def check_function_names(names: Iterable[str]) -> None:
    """Refuse functions that aren't predefined.

    Raises
    ------
    InvalidRequestError
        A name isn't one of the documented ones.
    """
    for name in names:
        if name not in _KNOWN:
            raise InvalidRequestError(
                f"functions: {name!r} isn't one of the predefined functions {', '.join(_KNOWN)}"
            )


def why_incomplete(functions: Mapping[str, Json], definitions: Mapping[str, Json]) -> str:
    """Return why functions don't serve all properties, so that their type is abstract.

    Parameters
    ----------
    functions : mapping
        ``FunctionResponse`` by name.
    definitions : mapping
        ``PropertyDefinitionResponse`` by property name.

    Returns
    -------
    str
        The first reason: a function has no implementation or requires a property that nothing
        defines, or a property's values are stored externally and nothing reads them. Empty if
        there is none.
    """
    for name, function in functions.items():
        if not _is_implemented(function):
            return f"its function {name} has no implementation"
        missing = [
            each for each in function.get("requiredProperties", ()) if each not in definitions
        ]
        if missing:
            return f"its function {name} requires the undefined property {missing[0]}"
    for name, definition in definitions.items():
        readers: tuple[str, ...] = ()
        if definition["isTimeSeries"]:
            readers = _SERIES_READERS
        elif definition["isStoredExternally"]:
            readers = _READERS
        if readers and functions.keys().isdisjoint(readers):
            return f"no function reads its property {name}: it needs one of {', '.join(readers)}"
    return ""


def lambda_of(functions: Mapping[str, Json], wanted: tuple[str, ...], type_id: str) -> str:
    """Find the Lambda function that serves a request.

    Parameters
    ----------
    functions : mapping
        ``FunctionResponse`` by name.
    wanted : tuple of str
        The functions that can serve it, the one to prefer first.
    type_id : str
        The component type, for messages.

    Returns
    -------
    str
        The function's ARN.

    Raises
    ------
    InvalidRequestError
        The type has none of them.
    NotOfferedError
        The service implements it itself.
    """
    for name in wanted:
        implementation = functions.get(name, {}).get("implementedBy", {})
        if "lambda" in implementation:
            return str(implementation["lambda"]["arn"])
        if implementation:
            raise NotOfferedError(
                f"The local TwinMaker has only Lambda functions, and {name} of component type "
                f"{type_id} is one of the service's own"
            )
    raise InvalidRequestError(
        f"Component type {type_id} has no function {' or '.join(wanted)} implemented by a Lambda, "
        "so nothing can answer this request"
    )


def _is_implemented(function: Json) -> bool:
    implementation = function.get("implementedBy", {})
    return "lambda" in implementation or bool(implementation.get("isNative"))
