"""`deploy` and `destroy`, killed at each request to AWS and run again, end as undisturbed runs do."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

import pytest

from deploy_scripts.local_cloud.aws import LocalAws
from deploy_scripts.local_cloud.twinmaker import LocalTwinMaker
from tests.deploy.killing import Kill, Run, World

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

# They take half a minute each on an idle machine.
pytestmark = pytest.mark.timeout(400)
FEWEST_WRITES: Final = 5
READS: Final = re.compile(r"^GET |^(\w+\.)?(Get|List|Describe)[A-Z]\w+$|-list$")
LAYOUTS: Final = [("azure", "aws"), ("aws", "azure")]


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with LocalAws() as aws, LocalTwinMaker(invoke=lambda _arn, _event: {}) as twinmaker:
        made = World(tmp_path, aws, twinmaker)
        yield made
        made.close()


def kills(undisturbed: Run) -> list[Kill]:
    """Return where to kill a verb so that nothing is missed that it can leave behind.

    A request that only reads leaves what the one before it left. A kill before a request leaves what
    one after the request before it leaves, except for files that were written between the two. (That
    looking at something in TwinMaker gets on with it is test_register's business.)
    """
    after = [
        Kill(number, "after")
        for number, what in enumerate(undisturbed.requests, 1)
        if not READS.search(what)
    ]
    assert len(after) >= FEWEST_WRITES
    return [*after, *(Kill(number, "before") for number in undisturbed.changed)]


@pytest.mark.parametrize("layout", LAYOUTS, ids="/".join)
def test_deploy_and_destroy_killed_anywhere_and_run_again_end_as_if_undisturbed(
    world: World, layout: tuple[str, str]
) -> None:
    world.providers(*layout)
    world.deploy()
    world.destroy()  # from here on the stage is this layout's, and the package is built
    nothing = world.everything()
    deploy = world.deploy()
    deployed = world.everything()
    destroy = world.destroy()
    assert world.everything() == nothing
    in_deploy, in_destroy = kills(deploy), kills(destroy)
    for number in range(max(len(in_deploy), len(in_destroy))):
        if number < len(in_deploy):
            world.deploy(kill=in_deploy[number])
        world.deploy()
        assert world.everything() == deployed, in_deploy[number]
        if number < len(in_destroy):
            world.destroy(kill=in_destroy[number])
        world.destroy()
        assert world.everything() == nothing, in_destroy[number]


@pytest.mark.parametrize("layout", LAYOUTS, ids="/".join)
def test_what_a_killed_deploy_left_can_be_destroyed(world: World, layout: tuple[str, str]) -> None:
    world.providers(*layout)
    deploy = world.deploy()
    world.destroy()
    nothing = world.everything()
    for kill in kills(deploy):
        world.deploy(kill=kill)
        (world.directory / ".chalice" / "deployed" / "multicloud.json").unlink(missing_ok=True)
        world.destroy()
        assert world.everything() == nothing, kill


def test_a_killed_move_away_from_aws_ends_as_an_undisturbed_one(world: World) -> None:
    """The functions that TwinMaker reads by go, and endpoints come."""

    world.providers("azure", "aws")
    world.deploy()
    world.destroy()
    nothing = world.everything()

    def deploy_on_aws() -> None:
        world.providers("azure", "aws")
        world.deploy()
        world.providers("aws", "azure")

    deploy_on_aws()
    moved = world.deploy()
    assert "factory-twin-temperature-sensor-1" in moved.output
    away = world.everything()
    for kill in kills(moved):
        deploy_on_aws()
        world.deploy(kill=kill)
        world.deploy()
        assert world.everything() == away, kill
    assert "factory-twin-temperature-sensor-1" not in world.destroy().output
    left = world.everything()
    assert {**left, "files": nothing["files"]} == nothing
