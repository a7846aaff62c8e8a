"""The HTTP endpoints of both reads, the same on every host."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from chalicelib.contracts import wire_contract
from chalicelib.hot_reader.service import HotReaderService
from chalicelib.http.endpoint import HttpEndpoint
from chalicelib.model.reads import READS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from chalicelib.model.reads import Read
    from chalicelib.model.results import Answer
    from chalicelib.observability.request_record import Observability, RequestRecord
    from chalicelib.settings.endpoint import EndpointSettings
    from chalicelib.settings.hot_reader import HotReaderSettings
    from chalicelib.stores.hot_store import HotStore
    from chalicelib.tokens.inter_cloud_token import InterCloudToken


def endpoints_by_read(
    store: HotStore,
    settings: HotReaderSettings,
    endpoint_settings: EndpointSettings,
    token: InterCloudToken,
    observability: Callable[[str], Observability],
) -> dict[Read, HttpEndpoint]:
    """Make the endpoint of each read.

    Parameters
    ----------
    store
        The hot storage.
    settings
        The twin, and the layout of its entries.
    endpoint_settings
        Limits of the endpoints.
    token
        The token that callers must send.
    observability
        Makes the log, metrics and traces of a function by its name.
    """
    service = HotReaderService(store, settings)
    return {
        read: HttpEndpoint(
            partial(_answer, service, read),
            endpoint_settings,
            token,
            observability(read.hot_reader),
        )
        for read in READS
    }


def _answer(
    service: HotReaderService,
    read: Read,
    payload: Mapping[str, Any],
    record: RequestRecord,
    seconds: float,
) -> Answer:
    return service.answer(wire_contract.QUERY_PARSERS[read](payload), record, seconds)
