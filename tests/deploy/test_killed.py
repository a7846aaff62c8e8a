"""`deploy` and `destroy`, killed at each request to AWS and run again, end as undisturbed runs do."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import pytest

from tests.deploy.killing import Kill, is_write
from tests.deploy.verbs import unread_command_line

if TYPE_CHECKING:
    from tests.deploy.killing import Run, World

# Up to half a minute each on an idle machine, and many times that on a slow one that has more to do.
pytestmark = pytest.mark.timeout(1800)
FEWEST_WRITES: Final = 5
LAYOUTS: Final = [("azure", "aws"), ("aws", "azure")]


def kills(undisturbed: Run) -> list[Kill]:
    """Return where to kill a verb so that nothing is missed that it can leave behind.

    A request that changes nothing leaves what the one before it left. A kill before a request leaves what
    one after the request before it leaves, except for files that were written between the two. (That
    looking at something in TwinMaker gets on with it is test_register's business, and a lock that is left
    without anything else is test_lock's: it is taken first and given back last.)
    """
    writes = [number for number, what in enumerate(undisturbed.requests, 1) if is_write(what)]
    after = [Kill(number, "after") for number in writes[1:-1]]
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


def test_a_reader_of_the_output_that_ends_doesnt_end_a_deployment(world: World) -> None:
    world.providers("aws", "azure")
    world.deploy()
    deployed = world.everything()
    world.destroy()
    nothing = world.everything()
    world.command_line = unread_command_line
    world.deploy()
    assert world.everything() == deployed
    world.destroy()
    assert world.everything() == nothing


def test_endpoints_are_deployed_and_destroyed_where_there_is_no_twinmaker(world: World) -> None:
    nothing = world.everything()
    world.has_twinmaker = False
    world.providers("aws", "azure")
    world.deploy()
    world.destroy()
    left = world.everything()
    assert {**left, "files": nothing["files"]} == nothing


def test_somebody_elses_place_is_refused_before_anything_is_written(world: World) -> None:
    world.providers("aws", "azure")
    world.deploy()
    record = world.directory / ".chalice" / "deployed" / "multicloud.json"
    record.unlink()
    (world.config / "config.json").write_text('{"digital_twin_name": "another-twin"}')
    before = world.everything()
    for verb, options in (("deploy", ()), ("destroy", ("--yes",))):
        refused = world.try_to(verb, *options)
        assert refused.code == 2
        assert "isn't shown to be of the twin another-twin" in refused.output
        assert world.everything() == before


def test_moving_away_stops_at_an_entity_of_somebody_elses(world: World) -> None:
    world.providers("azure", "aws")
    world.deploy()
    twinmaker = world.twinmaker()
    own = {"componentTypeId": "factory-twin-temperature-sensor-1"}
    twinmaker.create_entity(
        workspaceId="killed", entityId="mine", entityName="mine", components={"telemetry": own}
    )
    functions = world.everything()["functions"]
    world.providers("aws", "azure")
    refused = world.try_to("deploy")
    assert refused.code == 1
    assert "Nothing was removed" in refused.output
    assert "mine" in refused.output
    assert world.everything()["functions"] == functions


def test_what_was_chosen_outlives_the_next_deployments(world: World) -> None:
    """Limits of the API, and the hot table's name while the hot storage is elsewhere."""

    def limits() -> tuple[float, int]:
        gateway = world.aws.client("apigateway")
        (api,) = gateway.get_rest_apis()["items"]
        settings = gateway.get_stage(restApiId=api["id"], stageName="api")["methodSettings"]["*/*"]
        return settings["throttlingRateLimit"], settings["throttlingBurstLimit"]

    def table() -> str | None:
        (each, *_) = world.aws.client("lambda").list_functions()["Functions"]
        name: str | None = each["Environment"]["Variables"].get("DYNAMODB_TABLE_NAME")
        return name

    world.providers("aws", "azure")
    storage = {"aws": {"table": "mine"}}
    (world.directory / "config" / "config_storage.json").write_text(json.dumps(storage))
    world.deploy()
    assert limits() == (100, 200)
    where = ("--config", "config", "--project", str(world.directory), "--stage", "multicloud")
    assert world.process("publish", *where, "--rate", "7", "--burst", "11").code == 0
    world.deploy()
    assert (limits(), table()) == ((7, 11), "mine")
    world.providers("azure", "aws")
    world.deploy()
    assert table() is None
    world.providers("aws", "azure")
    world.deploy()
    assert (limits(), table()) == ((100, 200), "mine")
