"""The rest-json protocol, driven by botocore's own model of the service.

Nothing about the operations is written down here: methods, paths, members, their places and
their types all come from the service model that the client uses too, so the two can't disagree.
"""

from __future__ import annotations

import base64
import binascii
import json
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache
from http import HTTPStatus
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import unquote

from botocore.loaders import Loader
from botocore.model import ListShape, MapShape, ServiceModel, StructureShape
from werkzeug.exceptions import MethodNotAllowed, NotFound
from werkzeug.routing import Map, Rule

from ..errors import (
    ApiError,
    InternalError,
    InvalidRequestError,
    UnknownOperationError,
)
from .validation import malformed, violations

if TYPE_CHECKING:
    from collections.abc import Mapping

    from botocore.model import OperationModel, Shape
    from werkzeug.datastructures import Headers, MultiDict

_LONGEST_MESSAGE = 2048
"""Longest ``ErrorMessage`` of the service model, in characters."""


class _UnreadableError(Exception):
    """A member that can't be read as what its shape says."""


@dataclass(frozen=True, slots=True)
class Call:
    """An operation and what the path says about its members."""

    operation: OperationModel
    uri_members: Mapping[str, str]

    @property
    def name(self) -> str:
        """The operation's name, for instance ``GetEntity``."""
        return self.operation.name


@dataclass(frozen=True, slots=True)
class HttpRequest:
    """The parts of a request that hold an operation's members, apart from the path."""

    query: MultiDict[str, str]
    headers: Headers
    body: bytes


class RestJson:
    """Reads requests and writes answers of one service.

    Parameters
    ----------
    service : str
        The service's name in botocore.
    """

    def __init__(self, service: str) -> None:
        self.model = load_model(service)
        self._routes = Map(
            [self._rule(self.model.operation_model(name)) for name in self.model.operation_names],
            strict_slashes=False,
            merge_slashes=False,
        )

    @staticmethod
    def _rule(operation: OperationModel) -> Rule:
        path = operation.http["requestUri"].split("?")[0]
        return Rule(
            path.replace("{", "<").replace("}", ">"),
            endpoint=operation.name,
            methods=[operation.http["method"]],
        )

    def match(self, method: str, raw_path: str) -> Call:
        """Find the operation of a request.

        Parameters
        ----------
        method : str
            The HTTP method.
        raw_path : str
            The path as it was sent, still percent-encoded: an ARN in it may contain a slash.

        Raises
        ------
        UnknownOperationError
            The service has no such operation.
        """
        try:
            name, members = self._routes.bind("localhost").match(raw_path, method)
        except (NotFound, MethodNotAllowed) as error:
            raise UnknownOperationError(
                f"IoT TwinMaker has no operation {method} {raw_path}"
            ) from error
        decoded = {member: unquote(text) for member, text in members.items()}
        return Call(self.model.operation_model(name), decoded)

    def read(self, call: Call, request: HttpRequest) -> dict[str, Any]:
        """Take an operation's input from a request and check it.

        Returns
        -------
        dict
            The input by member name, as boto3's caller gave it; timestamps are ``datetime`` in
            UTC. A member sent as ``null`` counts as not sent.

        Raises
        ------
        InvalidRequestError
            The input can't be read, or breaks its shape.
        """
        shape = call.operation.input_shape
        if shape is None:
            return {}
        try:
            members = self._located(shape, call, request) | _from_body(shape, request.body)
        except _UnreadableError as error:
            raise InvalidRequestError(f"{call.name}: {error}") from error
        found = violations(members, shape)
        if found:
            raise InvalidRequestError(_counted(call.name, found))
        return members

    @staticmethod
    def _located(shape: StructureShape, call: Call, request: HttpRequest) -> dict[str, Any]:
        members: dict[str, Any] = {}
        for name, member in shape.members.items():
            key = str(member.serialization.get("name", name))
            location = member.serialization.get("location")
            if location == "uri":
                members[name] = _from_text(call.uri_members[key], member, name)
            elif location == "querystring" and key in request.query:
                members[name] = _from_texts(request.query.getlist(key), member, name)
            elif location == "header" and key in request.headers:
                members[name] = _from_text(request.headers[key], member, name)
        return members

    def write(self, call: Call, answer: dict[str, Any]) -> tuple[int, str]:
        """Check an operation's answer and write it.

        Parameters
        ----------
        call : Call
            What is answered.
        answer : dict
            The output by member name; timestamps as ``datetime``.

        Returns
        -------
        tuple of int and str
            The HTTP status and the JSON body. Timestamps are epoch seconds with milliseconds.

        Raises
        ------
        InternalError
            The answer breaks the output's shape: a fault of the local TwinMaker.
        """
        status = int(call.operation.http.get("responseCode", HTTPStatus.OK))
        shape = call.operation.output_shape
        if shape is None:
            return status, "{}"
        # The service's own answers may break a constraint: the ARNs of AWS's own types do.
        found = malformed(answer, shape)
        if found:
            raise InternalError(_counted(f"The answer of {call.name}", found))
        return status, json.dumps(to_json(answer, shape), allow_nan=False)

    def write_error(self, error: ApiError) -> tuple[int, str]:
        """Write an error answer.

        Returns
        -------
        tuple of int and str
            The HTTP status that the service model gives the error, and the JSON body. A message
            is cut at 2,048 characters, the model's limit.
        """
        return self._status(error.code), json.dumps({"message": error.message[:_LONGEST_MESSAGE]})

    def _status(self, code: str) -> int:
        if code == UnknownOperationError.code:  # the service model doesn't have it
            return HTTPStatus.NOT_FOUND
        shape = cast("StructureShape", self.model.shape_for(code))
        return int(shape.metadata["error"]["httpStatusCode"])


@cache
def rest_json(service: str) -> RestJson:
    """Return the only reader and writer of a service: it has no state, and making it takes a while."""
    return RestJson(service)


@cache
def load_model(service: str) -> ServiceModel:
    """Load a service's model from the installed botocore."""
    return ServiceModel(Loader().load_service_model(service, "service-2"), service)


def _counted(what: str, found: list[str]) -> str:
    count = "1 validation error" if len(found) == 1 else f"{len(found)} validation errors"
    return f"{what}: {count}: {'; '.join(found)}"


def _from_body(shape: StructureShape, body: bytes) -> dict[str, Any]:
    if not body:
        return {}
    try:
        parsed = json.loads(body)
    except (ValueError, RecursionError) as error:
        raise _UnreadableError(f"the body isn't JSON: {error}") from error
    if not isinstance(parsed, dict):
        raise _UnreadableError("the body isn't a JSON object")
    elsewhere = [
        name for name, member in shape.members.items() if "location" in member.serialization
    ]
    for name in elsewhere:
        if name in parsed:
            raise _UnreadableError(f"{name} doesn't belong in the body")
    return cast("dict[str, Any]", _from_json(parsed, shape, ""))


def _from_json(value: Any, shape: Shape, path: str) -> Any:
    """Turn JSON into what the shape says; what doesn't fit stays, for the validator to name."""
    if isinstance(shape, StructureShape) and isinstance(value, dict):
        return {
            name: _from_json(item, shape.members[name], f"{path}.{name}".lstrip("."))
            if name in shape.members
            else item
            for name, item in value.items()
            if item is not None
        }
    if isinstance(shape, ListShape) and isinstance(value, list):
        return [
            _from_json(item, shape.member, f"{path}[{index}]") for index, item in enumerate(value)
        ]
    if isinstance(shape, MapShape) and isinstance(value, dict):
        return {key: _from_json(item, shape.value, f"{path}.{key}") for key, item in value.items()}
    if shape.type_name == "timestamp":
        return _timestamp(value, path)
    if shape.type_name == "blob":
        return _blob(value, path)
    return value


def _timestamp(value: object, path: str) -> datetime:
    """Read a timestamp of a JSON body: epoch seconds (rest-json's default format)."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise _UnreadableError(f"{path} must be a number of seconds since 1970")
    try:
        return datetime.fromtimestamp(value, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _UnreadableError(f"{path}: {value} seconds since 1970 is out of range") from error


def _blob(value: object, path: str) -> bytes:
    try:
        return base64.b64decode(cast("str", value), validate=True)
    except (TypeError, ValueError, binascii.Error) as error:
        raise _UnreadableError(f"{path} must be a string in base64") from error


def _from_texts(texts: list[str], shape: Shape, name: str) -> Any:
    if isinstance(shape, ListShape):
        return [_from_text(text, shape.member, name) for text in texts]
    return _from_text(texts[-1], shape, name)


def _from_text(text: str, shape: Shape, name: str) -> Any:
    """Read a member from the path, the query string or a header."""
    if shape.type_name == "boolean":
        if text not in {"true", "false"}:
            raise _UnreadableError(f"{name} must be true or false, not {text!r}")
        return text == "true"
    if shape.type_name in {"integer", "long"}:
        try:
            return int(text)
        except ValueError as error:
            raise _UnreadableError(f"{name} must be an integer, not {text!r}") from error
    return text


def to_json(value: Any, shape: Shape) -> Any:
    """Write a value as rest-json does.

    Parameters
    ----------
    value : Any
        A value that fits the shape.
    shape : botocore.model.Shape
        The value's shape.

    Returns
    -------
    Any
        A value that ``json.dumps`` takes.
    """
    if isinstance(shape, StructureShape):
        return {
            shape.members[name].serialization.get("name", name): to_json(item, shape.members[name])
            for name, item in value.items()
        }
    if isinstance(shape, ListShape):
        return [to_json(item, shape.member) for item in value]
    if isinstance(shape, MapShape):
        return {key: to_json(item, shape.value) for key, item in value.items()}
    if isinstance(value, datetime):
        return round(value.timestamp(), 3)
    if isinstance(value, bytes):
        return base64.b64encode(value).decode("ascii")
    return value
