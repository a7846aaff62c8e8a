"""The HTTP endpoints of both reads, the same on every host."""

from __future__ import annotations

from typing import TYPE_CHECKING

from chalicelib.hot_reader.reads import HISTORY, LAST_ENTRY
from chalicelib.hot_reader.service import HotReaderService
from chalicelib.http.endpoint import HttpEndpoint

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.observability.request_record import Observability
    from chalicelib.settings import EndpointSettings, HotReaderSettings
    from chalicelib.stores.hot_store import HotStore


def endpoints_by_path(
    store: HotStore,
    settings: HotReaderSettings,
    endpoint_settings: EndpointSettings,
    observability: Callable[[str], Observability],
) -> dict[str, HttpEndpoint]:
    """Make the endpoints of history and last entry, in this order, each by its path.

    Parameters
    ----------
    store
        Where the entries are.
    settings
        The twin, and how its entries are laid out.
    endpoint_settings
        The token, and what else an endpoint goes by.
    observability
        Makes the log, metrics and traces of a read by its name.
    """
    return {
        f"/{read.name}": HttpEndpoint(
            HotReaderService(read, store, settings).answer_payload,
            endpoint_settings,
            observability(read.name),
        )
        for read in (HISTORY, LAST_ENTRY)
    }
