"""A local AWS for whatever unit tests need one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from local_cloud.aws.account import LocalAws

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture(scope="session")
def aws() -> Iterator[LocalAws]:
    with LocalAws() as running:
        yield running


@pytest.fixture
def aws_environment(aws: LocalAws, monkeypatch: pytest.MonkeyPatch) -> LocalAws:
    """Let SDKs in this process talk to the local AWS."""
    monkeypatch.delenv("AWS_PROFILE", raising=False)
    for name, value in aws.environment.items():
        monkeypatch.setenv(name, value)
    return aws
