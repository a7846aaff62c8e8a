"""Chalice's documents, as moto's API Gateway takes them."""

from __future__ import annotations

import copy
from typing import Any

import pytest

from local_cloud.aws import moto_chalice

SWAGGER: dict[str, Any] = {
    "swagger": "2.0",
    "info": {"version": "1.0", "title": "twin"},
    "schemes": ["https"],
    "securityDefinitions": {"key": {}},
    "definitions": {"Empty": {"type": "object"}},
    "x-amazon-apigateway-binary-media-types": ["*/*"],
    "paths": {
        "/readings": {
            "post": {
                "consumes": ["application/json"],
                "produces": ["application/json"],
                "summary": "Read",
                "responses": {
                    "200": {"description": "ok", "schema": {"$ref": "#"}, "headers": {"A": {}}}
                },
                "x-amazon-apigateway-integration": {"type": "aws_proxy", "uri": "arn:aws:x"},
            },
            "options": {"x-amazon-apigateway-integration": {"type": "mock"}},
        }
    },
}


@pytest.fixture
def converted() -> dict[str, Any]:
    return moto_chalice.to_openapi_3(SWAGGER)


def test_swagger_becomes_openapi_3(converted: dict[str, Any]) -> None:
    assert converted["openapi"] == "3.0.1"
    assert {"swagger", "schemes", "securityDefinitions", "definitions"}.isdisjoint(converted)
    assert converted["x-amazon-apigateway-binary-media-types"] == ["*/*"]


def test_a_description_is_added_and_one_that_is_there_is_kept(converted: dict[str, Any]) -> None:
    assert converted["info"] == {"version": "1.0", "title": "twin", "description": ""}
    described = {**SWAGGER, "info": {"title": "twin", "description": "mine"}}
    assert moto_chalice.to_openapi_3(described)["info"]["description"] == "mine"


def test_operations_keep_what_both_versions_know(converted: dict[str, Any]) -> None:
    assert converted["paths"]["/readings"]["post"] == {
        "summary": "Read",
        "responses": {"200": {"description": "ok"}},
        "x-amazon-apigateway-integration": {"type": "AWS_PROXY", "uri": "arn:aws:x"},
    }


def test_a_mock_integration_gets_what_moto_insists_on(converted: dict[str, Any]) -> None:
    integration = converted["paths"]["/readings"]["options"]["x-amazon-apigateway-integration"]
    assert integration == {"type": "MOCK", "uri": "", "httpMethod": ""}


def test_the_document_that_came_in_isnt_changed() -> None:
    before = copy.deepcopy(SWAGGER)
    moto_chalice.to_openapi_3(SWAGGER)
    assert before == SWAGGER


def test_converting_twice_is_converting_once(converted: dict[str, Any]) -> None:
    assert moto_chalice.to_openapi_3(converted) == converted


def test_an_openapi_3_document_keeps_its_version() -> None:
    document = {"openapi": "3.1.0", "info": {"title": "twin"}, "paths": {}}
    assert moto_chalice.to_openapi_3(document)["openapi"] == "3.1.0"
