"""The Digital Twin Data Connectors as Lambda functions, which TwinMaker invokes.

Lambda imports this module to run them, and not app.py. A cold start loads what the functions need and
nothing else: neither Chalice (`chalicelib.aws.data_connector_blueprint`) nor, as a rule, boto3.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from chalicelib.contracts.wire_contract import new_trace_id
from chalicelib.data_connector.data_connector import DataConnector
from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS, Read
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.settings.data_connector import DataConnectorSettings
from chalicelib.settings.logs import LogSettings

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

_logs: Final = LogSettings.load(os.environ)
_connectors: Final = {
    read: DataConnector(read, DataConnectorSettings.load(os.environ, read)) for read in READS
}
_observability: Final = {
    read: PowertoolsObservability(read.data_connector, level=_logs.level, tracing=_logs.tracing)
    for read in READS
}


def digital_twin_data_connector(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer TwinMaker's `dataReader` from another cloud's Hot Reader."""
    return _answer(HISTORY, event, context)


def digital_twin_data_connector_last_entry(
    event: dict[str, Any], context: LambdaContext
) -> dict[str, Any]:
    """Answer TwinMaker's `attributePropertyValueReaderByEntity` from another cloud's Hot Reader."""
    return _answer(LAST_ENTRY, event, context)


def _answer(read: Read, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    trace_id, request_id = new_trace_id(), context.aws_request_id
    seconds = context.get_remaining_time_in_millis() / 1000
    with _observability[read].request(trace_id, function_request_id=request_id) as record:
        return _connectors[read].answer(event, seconds, trace_id, record)
