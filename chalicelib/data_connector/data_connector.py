"""The Digital Twin Data Connector, which answers TwinMaker by a Hot Reader, here or on another cloud.

It holds a URL and a token, or a function's name, and no right to any storage.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from chalicelib.contracts import allowed_values, events
from chalicelib.data_connector import schema
from chalicelib.data_connector.deadline import Deadline
from chalicelib.data_connector.local_route import LocalRoute
from chalicelib.data_connector.remote_route import RemoteRoute
from chalicelib.settings.data_connector import LocalReaderSettings

if TYPE_CHECKING:
    from chalicelib.model.reads import Read
    from chalicelib.observability.request_record import RequestRecord
    from chalicelib.settings.data_connector import DataConnectorSettings

_ANSWER_MARGIN: Final = 0.5
"""Seconds of the function's own time in which it checks and hands over the largest answer, or fails
with a message of its own before Lambda ends it."""


class DataConnector:
    """The connector of one kind of read.

    Parameters
    ----------
    read
        History or last entry.
    settings
        The Hot Reader to ask.
    """

    def __init__(self, read: Read, settings: DataConnectorSettings) -> None:
        reader = settings.reader
        self._twin = settings.twin
        self._route: LocalRoute | RemoteRoute
        if isinstance(reader, LocalReaderSettings):
            self._route = LocalRoute(read, reader)
        else:
            self._route = RemoteRoute(read, reader, settings.twin)

    def answer(
        self, event: Mapping[str, Any], seconds: float, trace_id: str, record: RequestRecord
    ) -> dict[str, Any]:
        """Answer TwinMaker's event.

        Parameters
        ----------
        event
            The event.
        seconds
            The time that the function has left.
        trace_id
            The request's trace id, which another cloud's Hot Reader logs, too.
        record
            The request's log and metrics.

        Raises
        ------
        InvalidQueryError
            The event isn't one that can be answered.
        RemoteReaderError
            The remote reader gave no answer in time.
        ConfigurationError, StoreUnavailableError
            The token can't be fetched, or not in time.
        HotReaderError
            The local Hot Reader failed, or the event's device wasn't found out in time.
        """
        deadline = Deadline(seconds - _ANSWER_MARGIN)
        if events.asks_for_properties(event):
            return schema.answer(event, self._twin, deadline)
        answer = self._route.answer(event, deadline, trace_id, record)
        record.left_out(allowed_values.leave_out_others(event, answer))
        record.count("ValuesReturned", _values_in(answer))
        return answer


def _values_in(answer: Mapping[str, Any]) -> int:
    values = answer["propertyValues"]
    if isinstance(values, Mapping):
        return len(values)
    return sum(len(each.get("values", ())) for each in values)
