"""The Hot Readers as Lambda functions, for TwinMaker in the same account to invoke.

Lambda imports this module to run them, and not app.py.
"""

from __future__ import annotations

import os
from typing import Any, Final

from chalice import Blueprint

from chalicelib.contracts.wire_contract import new_trace_id
from chalicelib.hot_reader.reads import HISTORY, LAST_ENTRY
from chalicelib.hot_reader.service import HotReaderService
from chalicelib.observability.powertools import PowertoolsObservability
from chalicelib.settings import DynamoDBSettings, HotReaderSettings, tracing_enabled
from chalicelib.stores import dynamodb

functions: Final = Blueprint(__name__)

_settings: Final = HotReaderSettings.load(os.environ)
_tracing: Final = tracing_enabled(os.environ)
_store: Final = dynamodb.connect(DynamoDBSettings.load(os.environ), _settings)
_history: Final = HotReaderService(HISTORY, _store, _settings)
_last_entry: Final = HotReaderService(LAST_ENTRY, _store, _settings)
_history_log: Final = PowertoolsObservability(HISTORY.name, tracing=_tracing)
_last_entry_log: Final = PowertoolsObservability(LAST_ENTRY.name, tracing=_tracing)


@functions.lambda_function(name=HISTORY.name)
def hot_reader(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer TwinMaker's `dataReader` from DynamoDB."""
    return _answer(_history, _history_log, event, context)


@functions.lambda_function(name=LAST_ENTRY.name)
def hot_reader_last_entry(event: dict[str, Any], context: Any) -> dict[str, Any]:
    """Answer TwinMaker's `attributePropertyValueReaderByEntity` from DynamoDB."""
    return _answer(_last_entry, _last_entry_log, event, context)


def _answer(
    reader: HotReaderService, log: PowertoolsObservability, event: dict[str, Any], context: Any
) -> dict[str, Any]:
    with log.request(new_trace_id(), function_request_id=context.aws_request_id) as record:
        answer = reader.answer_event(event, record)
        record.answered(answer)
        return answer.document
