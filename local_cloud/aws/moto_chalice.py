"""Lets moto's API Gateway take what Chalice sends.

Chalice describes its REST API in Swagger 2.0. API Gateway's ImportRestApi and PutRestApi accept
that (API Gateway developer guide, "Develop REST APIs using OpenAPI"); moto's accept OpenAPI 3
only, and insist on things that are optional: ``info.description``, and the ``uri`` and
``httpMethod`` of a mock integration, which is what Chalice makes of ``cors=True``. So a document
is rewritten on its way in.

Besides, each deployment gives moto's stage anew, while API Gateway's keeps its settings, such as
throttling: a deployment is only what a stage points at (API Gateway API reference, Stage). And moto's
API forgets two things that it is given: the type of its endpoint when it is imported, and its
``minimumCompressionSize`` when it is updated.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, Final

from moto.apigateway.models import APIGatewayBackend, RestAPI
from moto.apigateway.responses import APIGatewayResponse

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from local_cloud.aws.moto_repairs import Repair

_TOP_LEVEL_ONLY_IN_SWAGGER: Final = frozenset(
    {"swagger", "schemes", "securityDefinitions", "definitions"}
)
_OPERATION_ONLY_IN_SWAGGER: Final = frozenset({"consumes", "produces"})
_RESPONSE_ONLY_IN_SWAGGER: Final = frozenset({"schema", "headers"})
_HTTP_METHODS: Final = frozenset(
    {"get", "put", "post", "delete", "options", "head", "patch", "x-amazon-apigateway-any-method"}
)
_INTEGRATION: Final = "x-amazon-apigateway-integration"


def to_openapi_3(document: Mapping[str, Any]) -> dict[str, Any]:
    """Rewrite a Swagger 2.0 document as the part of OpenAPI 3 that moto reads.

    Parameters
    ----------
    document
        The parsed body of ImportRestApi or PutRestApi. It isn't changed.

    Returns
    -------
    dict
        A document without Swagger 2.0's own keys, and with what moto insists on. Integration
        types are in capitals, as API Gateway returns them (API reference, Integration).
    """
    info = {"description": "", **document.get("info", {})}
    paths = {path: _path_item(item) for path, item in document.get("paths", {}).items()}
    kept = _without(document, _TOP_LEVEL_ONLY_IN_SWAGGER)
    return {"openapi": "3.0.1", **kept, "info": info, "paths": paths}


def _wrap_import(original: Callable[..., Any]) -> Callable[..., Any]:
    def import_rest_api(backend: Any, api_doc: Mapping[str, Any], *args: Any, **kwargs: Any) -> Any:
        return original(backend, to_openapi_3(api_doc), *args, **kwargs)

    return import_rest_api


def _wrap_put(original: Callable[..., Any]) -> Callable[..., Any]:
    # import_rest_api ends in this one too, with a document that is rewritten already
    def put_rest_api(
        backend: Any, function_id: str, api_doc: Mapping[str, Any], *args: Any, **kwargs: Any
    ) -> Any:
        return original(backend, function_id, to_openapi_3(api_doc), *args, **kwargs)

    return put_rest_api


def _wrap_import_response(original: Callable[..., Any]) -> Callable[..., Any]:
    def import_rest_api(response: Any) -> Any:
        status, headers, content = original(response)
        kind = response._get_param("endpointConfigurationTypes")
        api = response.backend.get_rest_api(json.loads(content)["id"])
        if kind:
            api.endpoint_configuration["types"] = [kind]
        return status, headers, json.dumps(api.to_dict())

    return import_rest_api


def _wrap_patch(original: Callable[..., Any]) -> Callable[..., Any]:
    def apply_patch_operations(api: Any, operations: Iterable[Mapping[str, Any]]) -> None:
        original(api, operations)
        for each in operations:
            if each["path"] == "/minimumCompressionSize":
                api.minimum_compression_size = int(each["value"]) if each["value"] else None

    return apply_patch_operations


def _wrap_create_deployment(original: Callable[..., Any]) -> Callable[..., Any]:
    def create_deployment(
        backend: Any, function_id: str, name: str, *args: Any, **kwargs: Any
    ) -> Any:
        stages = backend.get_rest_api(function_id).stages
        before = stages.get(name)
        deployment = original(backend, function_id, name, *args, **kwargs)
        if before is not None:
            stages[name].method_settings = before.method_settings
        return deployment

    return create_deployment


def _path_item(item: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: _operation(value) if name in _HTTP_METHODS else value for name, value in item.items()
    }


def _operation(operation: Mapping[str, Any]) -> dict[str, Any]:
    result = _without(operation, _OPERATION_ONLY_IN_SWAGGER)
    result["responses"] = {
        status: _without(response, _RESPONSE_ONLY_IN_SWAGGER)
        for status, response in operation.get("responses", {}).items()
    }
    if _INTEGRATION in operation:
        result[_INTEGRATION] = _integration(operation[_INTEGRATION])
    return result


def _integration(integration: Mapping[str, Any]) -> dict[str, Any]:
    kind = integration.get("type", "").upper()
    # both mean nothing for a mock, moto wants them all the same
    unused = {"uri": "", "httpMethod": ""} if kind == "MOCK" else {}
    return {**unused, **integration, "type": kind}


def _without(mapping: Mapping[str, Any], names: frozenset[str]) -> dict[str, Any]:
    return {name: value for name, value in mapping.items() if name not in names}


REPAIRS: Final[tuple[Repair, ...]] = (
    (APIGatewayBackend, "import_rest_api", _wrap_import),
    (APIGatewayBackend, "put_rest_api", _wrap_put),
    (APIGatewayBackend, "create_deployment", _wrap_create_deployment),
    (APIGatewayResponse, "import_rest_api", _wrap_import_response),
    (RestAPI, "apply_patch_operations", _wrap_patch),
)
