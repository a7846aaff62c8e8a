"""`rotate-token`: a new token without a moment in which the caller is refused."""

from __future__ import annotations

import functools
import json
import logging
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import boto3
import pytest

from chalicelib.model.layout import ProviderLayout
from chalicelib.model.reads import LAST_ENTRY, READS
from chalicelib.settings.token_reference import TokenReference
from chalicelib.tokens.inter_cloud_token import InterCloudToken
from deploy_scripts.errors import RefusedError, VerbError
from deploy_scripts.project_files.inter_cloud import InterCloudConnections, old_connection_id
from deploy_scripts.tokens.rotation import (
    FETCH_SECONDS,
    Rotation,
    Step,
)
from deploy_scripts.tokens.stores import ParameterStore, SecretsManager
from tests.deploy.configured import Command, copy_project
from tests.spellings import spelled

if TYPE_CHECKING:
    from collections.abc import Callable

    from local_cloud.aws.account import LocalAws

LAYOUT = ProviderLayout("aws", "azure")
MAX_AGE = 60
FIRST = "a" * 43
NEW = "n" * 43
NAME = "/factory-twin/multicloud/inter-cloud-token"
MADE = {"managed-by": "multi-cloud-hot-reader", "stage": "multicloud"}
OWNER = {"stage": "multicloud", "twin": "factory-twin"}


class Killed(BaseException):
    """The process ended here."""


class World:
    """A token store on AWS, endpoints that remember what they fetched, a caller, and a clock.

    Each AWS call and each write of a file is a moment, before it and after it. At each moment the
    caller is checked, and at one of them a run can be killed.
    """

    def __init__(self, directory: Path, aws: LocalAws, kind: Literal["ssm", "secretsmanager"]):
        self.client = aws.client(kind)
        self.store: ParameterStore | SecretsManager = (
            ParameterStore(self.client, NAME, **OWNER)
            if kind == "ssm"
            else SecretsManager(self.client, NAME.removeprefix("/"), **OWNER)
        )
        self.store.put(FIRST)
        self.connections = _Watched(directory / "config_inter_cloud.json")
        for read in READS:
            self.connections.put(
                LAYOUT,
                read,
                url=f"https://api.example.com/api{read.path}",
                token=FIRST,
            )
        self.now = 0.0
        self.kept = [(0.0, FIRST)]
        self.moments: list[str] = []
        self.kill_at: int | None = None
        self.reports: list[str] = []
        self.connections.moment = self.moment
        events = self.client.meta.events
        events.register("before-call", lambda model, **_: self.moment(f"before {model.name}"))
        events.register("after-call", self._after_call)
        self._looking = False

    def _after_call(self, model: Any, **_: Any) -> None:
        if self._looking:
            return
        if model.name.startswith("Put"):
            self._looking = True
            self.kept.append((self.now, self.store.get() or ""))
            self._looking = False
        self.moment(f"after {model.name}")

    def moment(self, what: str) -> None:
        if self._looking:
            return
        self.moments.append(what)
        self.check()
        if self.kill_at is not None and len(self.moments) > self.kill_at:
            self.kill_at = None
            raise Killed

    def sleep(self, seconds: float) -> None:
        """Let the time pass in steps, checking the caller at each."""
        self.moment("before the wait")
        for _ in range(10):
            self.now += seconds / 10
            self.check()
        self.moment("after the wait")

    def check(self) -> None:
        """Each endpoint accepts each caller, whatever it fetched within `MAX_AGE`."""
        ends = [*(since for since, _ in self.kept[1:]), self.now + 1]
        remembered = [
            value
            for (_, value), end in zip(self.kept, ends, strict=True)
            if end > self.now - MAX_AGE
        ]
        for value in remembered:
            endpoint = InterCloudToken(TokenReference.parse("INTER_CLOUD_TOKEN", value, max_age=1))
            for caller in self.callers():
                assert endpoint.accepts(caller), f"refused after {self.moments[-3:]}"

    def callers(self) -> list[str]:
        return [each.token for each in self.connections.load().values()]

    def rotation(self) -> Rotation:
        return Rotation(
            LAYOUT,
            self.connections,
            self.store,
            max_age=MAX_AGE,
            report=self.reports.append,
            sleep=self.sleep,
        )

    def rotate(self) -> None:
        """Go through a whole rotation."""
        self.rotation().run()
        self.rotation().retire()

    def stored(self) -> list[str]:
        return (self.store.get() or "").split(",")


class _Watched(InterCloudConnections):
    """Connections whose writes are moments."""

    moment: Callable[[str], None] = staticmethod(lambda _: None)

    def _write(self, document: dict[str, Any]) -> None:
        self.moment("before a file write")
        super()._write(document)
        self.moment("after a file write")


@pytest.fixture(params=["ssm", "secretsmanager"])
def world(request: pytest.FixtureRequest, tmp_path: Path, aws: LocalAws) -> World:
    return World(tmp_path, aws, request.param)


def test_a_run_announces_waits_and_hands_over(world):
    assert world.rotation().next_step() is Step.ANNOUNCE
    assert world.rotation().run() is Step.RETIRE
    new, old = world.stored()
    assert old == FIRST
    assert len(new) == 43
    assert world.callers() == [new, new]
    assert world.now >= MAX_AGE + FETCH_SECONDS


def test_retiring_leaves_the_new_token_only(world):
    world.rotation().run()
    assert world.rotation().next_step() is Step.RETIRE
    new = world.stored()[0]
    assert world.rotation().retire()
    assert world.stored() == [new]
    assert not world.rotation().retire()
    assert world.stored() == [new]


def test_running_again_before_retiring_changes_nothing(world):
    world.rotation().run()
    before, now = world.stored(), world.now
    assert world.rotation().run() is Step.RETIRE
    assert (world.stored(), world.now) == (before, now)


def test_after_retiring_a_run_starts_the_next_rotation(world):
    world.rotation().run()
    world.rotation().retire()
    second = world.stored()[0]
    assert world.rotation().run() is Step.RETIRE
    third = world.stored()[0]
    assert world.stored() == [third, second]
    assert len({FIRST, second, third}) == 3


def test_retiring_before_handing_over_is_refused(world):
    world.rotation().run(wait=False)
    before = world.stored()
    with pytest.raises(VerbError, match="the old one must stay"):
        world.rotation().retire()
    assert world.stored() == before


def test_without_waiting_each_run_takes_one_step(world):
    assert world.rotation().run(wait=False) is Step.HAND_OVER
    assert world.callers() == [FIRST, FIRST]
    world.now += MAX_AGE + FETCH_SECONDS
    assert world.rotation().run(wait=False) is Step.RETIRE
    assert world.callers() == [world.stored()[0]] * 2


def changing(moments: list[str]) -> list[int]:
    """Return the moments after which a kill leaves something that no earlier one leaves.

    All that a run leaves is in the store, the connections and the clock; so before one of these changes,
    and after a look at one, there is what the last change left. The first moment stands for no change.
    """
    changes = ("after Put", "after a file", "after the wait")
    return [0, *(number for number, each in enumerate(moments) if each.startswith(changes))]


@pytest.mark.parametrize("kind", ["ssm", "secretsmanager"])
def test_a_rotation_that_is_killed_anywhere_and_run_again_ends_well(tmp_path, aws, kind):
    undisturbed = World(fresh(tmp_path), aws, kind)
    undisturbed.rotate()
    moments = undisturbed.moments
    for each in ("before Put", "after Put", "before a file", "after a file"):
        assert sum(moment.startswith(each) for moment in moments) >= 2
    for kill_at in changing(moments):
        world = World(fresh(tmp_path), aws, kind)
        world.kill_at = kill_at
        with pytest.raises(Killed):
            world.rotate()
        assert world.moments == moments[: kill_at + 1]
        world.check()
        world.rotation().run()
        assert world.rotation().next_step() is Step.RETIRE, moments[kill_at]
        world.rotation().retire()
        ends_well(world)


def test_a_rotation_that_is_killed_twice_ends_well(tmp_path, aws):
    def killed_at(*moments: int) -> World:
        world = World(fresh(tmp_path), aws, "ssm")
        for each in moments:
            world.kill_at = each
            with pytest.raises(Killed):
                world.rotate()
            world.check()
        return world

    undisturbed = killed_at()
    undisturbed.rotate()
    for first in changing(undisturbed.moments):
        resumed = killed_at(first)
        resumed.rotate()
        again = resumed.moments[first + 1 :]
        for second in changing(again):
            world = killed_at(first, first + 1 + second)
            world.rotate()
            ends_well(world)


def fresh(directory: Path) -> Path:
    return Path(tempfile.mkdtemp(dir=directory))


def ends_well(world: World) -> None:
    (token,) = world.stored()
    assert token != FIRST
    assert world.callers() == [token, token]
    assert not any(token in each or FIRST in each for each in world.reports)


def test_the_check_itself_notices_a_caller_that_is_refused(world):
    """Handing over without a wait is what the tests above must not let pass."""
    world.rotation().run(wait=False)
    with pytest.raises(AssertionError, match="refused after"):
        world.rotation().run(wait=False)


def test_someone_elses_rotation_meanwhile_hands_nothing_over(world):
    other = f"{NEW},{FIRST}"
    rotation = Rotation(
        LAYOUT,
        world.connections,
        world.store,
        max_age=MAX_AGE,
        report=world.reports.append,
        sleep=lambda _: world.store.put(other),
    )
    with pytest.raises(VerbError, match="changed by someone else"):
        rotation.run()
    assert world.callers() == [FIRST, FIRST]
    assert world.rotation().run() is Step.RETIRE
    assert world.callers() == [NEW, NEW]


def test_a_caller_that_isnt_connected_is_an_error(world):
    world.connections.remove(LAYOUT, LAST_ENTRY)
    with pytest.raises(VerbError, match=r"hot_reader_last_entry: .*publish"):
        world.rotation().run()
    assert world.stored() == [FIRST]


def test_a_caller_that_is_refused_already_is_told_apart(tmp_path, aws):
    world = World(tmp_path, aws, "ssm")
    aws.client("ssm").put_parameter(
        Name=NAME, Value=NEW, Type="SecureString", Overwrite=True
    )  # behind everyone's back
    rotation = Rotation(
        LAYOUT,
        InterCloudConnections(world.connections.path),
        ParameterStore(aws.client("ssm"), NAME, **OWNER),
        max_age=MAX_AGE,
        report=world.reports.append,
        sleep=world.sleep,
    )
    with pytest.raises(VerbError, match="hold another token") as raised:
        rotation.run()
    assert NEW not in str(raised.value)
    assert FIRST not in str(raised.value)


def test_a_connection_of_the_old_id_keeps_the_old_token_alive(world):
    path = world.connections.path
    document = json.loads(path.read_text())
    old = old_connection_id(LAYOUT)
    document["connections"][old] = {"url": "https://api.example.com/hot-reader", "token": FIRST}
    path.write_text(json.dumps(document))
    world.rotation().run()
    with pytest.raises(VerbError, match=old):
        world.rotation().retire()
    assert FIRST in world.stored()
    document = json.loads(path.read_text())
    del document["connections"][old]
    path.write_text(json.dumps(document))
    assert world.rotation().retire()


def test_a_store_that_refuses_is_told_without_what_was_sent(world):
    sent = []

    def refuse(params: Any, model: Any, **_: Any) -> Any:
        if not model.name.startswith("Put"):
            return None
        sent.append(params["body"])
        status = type("Answer", (), {"status_code": 400})
        return status, {
            "Error": {"Code": "ValidationException", "Message": f"Value '{params['body']}'"},
            "ResponseMetadata": {"HTTPStatusCode": 400},
        }

    world.client.meta.events.register_last("before-call", refuse)
    with pytest.raises(RefusedError, match=r"ValidationException$") as raised:
        world.rotation().run()
    assert sent
    assert raised.value.__context__ is None
    assert FIRST not in str(raised.value)


# --- the command ------------------------------------------------------------------------------


class Project(Command):
    """The example twin with its stages, a token and connections, and the command run on it."""

    verb = "rotate-token"

    def __init__(self, directory: Path, aws: LocalAws) -> None:
        super().__init__(directory, aws.environment)
        self.aws = aws
        copy_project(directory, "config", ".chalice")
        self.providers("aws", "azure")
        self.write_variables(INTER_CLOUD_TOKEN_MAX_AGE_SECONDS=str(MAX_AGE))
        self.store = ParameterStore(aws.client("ssm"), NAME, **OWNER)
        self.store.put(FIRST)
        for read in READS:
            self.connections.put(LAYOUT, read, url="https://api.example.com/x", token=FIRST)

    def state(self) -> tuple[str | None, list[str]]:
        return self.store.get(), [each.token for each in self.connections.load().values()]


@pytest.fixture
def project(tmp_path: Path, aws: LocalAws) -> Project:
    return Project(tmp_path, aws)


@pytest.fixture
def slept(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The seconds that the command would have waited."""
    waits: list[float] = []
    quick = functools.partial(Rotation, sleep=waits.append)
    monkeypatch.setattr("deploy_scripts.commands.rotate_token.Rotation", quick)
    return waits


def test_the_command_rotates_and_retires_and_shows_no_token(project, slept, caplog):
    with caplog.at_level(logging.DEBUG):
        shown = project.ok()
        assert slept == [MAX_AGE + FETCH_SECONDS]
        assert "--retire" in shown
        shown += project.ok("--retire")
        value, held = project.state()
        assert value != FIRST
        assert held == [value, value]
        shown += project.ok("--retire")
    assert "no old token" in shown
    for token in (FIRST, value):
        assert spelled(token, shown) == []
        assert spelled(token, caplog.text) == []


def test_a_stages_own_max_age_is_what_is_waited_for(project, slept):
    project.write_variables(INTER_CLOUD_TOKEN_MAX_AGE_SECONDS="300")
    project.ok()
    assert slept == [300 + FETCH_SECONDS]


def test_a_max_age_of_the_endpoints_function_alone_is_what_is_waited_for(project, slept):
    path = project.directory / ".chalice" / "config.json"
    document = json.loads(path.read_text())
    handler = document["stages"]["multicloud"]["lambda_functions"]["api_handler"]
    handler["environment_variables"] = {"INTER_CLOUD_TOKEN_MAX_AGE_SECONDS": "200"}
    path.write_text(json.dumps(document))
    project.ok()
    assert slept == [200 + FETCH_SECONDS]


def test_a_parameter_named_by_its_arn_is_written_under_its_name(project, aws, slept):
    arn = aws.client("ssm").get_parameter(Name=NAME)["Parameter"]["ARN"]
    project.write_variables(INTER_CLOUD_TOKEN=f"ssm:{arn}")
    assert f"ssm:{NAME} holds a new token" in project.ok()
    project.ok("--retire")
    value, held = project.state()
    assert value != FIRST
    assert held == [value, value]


def test_no_wait_takes_a_step_and_says_when_to_go_on(project, slept):
    assert f"in {MAX_AGE + FETCH_SECONDS} s or later" in project.ok("--no-wait")
    assert project.state()[1] == [FIRST, FIRST]
    project.ok("--no-wait")
    assert project.state()[1] != [FIRST, FIRST]
    assert slept == []


def test_a_dry_run_says_which_step_is_next_and_takes_none(project, slept):
    told = []
    for options in ([], ["--no-wait"], ["--no-wait"], ["--retire"]):
        if options:
            project.ok(*options)
        before = project.state()
        told.append(project.ok("--dry-run"))
        assert project.state() == before
    expected = (Step.ANNOUNCE, Step.HAND_OVER, Step.RETIRE, Step.ANNOUNCE)
    assert told == [f"Next: {step.value}.\n" for step in expected]
    assert "--retire" in told[2]


@pytest.mark.parametrize("layout", [("aws", "aws"), ("azure", "aws"), ("gcp", "azure")])
def test_a_layout_without_endpoints_on_aws_is_refused(project, layout):
    project.providers(*layout)
    assert project.run().exit_code == 2


def test_a_stage_that_isnt_there_is_refused(project):
    done = project.run(stage="another")
    assert done.exit_code == 2
    assert "run configure" in done.output


def test_retiring_too_early_is_refused(project):
    project.ok("--no-wait")
    done = project.run("--retire")
    assert done.exit_code == 2
    assert "must stay" in done.output


@pytest.mark.parametrize("options", [("--dry-run",), (), ("--retire",)])
@pytest.mark.parametrize("tags", [{}, MADE | {"stage": "other"}, MADE | {"digital-twin": "other"}])
def test_a_token_that_wasnt_made_for_the_stage_is_never_rotated(project, aws, tags, options):
    name = "/somebody/elses"
    listed = [{"Key": key, "Value": value} for key, value in tags.items()]
    ssm = aws.client("ssm")
    ssm.put_parameter(Name=name, Value=FIRST, Type="SecureString", Tags=listed)
    project.write_variables(INTER_CLOUD_TOKEN=f"ssm:{name}")
    done = project.run(*options)
    kept = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]["Value"]
    ssm.delete_parameter(Name=name)
    assert done.exit_code == 2
    assert "wasn't made for the stage multicloud of the twin factory-twin" in done.output
    assert kept == FIRST


def test_a_token_that_was_made_before_its_tags_named_the_twin_is_rotated(project, aws, slept):
    aws.client("ssm").remove_tags_from_resource(
        ResourceType="Parameter", ResourceId=NAME, TagKeys=["digital-twin"]
    )
    assert "holds a new token" in project.ok()


def test_aws_that_refuses_is_exit_code_1(project, monkeypatch):
    monkeypatch.setattr(boto3, "client", lambda *_, **__: boto3.Session().client("ssm"))
    monkeypatch.setattr(ParameterStore, "put", _denied)
    done = project.run()
    assert done.exit_code == 1
    assert "AccessDeniedException" in done.output
    assert project.state() == (FIRST, [FIRST, FIRST])


def _denied(*_: Any) -> None:
    from botocore.exceptions import ClientError

    raise ClientError({"Error": {"Code": "AccessDeniedException"}}, "PutParameter")
