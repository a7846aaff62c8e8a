"""The Digital Twin Data Connectors as Lambda functions, for TwinMaker to invoke.

Lambda imports this module to run them, and not app.py. A cold start loads what the functions need and
nothing else: neither Chalice (`chalicelib.aws.data_connector_blueprint`) nor Powertools nor, as a rule,
boto3.
"""

from __future__ import annotations

import os
from typing import Any, Final

from chalicelib.contracts.wire_contract import new_trace_id
from chalicelib.data_connector.data_connector import DataConnector
from chalicelib.hot_reader.reads import HISTORY, LAST_ENTRY, Read
from chalicelib.model.layout import DATA_CONNECTORS
from chalicelib.observability.cloudwatch import CloudWatchObservability
from chalicelib.settings import DataConnectorSettings, log_level, tracing_enabled


def _connector(read: Read[Any]) -> DataConnector:
    settings = DataConnectorSettings.load(
        os.environ,
        url_variable=read.remote_url_variable,
        local_variable=read.local_function_variable,
    )
    return DataConnector(read, settings)


_NAME, _LAST_ENTRY_NAME = DATA_CONNECTORS
_tracing: Final = tracing_enabled(os.environ)
_history: Final = _connector(HISTORY)
_last_entry: Final = _connector(LAST_ENTRY)
_level: Final = log_level(os.environ)
_history_log: Final = CloudWatchObservability(_NAME, level=_level, tracing=_tracing)
_last_entry_log: Final = CloudWatchObservability(_LAST_ENTRY_NAME, level=_level, tracing=_tracing)


def digital_twin_data_connector(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer TwinMaker's `dataReader` from another cloud's Hot Reader."""
    return _answer(_history, _history_log, event, context)


def digital_twin_data_connector_last_entry(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer TwinMaker's `attributePropertyValueReaderByEntity` from another cloud's Hot Reader."""
    return _answer(_last_entry, _last_entry_log, event, context)


def _answer(
    connector: DataConnector, log: CloudWatchObservability, event: dict[str, Any], context: Any
) -> dict[str, Any]:
    trace_id = new_trace_id()
    with log.request(trace_id, function_request_id=context.aws_request_id) as record:
        return connector.answer(event, context, trace_id, record)
