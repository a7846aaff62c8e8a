"""Batches of all stores: which one is the last."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import pytest

from tests.unit.chalicelib.servers import Act, Received, Scripted
from tests.unit.chalicelib.stores import cosmos_faults, dynamodb_faults, firestore_faults
from tests.unit.chalicelib.stores.store_faults import at

if TYPE_CHECKING:
    from collections.abc import Callable

    from chalicelib.stores.hot_store import BatchingHotStore


@pytest.mark.parametrize(
    ("store_at", "aside", "answers"),
    [
        (
            dynamodb_faults.store_at,
            lambda _: None,
            [dynamodb_faults.items(1, more=at(1)), dynamodb_faults.items(2)],
        ),
        (
            cosmos_faults.store_at,
            cosmos_faults.described,
            [cosmos_faults.rows(1, more="on"), cosmos_faults.rows(2)],
        ),
        (
            partial(firestore_faults.store_of, firestore_faults.Renewed()),
            lambda _: None,
            [firestore_faults.streamed(firestore_faults.document(number)) for number in (1, 2)],
        ),
    ],
    ids=["dynamodb", "cosmos", "firestore"],
)
def test_the_last_one_is_known_as_such(
    store_at: Callable[[Scripted], BatchingHotStore],
    aside: Callable[[Received], bytes | None],
    answers: list[Act],
) -> None:
    with Scripted(*answers, aside=aside) as server:
        batches = store_at(server).read_batches(
            "d", None, None, descending=False, properties={"n": [("n",)]}, limit=1
        )
        assert [each.is_last for each in batches] == [False, True]
