"""The Hot Readers as Lambda functions, which TwinMaker in the same account invokes.

Lambda imports this module to run them, and not app.py.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, Final

from chalice import Blueprint

from chalicelib.contracts import allowed_values, events
from chalicelib.contracts.wire_contract import new_trace_id
from chalicelib.data_connector import event_query, schema
from chalicelib.hot_reader.service import HotReaderService
from chalicelib.model.reads import HISTORY, LAST_ENTRY, READS, Read
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.settings.dynamodb import DynamoDBSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.logs import LogSettings
from chalicelib.stores.dynamodb.store import connect

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

functions: Final = Blueprint(__name__)

_settings: Final = HotReaderSettings.load(os.environ)
_logs: Final = LogSettings.load(os.environ)
_store: Final = connect(DynamoDBSettings.load(os.environ), _settings)
_service: Final = HotReaderService(_store, _settings)
_observability: Final = {
    read: PowertoolsObservability(read.hot_reader, level=_logs.level, tracing=_logs.tracing)
    for read in READS
}


@functions.lambda_function(name=HISTORY.hot_reader)
def hot_reader(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer TwinMaker's `dataReader` from DynamoDB."""
    return _answer(HISTORY, event, context)


@functions.lambda_function(name=LAST_ENTRY.hot_reader)
def hot_reader_last_entry(event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    """Answer TwinMaker's `attributePropertyValueReaderByEntity` from DynamoDB."""
    return _answer(LAST_ENTRY, event, context)


def _answer(read: Read, event: dict[str, Any], context: LambdaContext) -> dict[str, Any]:
    request_id = context.aws_request_id
    seconds = context.get_remaining_time_in_millis() / 1000
    with _observability[read].request(new_trace_id(), function_request_id=request_id) as record:
        if events.asks_for_properties(event):
            return schema.answer(event, _settings.twin)
        query = event_query.parse(event, read, _settings.twin)
        answer = _service.answer(query, record, seconds)
        document = answer.document
        record.answered(answer, allowed_values.leave_out_others(event, document))
        return document
