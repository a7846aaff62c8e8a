"""The tests of every cloud's package, settings and script.

A cloud's test module imports all of this, and has a fixture `case`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import stat
import subprocess
import sys
import textwrap
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest
from click.testing import CliRunner

from chalicelib.model.data_value import DataType
from chalicelib.model.query import DeclaredDevice
from chalicelib.model.timestamps import EpochMillisecondsFormat
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.token_reference import TokenReference
from chalicelib.tokens.inter_cloud_token import InterCloudToken
from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from deploy_scripts.commands.publish import publish
from deploy_scripts.package.contents import contents
from deploy_scripts.project_files.inter_cloud import InterCloudConnections
from deploy_scripts.providers import PACKAGED
from tests.deploy.conftest import TwinDirectory
from tests.spellings import spelled

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from click.testing import Result


@dataclass(frozen=True)
class Case:
    """A cloud, as the tests know it.

    `storage` is the section of `config_storage.json` that its `settings` come from. `answers` are the
    stub's, each to a call that has a word; `{2}` in one is the call's third word.
    `shows` and `makes` begin the calls that look for the token's secret and make it, and `file_flag`
    names the file with it. `in_flags` are options, or keys of the storage, the commands that get their
    values, and where: a flag, or a word's position.
    """

    cloud: str
    storage: Mapping[str, str]
    settings: tuple[str, ...]
    read_settings: Callable[[str], dict[str, str]]
    places: Mapping[str, str]
    command: str
    answers: Mapping[str, str]
    shows: tuple[str, ...]
    makes: tuple[str, ...]
    file_flag: str
    urls: tuple[str, str]
    in_flags: tuple[tuple[str, tuple[str, ...], str], ...]


class Command:
    """The command for a twin, in a directory of its own."""

    def __init__(self, case: Case, twin: TwinDirectory) -> None:
        self.case = case
        self.twin = twin
        suffix = PACKAGED[case.cloud].settings_suffix
        self.zip = Path("dist") / f"hot-reader-{case.cloud}.zip"
        self.settings_file = Path("dist") / f"hot-reader-{case.cloud}-settings{suffix}"
        twin.providers(case.cloud, "aws")
        self.storage()

    def storage(self, **keys: object) -> None:
        """Write the hot storage's section, with keys besides the case's."""
        section = {**self.case.storage, **keys}
        self.twin.write("config_storage.json", {self.case.cloud: section})

    def run(self, *options: str) -> Result:
        given = ["package", "--cloud", self.case.cloud, "--config", str(self.twin.path), *options]
        return CliRunner().invoke(cli, given)

    def ok(self, *options: str) -> Result:
        done = self.run(*options)
        assert done.exit_code == 0, done.output
        return done

    def refused(self, *options: str) -> str:
        done = self.run(*options)
        assert done.exit_code == 2, done.output
        assert not done.stdout
        assert not Path("dist").exists()
        return str(done.stderr)

    def settings(self) -> dict[str, str]:
        """The settings, read as the cloud's command line reads them."""
        return self.case.read_settings(self.settings_file.read_text())

    def script(self, *options: str) -> str:
        places = [word for pair in self.case.places.items() for word in pair]
        return str(self.ok(*places, *options).stdout)


OLD: Final = f"{'b' * 43},{'a' * 43}"
"""The secret in the store: two tokens, as if a change had been cut off."""
STUB: Final = """#!{python} -IS
import json, pathlib, sys
name, words, files = pathlib.Path(sys.argv[0]).name, sys.argv[1:], {{}}
for value in (word.rpartition("=")[2].lstrip("@") for word in words):
    if pathlib.Path(value).is_file():
        files[value] = pathlib.Path(value).read_text(errors="replace")
log = pathlib.Path({log!r})
known = [json.loads(line)[1] for line in log.read_text().splitlines()] if log.exists() else []
with log.open("a") as file:
    file.write(json.dumps([name, words, files]) + "\\n")
if words[:{shows_count}] == {shows!r}:
    sys.exit(not any(each[:{makes_count}] == {makes!r} for each in known))
if "download" in words:
    pathlib.Path(words[words.index("--file") + 1]).write_text({old!r})
answers = {{"access": {old!r}, **{answers!r}}}
print(*(answer.format(*words) for asked, answer in answers.items() if asked in words))
"""
"""Notes how it was called and what was in the files that it was given; answers what was queried."""


class Shell:
    """A shell in which the cloud's command line only notes what it is asked; Python is the real one."""

    def __init__(self, case: Case, directory: Path) -> None:
        self.case = case
        self.log = directory / "calls.jsonl"
        self.bin = directory / "bin"
        self.bin.mkdir()
        stub = self.bin / case.command
        stub.write_text(
            STUB.format(
                python=sys.executable,
                log=str(self.log),
                old=OLD,
                answers=dict(case.answers),
                shows=[*case.shows],
                shows_count=len(case.shows),
                makes=[*case.makes],
                makes_count=len(case.makes),
            )
        )
        stub.chmod(0o755)
        (self.bin / "python").symlink_to(sys.executable)

    def run(self, script: str, names: Mapping[str, str] = {}) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            ["/bin/sh", "-eu", "-c", script],
            env={
                **names,
                "PATH": f"{self.bin}:/usr/bin:/bin",
                # The venv's Python finds its packages by the place of its own link.
                "PYTHONPATH": os.pathsep.join([str(PROJECT), *filter(None, sys.path)]),
            },
            capture_output=True,
            text=True,
            check=False,
        )

    def calls(self) -> list[tuple[str, list[str], dict[str, str]]]:
        return [tuple(json.loads(line)) for line in self.log.read_text().splitlines()]

    def words(self, *start: str) -> list[list[str]]:
        """Return the calls that start with some words."""
        return [words for _, words, _ in self.calls() if tuple(words[: len(start)]) == start]

    def stored(self) -> list[str]:
        """Return what was put into the secret store, each time."""
        makes, flag = self.case.makes, self.case.file_flag
        return [
            files[flags(words)[flag]].strip()
            for _, words, files in self.calls()
            if tuple(words[: len(makes)]) == makes
        ]


class Published:
    """All commands, run from the first to the last, once for all tests that only look."""

    def __init__(self, case: Case, directory: Path) -> None:
        (directory / "twin").mkdir()
        self.command = Command(case, TwinDirectory(directory / "twin"))
        self.directory = directory
        self.shell = Shell(case, directory)
        before = Path.cwd()
        os.chdir(directory)
        try:
            self.done = self.shell.run(self.command.script())
        finally:
            os.chdir(before)
        assert self.done.returncode == 0, self.done.stderr
        self.calls = self.shell.calls()
        config = directory / "twin" / "config_inter_cloud.json"
        self.connections = InterCloudConnections(config).load()


def flags(words: list[str]) -> dict[str, str]:
    """Return options and values, of either spelling."""
    found = {}
    for position, word in enumerate(words):
        if word.startswith("--"):
            option, separator, value = word.partition("=")
            following = words[position + 1] if position + 1 < len(words) else ""
            found[option] = value if separator else following
    return found


def without_publish(script: str) -> str:
    """Leave out the last command, which takes a second: what it does is tested once."""
    kept, found, _ = script.partition("python -m deploy_scripts publish")
    assert found
    return kept


@pytest.fixture
def command(case: Case, twin: TwinDirectory, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(twin.path.parent)
    return Command(case, twin)


@pytest.fixture
def shell(case: Case, tmp_path: Path) -> Shell:
    directory = tmp_path / "shell"
    directory.mkdir()
    return Shell(case, directory)


@pytest.fixture(scope="module")
def published(case: Case, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(case, tmp_path_factory.mktemp(case.cloud))


# --- the zip and the settings -----------------------------------------------------------------


def test_the_zip_holds_what_belongs_into_it(command, case):
    command.ok()
    with zipfile.ZipFile(command.zip) as written:
        found = {name: written.read(name) for name in written.namelist()}
        sources = {name: found[name] for name in found if not name.endswith(".pyc")}
        assert sources == contents(PROJECT, PACKAGED[case.cloud])
        assert (sources != found) == PACKAGED[case.cloud].keeps_bytecode
        assert written.testzip() is None


def test_a_second_run_changes_nothing(command):
    first = command.ok()
    written = {path: path.stat().st_mtime_ns for path in Path("dist").iterdir()}
    second = command.ok()
    assert [line.partition(":")[0] for line in first.stderr.splitlines()] == ["changed"] * 2
    assert [line.partition(":")[0] for line in second.stderr.splitlines()] == ["unchanged"] * 2
    assert {path: path.stat().st_mtime_ns for path in Path("dist").iterdir()} == written
    assert second.stdout == first.stdout


def test_only_the_two_files_are_written_and_others_may_read_them(command):
    before = os.umask(0o077)
    try:
        command.ok()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in Path("dist").iterdir()}
    assert modes == {command.zip.name: 0o644, command.settings_file.name: 0o644}


def test_a_dry_run_lists_what_would_be_written_and_writes_nothing(command, case):
    shown = command.ok("--dry-run")
    assert not Path("dist").exists()
    for name in contents(PROJECT, PACKAGED[case.cloud]):
        assert re.search(rf"^  {re.escape(name)} \([\d,]+ bytes\)$", shown.stderr, re.MULTILINE)
    assert str(command.settings_file) in shown.stderr
    assert "DIGITAL_TWIN_INFO" in shown.stderr
    assert shown.stdout == command.ok().stdout


def test_a_write_that_fails_leaves_the_old_file(command, monkeypatch):
    command.ok()
    before = command.zip.read_bytes()
    command.zip.write_bytes(before + b"old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "replace", full)
    failed = command.run()
    assert failed.exit_code == 2
    assert "can't be written: No space left on device" in failed.stderr
    assert command.zip.read_bytes() == before + b"old"
    assert len(list(Path("dist").iterdir())) == 2


def test_the_settings_are_those_that_the_function_loads(command, case):
    command.ok()
    loaded = HotReaderSettings.load(command.settings())
    assert loaded.twin.name == "factory-twin"
    assert loaded.twin.layout.layer_3_hot == case.cloud
    assert loaded.twin.devices == {
        "pump-1": DeclaredDevice(
            types={
                "pressure": DataType("DOUBLE"),
                "running": DataType("BOOLEAN"),
                "maxPressure": DataType("DOUBLE"),
            },
            sources={"running": "Pump.Running"},
            constants={"maxPressure": 16.0},
        ),
        "meter-1": DeclaredDevice(types={"power": DataType("DOUBLE")}),
    }


def test_only_what_differs_from_a_default_is_written(command, case):
    command.ok()
    assert set(command.settings()) == {"DIGITAL_TWIN_INFO", *case.settings}


def test_the_storage_file_says_how_entries_are_laid_out(command):
    command.storage(
        device_id_attribute="deviceId",
        timestamp_attribute="ts",
        timestamp_format="epoch_milliseconds",
    )
    command.ok("--requests-per-second", "50", "--log-level", "WARNING")
    loaded = HotReaderSettings.load(command.settings())
    assert (loaded.device_id_attribute, loaded.timestamp_attribute) == ("deviceId", "ts")
    assert isinstance(loaded.timestamp_format, EpochMillisecondsFormat)
    assert command.settings()["REQUESTS_PER_SECOND"] == "50"
    assert command.settings()["POWERTOOLS_LOG_LEVEL"] == "WARNING"


def test_offsets_may_be_mixed(command):
    command.storage(mixed_offsets=True)
    command.ok()
    with_offset = "2026-01-30T17:00:00+02:00"
    assert HotReaderSettings.load(command.settings()).timestamp_format.read(with_offset)
    command.storage()
    command.ok()
    with pytest.raises(ValueError, match="MIXED_OFFSETS"):
        HotReaderSettings.load(command.settings()).timestamp_format.read(with_offset)


def test_devices_that_have_no_room_in_the_settings_are_in_the_package(command, twin, monkeypatch):
    device = {"id": "d", "properties": [{"name": "p" * 200, "dataType": "STRING"}]}
    twin.write("config_iot_devices.json", [{**device, "id": f"d{n}"} for n in range(300)])
    command.ok()
    code = Path("code")
    with zipfile.ZipFile(command.zip) as packaged:
        packaged.extractall(code)
    place = "chalicelib.settings.digital_twin_info.DEVICES_DIRECTORY"
    monkeypatch.setattr(place, code / "chalicelib")
    devices = DigitalTwinInfo.load(command.settings()).devices
    types = {"p" * 200: DataType("STRING")}
    assert {name: each.types for name, each in devices.items()} == {
        f"d{n}": types for n in range(300)
    }


def test_text_that_needs_quoting_survives(command, twin):
    twin.write(
        "config_iot_devices.json",
        [
            {
                "id": "a:b",
                "properties": [{"name": "p", "dataType": "STRING", "unitOfMeasure": "°\"'"}],
            }
        ],
    )
    command.storage(device_id_attribute="gerät: \"x\" 'y' # z\\n")
    command.ok()
    assert command.settings()["DEVICE_ID_ATTRIBUTE"] == "gerät: \"x\" 'y' # z\\n"


@pytest.mark.parametrize(
    ("layer_3_hot", "instead"), [("aws", "Run deploy"), ("other", "Run package --cloud")]
)
def test_a_twin_whose_hot_storage_is_elsewhere_is_refused(command, case, layer_3_hot, instead):
    other = next(name for name in PACKAGED if name != case.cloud)
    other = other if layer_3_hot == "other" else layer_3_hot
    command.twin.providers(other, "azure" if other == "aws" else "aws")
    refusal = command.refused()
    assert f"Hot storage on {other} and twin on" in refusal
    assert f"change layer_3_hot_provider in config_providers.json to {case.cloud}" in refusal
    assert instead in refusal


def test_a_twin_on_the_same_cloud_is_refused(command, case):
    command.twin.providers(case.cloud, case.cloud)
    assert "no other cloud asks for telemetry" in command.refused()


def test_mistakes_in_the_configuration_are_told(command):
    command.twin.write("config.json", {})
    assert "digital_twin_name" in command.refused()


def test_an_unknown_timestamp_format_is_told_at_packaging(command):
    command.storage(timestamp_format="unix")
    assert f'{command.case.cloud}.timestamp_format: found "unix"' in command.refused()


def test_a_malformed_limit_is_told_at_packaging(command):
    refusal = command.refused("--requests-per-second", "many")
    assert "REQUESTS_PER_SECOND is 'many'" in refusal


def test_an_option_of_another_cloud_is_refused(command, case):
    own = PACKAGED[case.cloud].options
    foreign = [
        (flag, other)
        for other, functions in PACKAGED.items()
        for flag in functions.options
        if flag not in own
    ]
    assert foreign
    for flag, other in foreign:
        assert f"{flag} belongs to --cloud {other}" in command.refused(flag, "x")


# --- the script -------------------------------------------------------------------------------


def test_the_last_command_saves_where_the_hot_readers_are(published, case):
    assert {each.url for each in published.connections.values()} == {*case.urls}


def test_the_token_goes_from_its_file_into_the_secret_store_and_is_no_argument(published):
    (token,) = {each.token for each in published.connections.values()}
    assert len(token) >= 43
    assert published.shell.stored() == [token]
    assert not [words for _, words, _ in published.calls if spelled(token, *words)]
    assert spelled(token, published.done.stdout, published.done.stderr) == []


def test_the_token_is_in_no_file_but_that_of_the_connections(published):
    (token,) = {each.token for each in published.connections.values()}
    files = [each for each in published.directory.rglob("*") if each.is_file()]
    assert any(zipfile.is_zipfile(each) for each in files)
    found = {each.name for each in files if spelled(token, *contents_of(each))}
    assert found == {
        "config_inter_cloud.json",
        published.shell.log.name,
    }  # the second is the test's


def contents_of(file: Path) -> list[bytes]:
    if not zipfile.is_zipfile(file):
        return [file.read_bytes()]
    with zipfile.ZipFile(file) as packed:
        return [packed.read(name) for name in packed.namelist()]


def test_the_tokens_file_is_gone_in_the_end(published):
    assert not list(published.directory.rglob("inter-cloud-token*"))


def test_nobody_else_can_read_the_tokens_file(command, shell):
    script = command.script().replace("deploy_scripts publish", "deploy_scripts no-such-verb")
    before = os.umask(0)
    try:
        shell.run(script)
    finally:
        os.umask(before)
    (path,) = Path("dist").glob("inter-cloud-token*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_second_run_of_all_commands_keeps_the_token(command, shell):
    connections = InterCloudConnections(command.twin.path / "config_inter_cloud.json")
    script = command.script()
    assert shell.run(script).returncode == 0
    first = connections.load()
    again = shell.run(script)
    assert again.returncode != 0
    assert "inter-cloud-token" in again.stderr  # its file is gone
    assert connections.load() == first
    assert len(shell.stored()) == 1


def test_a_run_that_was_cut_off_before_publish_is_run_again(command, shell):
    script = command.script()
    cut_off = script.replace("deploy_scripts publish", "deploy_scripts no-such-verb")
    assert shell.run(cut_off).returncode != 0
    assert shell.run(script).returncode == 0
    connections = InterCloudConnections(command.twin.path / "config_inter_cloud.json").load()
    assert {each.token for each in connections.values()} == set(shell.stored())


def test_the_script_in_functions_does_the_same_with_names_from_the_environment(
    command, case, shell
):
    command.storage(database="d")
    printed = command.script()
    assert shell.run(without_publish(printed)).returncode == 0
    expected = shell.calls()
    shell.log.unlink()
    names = dict(re.findall(r"^([A-Z_]+)=([^\"$\n]+)$", printed, re.MULTILINE))
    script = (PROJECT / PACKAGED[case.cloud].directory / "publish.sh").read_text()
    assert shell.run(without_publish(script), names).returncode == 0
    assert [words for _, words, _ in shell.calls()] == [words for _, words, _ in expected]


def test_every_name_that_the_commands_use_is_assigned_first(command):
    script = command.script()
    assigned = set(re.findall(r"^([A-Z_]+)=", script, re.MULTILINE))
    assert set(re.findall(r"\$\{?([A-Z_]+)", script)) <= assigned


def test_each_place_comes_from_its_option(command, case):
    script = command.script()
    for value in case.places.values():
        assert re.search(rf"^[A-Z_]+={re.escape(value)}$", script, re.MULTILINE)
    assert "Fill in" not in script


def test_a_place_that_no_option_says_has_to_be_filled_in(command, shell):
    script = command.ok().stdout
    first_empty = re.search(r"^([A-Z_]+)=$", script, re.MULTILINE)
    assert first_empty
    done = shell.run(script)
    assert done.returncode != 0
    assert f"{first_empty[1]}: fill it in" in done.stderr
    assert not shell.log.exists()


def test_every_option_ends_up_where_it_belongs(command, case, shell):
    given = {name: f"{name.strip('-')}1" for name, _, _ in case.in_flags}
    command.storage(**{name: value for name, value in given.items() if name[0] != "-"})
    options = [word for pair in given.items() if pair[0][0] == "-" for word in pair]
    script = command.script(*options)
    assert shell.run(without_publish(script)).returncode == 0
    for name, start, flag in case.in_flags:
        found = [words for _, words, _ in shell.calls() if tuple(words[: len(start)]) == start]
        assert found
        values = {words[int(flag)] if flag.isdigit() else flags(words)[flag] for words in found}
        assert values <= {given[name], f"{given[name]}-last-entry"}, (name, start, flag)


def test_names_with_blanks_and_quotes_stay_one_word(command, shell):
    name = 'it\'s $HOME; `id` "x"'
    assert shell.run(without_publish(command.script("--region", name))).returncode == 0
    words = [word for _, words, _ in shell.calls() for word in words]
    assert name in words or f"--region={name}" in words


def test_the_last_command_is_one_that_publish_takes(command, case):
    lines = command.script().replace("\\\n", " ").splitlines()
    (line,) = [line for line in lines if line.startswith("python -m deploy_scripts publish ")]
    words = shlex.split(line.partition("&&")[0])[4:]
    words[words.index("--config") + 1] = str(command.twin.path)
    parsed = publish.make_context("publish", words).params
    assert parsed["cloud"] == case.cloud
    assert str(parsed["token_file"]) == "$TOKEN_FILE"


def test_the_pages_commands_let_the_readers_accept_the_new_token_and_the_current_one(
    case, shell, tmp_path, monkeypatch
):
    page = (PROJECT / "docs" / "layouts" / f"{case.cloud}-aws.md").read_text()
    section = page.partition("\n## Change the token\n")[2]
    first = textwrap.dedent(section.partition("```console\n")[2].partition("```")[0])
    names = "; ".join(f"{flag[2:].replace('-', '_').upper()}=a" for flag in case.places)
    (tmp_path / "dist").mkdir()
    monkeypatch.chdir(tmp_path)
    done = shell.run(f"{names}\n{first}")
    assert done.returncode == 0, done.stderr
    (both,) = [
        text
        for _, _, files in shell.calls()
        for path, text in files.items()
        if path.endswith("-both")
    ]
    new = Path("dist/inter-cloud-token-new").read_text().strip()
    source = InterCloudToken(TokenReference.parse("INTER_CLOUD_TOKEN", both, max_age=1))
    assert source.current() == new
    assert source.accepts("b" * 43)
    files = list(Path("dist").iterdir())
    assert {stat.S_IMODE(path.stat().st_mode) & 0o077 for path in files} == {0}
    arguments = " ".join(word for _, words, _ in shell.calls() for word in words)
    assert not [token for token in (new, "b" * 43) if token in arguments]
