"""What holds for every test: the AWS SDK reads its descriptions of services once a process."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING

import botocore.session
import pytest
from botocore.loaders import create_loader

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session", autouse=True)
def _shared_loader() -> Iterator[None]:
    """Share what each new session would parse anew: a tenth to half a second of processor time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(botocore.session, "create_loader", functools.cache(create_loader))
        yield
