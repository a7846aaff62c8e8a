"""The OpenAPI document, as something that answers can be held against."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import yaml
from jsonschema import Draft202012Validator  # type: ignore[import-untyped]
from jsonschema.exceptions import best_match  # type: ignore[import-untyped]
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

DOCUMENT_PATH: Final = Path(__file__).parents[3] / "docs" / "openapi.yaml"

_URI: Final = "urn:hot-reader"
_TRANSPORT: Final = frozenset({"connection", "content-length", "content-type", "date", "server"})
"""Headers that every HTTP server sends, whatever it serves."""
_OTHER_METHODS: Final = frozenset({"401", "405"})
"""What a method that isn't in the document may be answered with."""

Pointer = tuple[str, ...]
"""Where something is in the document: the keys that lead to it."""


class Contract:
    """Finds its way in the document, and validates by it."""

    def __init__(self, document: Any) -> None:
        self.document = document
        self._registry: Registry[Any] = Registry().with_resource(
            _URI, Resource.from_contents(document, default_specification=DRAFT202012)
        )

    @property
    def operations(self) -> list[tuple[str, str]]:
        """Every path with each of its methods."""
        return [
            (path, method.upper())
            for path, methods in self.document["paths"].items()
            for method in methods
        ]

    def at(self, pointer: Pointer) -> Any:
        found = self.document
        for key in pointer:
            found = found[int(key)] if isinstance(found, list) else found[key]
        return found

    def resolved(self, pointer: Pointer) -> Pointer:
        """Follow references until something stands there itself."""
        while "$ref" in (found := self.at(pointer)):
            pointer = tuple(found["$ref"].removeprefix("#/").split("/"))
        return pointer

    def problem(self, value: Any, schema: Pointer) -> str | None:
        """Say what is wrong with a value; None if it is as the schema wants it."""
        path = "/".join(key.replace("~", "~0").replace("/", "~1") for key in schema)
        validator = Draft202012Validator({"$ref": f"{_URI}#/{path}"}, registry=self._registry)
        error = best_match(validator.iter_errors(value))
        return None if error is None else f"{error.json_path}: {error.message}"

    def keys_of(self, schema: str) -> set[str]:
        """Name the properties of an object schema, also those that it takes from others."""
        return set(self._keys(("components", "schemas", schema)))

    def _keys(self, pointer: Pointer) -> Iterator[str]:
        pointer = self.resolved(pointer)
        found = self.at(pointer)
        yield from found.get("properties", {})
        for number in range(len(found.get("allOf", ()))):
            yield from self._keys((*pointer, "allOf", str(number)))

    def check_answer(
        self, method: str, path: str, status: int, headers: Mapping[str, str], body: bytes
    ) -> None:
        """Hold an answer against the document: status, headers, content type and body."""
        answer = f"{method} {path} -> {status}"
        pointer = self._response(method, path, str(status))
        documented = self.at(pointer)
        self._check_headers(answer, (*pointer, "headers"), headers)
        content_type = headers["Content-Type"]
        assert content_type in documented["content"], f"{answer}: {content_type}"
        if method == "HEAD":
            assert body == b"", f"{answer} has a body"
            return
        problem = self.problem(json.loads(body), (*pointer, "content", content_type, "schema"))
        assert problem is None, f"{answer}: {problem}\n{body[:2000]!r}"

    def _response(self, method: str, path: str, status: str) -> Pointer:
        methods = self.at(("paths", path))
        known = method.lower() in methods
        operation = method.lower() if known else "post"
        responses = methods[operation]["responses"]
        possible = set(responses) if known else _OTHER_METHODS
        assert status in possible, f"{method} {path}: the document has no answer {status}"
        return self.resolved(("paths", path, operation, "responses", status))

    def _check_headers(self, answer: str, pointer: Pointer, headers: Mapping[str, str]) -> None:
        documented = self.at(pointer)
        unknown = {name.lower() for name in headers} - _TRANSPORT
        unknown -= {name.lower() for name in documented}
        assert not unknown, f"{answer} has headers that aren't documented: {sorted(unknown)}"
        given = {name.lower(): value for name, value in headers.items()}
        for name in documented:
            header = self.resolved((*pointer, name))
            text = given.get(name.lower())
            if text is None:
                assert not self.at(header).get("required"), f"{answer} lacks {name}"
                continue
            schema = (*header, "schema")
            is_integer = self.at(schema)["type"] == "integer"
            value = int(text) if is_integer and text.isdecimal() else text
            problem = self.problem(value, schema)
            assert problem is None, f"{answer}: header {name}: {problem}"


@lru_cache(maxsize=1)
def the_contract() -> Contract:
    """Load the project's document."""
    return Contract(yaml.safe_load(DOCUMENT_PATH.read_text()))
