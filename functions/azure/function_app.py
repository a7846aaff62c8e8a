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

from chalicelib.http.endpoint import HttpEndpoint, HttpRequest
from chalicelib.http.hot_reader_endpoints import endpoints_by_read
from chalicelib.model.reads import HISTORY, LAST_ENTRY
from chalicelib.observability.json_lines import JsonLogObservability
from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.settings.endpoint import EndpointSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.logs import LogSettings
from chalicelib.stores.cosmos.store import connect
from chalicelib.tokens.inter_cloud_token import InterCloudToken

_log: Final = logging.getLogger("hot-reader")
# Lets all pass that comes: POWERTOOLS_LOG_LEVEL has been obeyed before, and by metrics it isn't.
_log.setLevel(logging.DEBUG)
# The SDK would write several lines for each request that it sends.
logging.getLogger("azure").setLevel(logging.WARNING)

_settings: Final = HotReaderSettings.load(os.environ)
_store: Final = connect(CosmosSettings.load(os.environ), _settings)
_endpoint_settings: Final = EndpointSettings.load_outside_aws(os.environ)
_endpoints: Final = endpoints_by_read(
    _store,
    _settings,
    _endpoint_settings,
    InterCloudToken(_endpoint_settings.token),
    partial(JsonLogObservability, level=LogSettings.load(os.environ).level, emit=_log.log),
)

_SECONDS: Final = 230.0
"""The time that Azure's load balancer gives a request (Azure Functions documentation, 'Function app
timeout duration')."""
# Every method reaches the endpoint, so that a wrong one gets the contract's answer.
_METHODS: Final = list(func.HttpMethod)
# The endpoint checks the inter-cloud token; a function key would be a second secret for the same.
app: Final = func.FunctionApp(http_auth_level=func.AuthLevel.ANONYMOUS)


@app.function_name(HISTORY.hot_reader)
@app.route(HISTORY.hot_reader, methods=_METHODS)
def hot_reader(req: func.HttpRequest) -> func.HttpResponse:
    """Answer a history query."""
    return _answer(_endpoints[HISTORY], req)


@app.function_name(LAST_ENTRY.hot_reader)
@app.route(LAST_ENTRY.hot_reader, methods=_METHODS)
def hot_reader_last_entry(req: func.HttpRequest) -> func.HttpResponse:
    """Answer a query for the newest entry."""
    return _answer(_endpoints[LAST_ENTRY], req)


def _answer(endpoint: HttpEndpoint, request: func.HttpRequest) -> func.HttpResponse:
    answer = endpoint.answer(
        HttpRequest(
            method=request.method,
            headers={name.lower(): value for name, value in request.headers.items()},
            # `request.params` leaves empty parameters out, and joins repeated ones by commas.
            parameters=parse_qs(urlsplit(request.url).query, keep_blank_values=True),
            body=request.get_body(),
            seconds=_SECONDS,
        )
    )
    return func.HttpResponse(answer.body, status_code=answer.status, headers=answer.headers)
