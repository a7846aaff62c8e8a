"""The Hot Readers on Azure: HTTP functions over Cosmos DB (Azure Functions, Python v2 model).

The package holds this file, host.json, requirements.txt and the project's `chalicelib`. The functions'
settings are the app's application settings; docs/settings.md lists them.
"""

from __future__ import annotations

import logging
import os
from functools import partial
from typing import Final
from urllib.parse import parse_qs, urlsplit

import azure.functions as func

from chalicelib.hot_reader.reads import HISTORY, LAST_ENTRY
from chalicelib.http.endpoint import HttpEndpoint, HttpRequest
from chalicelib.http.hot_reader_endpoints import endpoints_by_path
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings import CosmosSettings, EndpointSettings, HotReaderSettings
from chalicelib.stores import cosmos

_log: Final = logging.getLogger("hot-reader")
_log.setLevel(logging.INFO)
# The SDK would write several lines for each request that it sends.
logging.getLogger("azure").setLevel(logging.WARNING)

_settings: Final = HotReaderSettings.load(os.environ)
_store: Final = cosmos.connect(CosmosSettings.load(os.environ), _settings)
_endpoint_settings: Final = EndpointSettings.load_outside_aws(os.environ)
_history, _last_entry = endpoints_by_path(
    _store, _settings, _endpoint_settings, partial(JsonLogObservability, emit=_log.log)
).values()

# Every method reaches the endpoint, so that a wrong one gets the contract's answer.
_METHODS: Final = list(func.HttpMethod)
# The endpoint checks the inter-cloud token; a function key would be a second secret for the same.
app: Final = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.function_name(HISTORY.name)
@app.route(HISTORY.name, methods=_METHODS)
def hot_reader(req: func.HttpRequest) -> func.HttpResponse:
    """Answer a history query."""
    return _answer(_history, req)


@app.function_name(LAST_ENTRY.name)
@app.route(LAST_ENTRY.name, methods=_METHODS)
def hot_reader_last_entry(req: func.HttpRequest) -> func.HttpResponse:
    """Answer a query for the newest entry."""
    return _answer(_last_entry, req)


def _answer(endpoint: HttpEndpoint, request: func.HttpRequest) -> func.HttpResponse:
    answer = endpoint.answer(
        HttpRequest(
            method=request.method,
            headers={name.lower(): value for name, value in request.headers.items()},
            # `request.params` leaves empty parameters out, and joins repeated ones by commas.
            parameters=parse_qs(urlsplit(request.url).query, keep_blank_values=True),
            body=request.get_body(),
        )
    )
    return func.HttpResponse(answer.body, status_code=answer.status, headers=answer.headers)
