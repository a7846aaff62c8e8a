"""Settings of all tests."""

from __future__ import annotations

import functools
import gc
from pathlib import PurePosixPath
from typing import TYPE_CHECKING, Any, Final

import botocore.session
import pytest
from botocore.loaders import create_loader
from hypothesis import settings

if TYPE_CHECKING:
    from collections.abc import Iterator

# A test run finds the same each time; `--hypothesis-profile search` looks for more.
settings.register_profile("repeatable", derandomize=True, deadline=None)
settings.register_profile("search", deadline=None, print_blob=True)
settings.load_profile("repeatable")

SHARING_SERVERS: Final = frozenset(
    {
        "tests/conformance",
        "tests/end_to_end/azure",
        "tests/end_to_end/gcp",
        "tests/end_to_end/http",
        "tests/end_to_end/packaging",
        "tests/end_to_end/read_path",
    }
)
"""Folders whose test modules have servers in common."""


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give whole modules to a worker, and whole folders where each worker would start the servers."""
    from xdist.scheduler import LoadFileScheduling

    class Scheduling(LoadFileScheduling):  # type: ignore[misc]  # xdist has no types
        def _split_scope(self, nodeid: str) -> str:
            module = super()._split_scope(nodeid)
            folder = str(PurePosixPath(module).parent)
            return folder if folder in SHARING_SERVERS else module

    return Scheduling(config, log) if config.getvalue("dist") == "loadfile" else None


def pytest_collection_finish() -> None:
    """Keep the garbage collector from walking through all that was imported, again and again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session", autouse=True)
def _shared_loader() -> Iterator[None]:
    """Share what each new session of the AWS SDK parses: a tenth to half a second each time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(create_loader))
        yield


@pytest.fixture(scope="session", autouse=True)
def _quick_stops() -> Iterator[None]:
    """Let local TwinMakers notice at once that they are stopped: there are hundreds of them."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("local_cloud.twinmaker.server._POLL", 0.001)
        yield
