"""Each test of a function's code starts in a process as it was found."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

import boto3
import pytest

from chalicelib.data_connector import device, local_route
from chalicelib.tokens import aws_stores

if TYPE_CHECKING:
    from collections.abc import Iterator

_LOGS = ("", "botocore", "urllib3")


@pytest.fixture(autouse=True)
def _fresh_process(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Give each test a process in which nothing was fetched and no log level was changed."""
    monkeypatch.setattr(boto3, "DEFAULT_SESSION", None)
    caches = (
        aws_stores._provider,
        device._ask_twinmaker,
        device._twinmaker_client,
        local_route._lambda_client,
    )
    for cache in caches:
        cache.cache_clear()
    aws_stores._last_fetched.clear()
    # Powertools' loggers keep the stdout that they were made with.
    logging.Logger.manager.loggerDict.pop("inter-cloud-token", None)
    levels = {name: logging.getLogger(name).level for name in _LOGS}
    yield
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    for cache in caches:
        cache.cache_clear()
    aws_stores._last_fetched.clear()
