"""What becomes of a read where a hot storage misbehaves."""

from __future__ import annotations

import traceback
from typing import TYPE_CHECKING

import pytest

from chalicelib.contracts.wire_contract import history_query
from chalicelib.hot_reader.hot_reader import HotReader
from chalicelib.model.errors import HotReaderError
from chalicelib.model.timestamps import Iso8601Format
from chalicelib.stores import hot_store
from tests.spellings import spelled
from tests.unit.chalicelib.faults import Outcome
from tests.unit.chalicelib.servers import Act, Received, Scripted

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.stores.hot_store import HotStore

SECRET = "dGhlLXRva2VuLXRoYXQtbm9ib2R5LW1heS1zZWU="
"""Some storages' keys are Base64."""
START, END = "2026-01-30T17:00:00Z", "2026-01-30T18:00:00Z"
PAUSES = 4.0
"""Seconds of all pauses in a read, at most."""


def at(second: int) -> str:
    return f"2026-01-30T17:{second // 60:02}:{second % 60:02}Z"


def outcome_of(
    store_at: Callable[[Scripted], HotStore],
    acts: tuple[Act, ...],
    patience: float,
    aside: Callable[[Received], bytes | None] = lambda _request: None,
) -> Outcome:
    """Read a device's history from a server that does these things."""
    pauses: list[float] = []
    with Scripted(*acts, aside=aside) as server, pytest.MonkeyPatch.context() as patch:
        patch.setattr("time.sleep", pauses.append)
        # What has no end of its own has that of the read.
        endless = callable(acts[-1])
        patch.setattr(hot_store, "READ_SECONDS", patience if endless else 100 * patience)
        reader = HotReader(store_at(server), Iso8601Format(), page_bytes=1_000_000)
        asked = {"iot_device_id": "d", "selected_properties": ["n"]}
        failure, message = None, ""
        try:
            page = reader.history(history_query(asked | {"start_time": START, "end_time": END}))
            contents = [each for found in page.values.values() for each in found.contents]
            assert contents in ([2], [1, 2], [1])
            assert contents[-1] == len(server.requests) or callable(acts[0])
        except HotReaderError as error:
            failure = f"`{error.code}`"
            message = "".join(traceback.format_exception(error))
        assert spelled(SECRET, message) == []
        assert sum(pauses) <= PAUSES
        return Outcome(None if endless else len(server.requests), failure)
