"""`deploy` and `destroy`, killed at each request to AWS and run again, end as undisturbed runs do."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Final

import pytest

from tests.deploy.killing import Kill, is_write
from tests.deploy.verbs import unread_command_line

if TYPE_CHECKING:
    from tests.deploy.killing import Run, World
    from tests.deploy.snapshots import Snapshot

# Up to half a minute each on an idle machine, and many times that on a slow one that has more to do.
pytestmark = pytest.mark.timeout(1800)
FEWEST_WRITES: Final = 5
FEWEST_NEW: Final = 3
LAYOUTS: Final = [("azure", "aws"), ("aws", "azure")]


def left_by_kills(undisturbed: Run) -> dict[Kill, Snapshot]:
    """Return all that a kill of a verb can leave behind.

    That is without a lock and nothing else, which is test_lock's: it is taken first and given back last.
    """
    writes = [number for number, what in enumerate(undisturbed.requests, 1) if is_write(what)]
    lock = {Kill(writes[0], "after"), Kill(writes[-1], "after")}
    left = {kill: what for kill, what in undisturbed.left.items() if kill not in lock}
    assert len(left) >= FEWEST_WRITES
    return left


def without_id(request: str) -> str:
    """Return a request to API Gateway without the API's id, which is random."""
    return re.sub(r"/restapis/\w+", "/restapis/ID", request)


def writes_of(run: Run) -> set[str]:
    return {without_id(what) for what in run.requests if is_write(what)}


def left_by_new_kills(undisturbed: Run, known: set[str]) -> dict[Kill, Snapshot]:
    """Return what kills can leave, but for those behind a write that is killed elsewhere."""
    left = {
        kill: what
        for kill, what in left_by_kills(undisturbed).items()
        if kill.moment == "before" or without_id(undisturbed.requests[kill.number - 1]) not in known
    }
    assert len(left) >= FEWEST_NEW
    return left


def test_deploy_and_destroy_killed_anywhere_and_run_again_end_as_if_undisturbed(
    world: World,
) -> None:
    known: set[str] = set()
    for layout in LAYOUTS:
        world.providers(*layout)
        known |= deploy_and_destroy_killed(world, known)


def deploy_and_destroy_killed(world: World, known: set[str]) -> set[str]:
    """Kill a deployment and its removal at each write but those that are known; return their writes.

    A deployment that was killed can be destroyed as well, without the record of a clone.
    """
    world.deploy()
    world.destroy()  # from here on the stage is this layout's, and the package is built
    nothing = world.everything()
    deploying = world.deploy(keep=True)
    in_deploy = left_by_new_kills(deploying, known)
    deployed = world.everything()
    destroying = world.destroy(keep=True)
    in_destroy = left_by_new_kills(destroying, known)
    assert world.everything() == nothing
    for kill, left in in_deploy.items():
        left.put_back()
        world.deploy()
        assert world.everything() == deployed, kill
        left.put_back()
        (world.directory / ".chalice" / "deployed" / "multicloud.json").unlink(missing_ok=True)
        world.destroy()
        assert world.everything() == nothing, kill
    for kill, left in in_destroy.items():
        left.put_back()
        world.destroy()
        assert world.everything() == nothing, kill
    return writes_of(deploying) | writes_of(destroying)


def test_a_killed_run_leaves_what_was_there_at_the_request(world: World) -> None:
    """Snapshots that an undisturbed run kept are therefore what kills of it leave."""
    world.providers("azure", "aws")
    world.deploy()
    world.destroy()
    for verb in (world.deploy, world.destroy):
        before = world.snapshot()
        kept = [*left_by_kills(verb(keep=True)).items()]
        after = world.snapshot()
        for kill, left in (kept[0], kept[len(kept) // 2], kept[-1]):
            left.put_back()
            world.settle()
            expected = world.everything()
            before.put_back()
            verb(kill=kill)
            world.settle()
            assert world.everything() == expected, kill
        after.put_back()


def test_a_killed_move_away_from_aws_ends_as_an_undisturbed_one(world: World) -> None:
    """The functions that TwinMaker reads by go, and endpoints come."""
    world.providers("aws", "azure")
    # Where a deployment without a move writes the same, the test of both layouts kills it.
    known = writes_of(world.deploy())
    world.destroy()
    world.providers("azure", "aws")
    world.deploy()
    world.destroy()
    nothing = world.everything()

    world.deploy()
    world.providers("aws", "azure")
    moved = world.deploy(keep=True)
    assert "factory-twin-temperature-sensor-1" in moved.output
    away = world.everything()
    for kill, left in left_by_new_kills(moved, known).items():
        left.put_back()
        world.deploy()
        assert world.everything() == away, kill
    assert "factory-twin-temperature-sensor-1" not in world.destroy().output
    now = world.everything()
    assert {**now, "files": nothing["files"]} == nothing


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
