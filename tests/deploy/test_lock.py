"""One deployment of a stage at a time, whoever else is at it."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import pytest
from botocore.exceptions import ClientError

from deploy_scripts.deployment.lock import only_deployment
from deploy_scripts.errors import RefusedError
from deploy_scripts.stage.stage import Stage

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from local_cloud.aws.account import LocalAws

STAGE: Final = Stage("multicloud")
NAME: Final = "/hot-reader/multicloud/deploying"
NOBODY: Final = 2**22 + 1
"""More than any process's id (proc(5), pid_max)."""


@pytest.fixture
def ssm(aws: LocalAws) -> Iterator[Any]:
    client = aws.client("ssm")
    yield client
    client.delete_parameters(Names=[NAME])


def hold(ssm: Any, **holder: Any) -> None:
    """Let somebody have the lock: by default, one on another machine, since now."""
    own = {"who": "arn:aws:iam::1:user/ada", "host": "elsewhere", "process": NOBODY}
    value = own | {"since": datetime.now(UTC).isoformat()} | holder
    ssm.put_parameter(Name=NAME, Value=json.dumps(value), Type="String")


def is_held(ssm: Any) -> bool:
    return bool(ssm.get_parameters(Names=[NAME])["Parameters"])


def take(client: Callable[[str], Any]) -> None:
    """Take the lock, which must be refused."""
    with only_deployment(STAGE, client, pytest.fail):
        pytest.fail("two at once")


def test_the_second_is_told_who_the_first_is_and_gets_its_turn_afterwards(aws, ssm):
    with only_deployment(STAGE, aws.client, pytest.fail):
        here = f"on {socket.gethostname()}, process {os.getpid()}, since 20"
        with pytest.raises(RefusedError, match=here):
            take(aws.client)
        with only_deployment(Stage("another"), aws.client, pytest.fail):
            assert is_held(ssm)
    assert not is_held(ssm)
    with only_deployment(STAGE, aws.client, pytest.fail):
        pass


def test_a_failure_lets_go(aws, ssm):
    with pytest.raises(ZeroDivisionError), only_deployment(STAGE, aws.client, pytest.fail):
        raise ZeroDivisionError
    assert not is_held(ssm)


@pytest.mark.parametrize(
    "holder",
    [
        {"host": socket.gethostname()},
        {"since": (datetime.now(UTC) - timedelta(hours=2)).isoformat()},
    ],
    ids=["ended here", "long ago elsewhere"],
)
def test_what_a_run_left_that_was_cut_off_is_taken_over(aws, ssm, holder):
    hold(ssm, **holder)
    with only_deployment(STAGE, aws.client, pytest.fail):
        assert is_held(ssm)
    assert not is_held(ssm)


def test_somebody_elsewhere_may_still_be_at_it(aws, ssm):
    hold(ssm)
    with pytest.raises(RefusedError, match="user/ada on elsewhere") as refused:
        take(aws.client)
    assert f"aws ssm delete-parameter --name {NAME}" in str(refused.value)
    assert is_held(ssm)


def test_of_two_who_take_over_one_is_refused(aws, ssm):
    hold(ssm, host=socket.gethostname())

    def be_first(**_: Any) -> None:
        ssm.put_parameter(Name=NAME, Value=json.dumps({}), Type="String", Overwrite=True)

    def client(service: str) -> Any:
        made = aws.client(service)
        made.meta.events.register("after-call.ssm.GetParameter", be_first)
        return made

    with pytest.raises(RefusedError, match="Somebody is deploying"):
        take(client)
    assert is_held(ssm)


def test_a_parameter_of_somebody_elses_is_left_alone(aws, ssm):
    ssm.put_parameter(Name=NAME, Value="mine", Type="String")
    with pytest.raises(RefusedError, match="isn't a lock"):
        take(aws.client)
    assert ssm.get_parameter(Name=NAME)["Parameter"]["Value"] == "mine"


def test_without_the_permission_a_deployment_goes_on_and_says_so(aws, ssm):
    def refuse(**_: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutParameter")

    def client(service: str) -> Any:
        made = aws.client(service)
        made.meta.events.register("before-call.ssm.PutParameter", refuse)
        return made

    said: list[str] = []
    with only_deployment(STAGE, client, said.append):
        assert not is_held(ssm)
    assert "at the same time" in said[0]
