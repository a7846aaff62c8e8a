"""Many readers at once, while entries arrive and the connections to the storage are cut now and then."""

from __future__ import annotations

import itertools
import json
import os
import time
from typing import TYPE_CHECKING

from tests.fuzzing.counts import count
from tests.fuzzing.many_readers import read_at_once

from .service import TOKEN

if TYPE_CHECKING:
    import pytest

    from deploy_scripts.providers.telemetry import Writer
    from tests.unit.chalicelib.servers import Cutting

    from .service import Service

READERS = int(os.environ.get("LOAD_READERS", "3"))
SECONDS = float(os.environ.get("LOAD_SECONDS", "0"))
PARTS_PER_CUT = (40, 6)
"""With the second, more than a store's tries may fail; then the read does, by name."""


def test_every_reader_gets_every_value_once_and_in_order(
    service: Service, writer: Writer, to_storage: Cutting, request: pytest.FixtureRequest
) -> None:
    end = time.monotonic() + SECONDS
    longest = 0.0
    for number in itertools.count():
        began = time.monotonic()
        before = to_storage.cuts
        to_storage.every = PARTS_PER_CUT[number % len(PARTS_PER_CUT)]
        try:
            counts = read_at_once(service.url, TOKEN, writer, f"load-{number}", READERS)
        except AssertionError as error:
            errors = [each for each in service.records() if each["level"] == "ERROR"]
            error.add_note(json.dumps([each for each in errors if each.get("status") != 503]))
            raise
        finally:
            to_storage.every = 0
        cuts = to_storage.cuts - before
        assert cuts, "nothing failed"
        count(f"{request.path.parent.name} readers", readers=READERS, cuts=cuts, **counts)
        now = time.monotonic()
        longest = max(longest, now - began)
        if now + longest >= end:  # another round would take too long
            break
