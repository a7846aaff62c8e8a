"""No token is in any log line, at any level of logging."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.spellings import spelled

from .queries import HISTORY, LAST_ENTRY, parameters, payload_for

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from local_cloud.aws.account import LocalAws

    from .conftest import Start
    from .service import Service

ACCEPTED = "accepted-7c1f0f6c2e6b4d0a"
PREVIOUS = "previous-90cd4c1b8c1f4f6e"
REFUSED = "refused-53a1f4f7a6d84b1c"
EVERYTHING_LOGGED = """
import logging
logging.basicConfig(level=logging.DEBUG)
"""


@pytest.fixture(scope="module", params=["ssm", "secretsmanager"])
def talkative(
    request: pytest.FixtureRequest,
    aws: LocalAws,
    start: Start,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Service]:
    """A service that logs all that it and its libraries can, with a token from a store."""
    value = f"{ACCEPTED},{PREVIOUS}"
    if request.param == "ssm":
        aws.client("ssm").put_parameter(Name="/talkative", Value=value, Type="SecureString")
    else:
        aws.client("secretsmanager").create_secret(Name="/talkative", SecretString=value)
    customize: Path = tmp_path_factory.mktemp("site")
    (customize / "sitecustomize.py").write_text(EVERYTHING_LOGGED)
    with start(
        stage={"INTER_CLOUD_TOKEN": f"{request.param}:/talkative"},
        environment={"PYTHONPATH": str(customize), "POWERTOOLS_LOG_LEVEL": "DEBUG"},
    ) as service:
        yield service


@pytest.fixture(scope="module")
def output(talkative: Service) -> str:
    """The log of accepted and refused tokens, on every path, by every method."""
    for path in (HISTORY, LAST_ENTRY):
        for token in (ACCEPTED, PREVIOUS, REFUSED):
            for method in ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"):
                talkative.request(method, path, token=token)
            expected = 401 if token == REFUSED else 200
            payload = payload_for(path)
            got = talkative.request("GET", path, token=token, params=parameters(payload))
            posted = talkative.request("POST", path, token=token, json={"payload": payload})
            assert (got.status_code, posted.status_code) == (expected, expected)
    return talkative.output()


@pytest.mark.parametrize("token", [ACCEPTED, PREVIOUS, REFUSED])
def test_no_token_is_in_the_output(output: str, token: str) -> None:
    secret = token.partition("-")[2]

    assert spelled(secret, *output.splitlines()) == []


@pytest.mark.parametrize("logger", ["DEBUG:urllib3.connectionpool", "DEBUG:botocore"])
def test_the_output_is_that_of_debugging(output: str, logger: str) -> None:
    assert logger in output
