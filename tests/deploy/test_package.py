"""`package`: from the twin's configuration to a zip, its settings, and commands that publish them."""

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
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import yaml
from click.testing import CliRunner

from chalicelib.model.timestamps import EpochMillisecondsFormat
from chalicelib.settings.cosmos import CosmosSettings
from chalicelib.settings.digital_twin_info import DigitalTwinInfo
from chalicelib.settings.firestore import FirestoreSettings
from chalicelib.settings.hot_reader import HotReaderSettings
from chalicelib.settings.token_reference import TokenReference
from chalicelib.tokens.inter_cloud_token import InterCloudToken
from deploy_scripts import PROJECT
from deploy_scripts.commands.package import package
from deploy_scripts.commands.publish import publish
from deploy_scripts.package import PackageError
from deploy_scripts.package.contents import contents, zipped
from deploy_scripts.project_files.inter_cloud import InterCloudConnections
from deploy_scripts.providers import PACKAGED

from .conftest import TwinDirectory

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from click.testing import Result

ENDPOINT: Final = "https://factory.documents.azure.com"
REQUIRED: Final = {"azure": ("--cosmos-endpoint", ENDPOINT), "gcp": ()}
PLACES: Final = {
    "azure": {
        "--app": "my-app",
        "--region": "westeurope",
        "--resource-group": "my-group",
        "--storage-account": "mystorage",
        "--key-vault": "my-vault",
    },
    "gcp": {"--project": "my-project", "--region": "europe-west1", "--app": "my-reader"},
}
each_cloud = pytest.mark.parametrize("cloud", sorted(PACKAGED))


# --- what is packaged -------------------------------------------------------------------------


class SmallProject:
    """A project whose entry point on Google Cloud imports what a test says."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("__init__", "cosmos", "dynamodb", "firestore", "query", "settings"):
            self.write(f"chalicelib/{name}.py", "")
        self.write("functions/gcp/requirements.txt", "orjson\n")
        self.write("functions/gcp/main.py", "")

    def write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def packaged(self) -> list[str]:
        """The names in the zip, without those that are always there."""
        always = {"main.py", "requirements.txt", "chalicelib/__init__.py"}
        return [name for name in contents(self.directory, PACKAGED["gcp"]) if name not in always]


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path / "small")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("import chalicelib.query", ["chalicelib/query.py"]),
        ("import os, chalicelib.query as q", ["chalicelib/query.py"]),
        ("from chalicelib import firestore, query", ["chalicelib/firestore.py", "chalicelib/query.py"]),
        ("from chalicelib.query import a, b", ["chalicelib/query.py"]),
        ("def later():\n    from chalicelib import query", ["chalicelib/query.py"]),
        ("class A:\n  def f(self):\n    import chalicelib.query", ["chalicelib/query.py"]),
        ("if TYPE_CHECKING:\n    from chalicelib import query", []),
        ("import typing\nif typing.TYPE_CHECKING:\n    import chalicelib.query", []),
        (
            "if TYPE_CHECKING:\n    import chalicelib.query\nelse:\n    import chalicelib.settings",
            ["chalicelib/settings.py"],
        ),
        ("if a:\n    import chalicelib.query", ["chalicelib/query.py"]),
        ("import azure.functions\nfrom google.cloud import firestore", []),
        ("text = 'import chalicelib.query'  # import chalicelib.query", []),
        ("from chalicelib.missing import x", []),
    ],
)  # fmt: skip
def test_a_module_is_packaged_if_the_entry_point_imports_it(small, entry, expected):
    small.write("functions/gcp/main.py", entry)
    assert small.packaged() == expected


def test_what_an_imported_module_imports_is_packaged_too(small):
    small.write("functions/gcp/main.py", "from chalicelib import firestore")
    small.write("chalicelib/firestore.py", "def f():\n    from . import query")
    small.write(
        "chalicelib/query.py", "from .settings import Settings\nimport chalicelib.firestore"
    )
    assert small.packaged() == [f"chalicelib/{n}.py" for n in ("firestore", "query", "settings")]


def test_a_package_within_is_packaged_with_its_own_init(small):
    small.write("functions/gcp/main.py", "import chalicelib.deep.er")
    small.write("chalicelib/deep/__init__.py", "from .. import settings")
    small.write("chalicelib/deep/er.py", "from .sibling import x\nfrom ..query import y")
    small.write("chalicelib/deep/sibling.py", "")
    assert small.packaged() == [
        "chalicelib/deep/__init__.py",
        "chalicelib/deep/er.py",
        "chalicelib/deep/sibling.py",
        "chalicelib/query.py",
        "chalicelib/settings.py",
    ]


def test_a_module_beside_the_entry_point_is_packaged_if_it_is_imported(small):
    small.write("functions/gcp/main.py", "import helper")
    small.write("functions/gcp/helper.py", "import chalicelib.query")
    small.write("functions/gcp/other.py", "import chalicelib.settings")
    assert small.packaged() == ["chalicelib/query.py", "helper.py"]


@pytest.mark.parametrize(
    "name",
    [
        "functions/gcp/local.settings.json",
        "functions/gcp/.env",
        "functions/gcp/inter-cloud-token-gcp",
        "functions/gcp/key.json",
        "functions/gcp/test_main.py",
        "functions/gcp/tests/test_main.py",
        "functions/gcp/__pycache__/main.cpython-311.pyc",
        "chalicelib/__pycache__/query.cpython-311.pyc",
        "chalicelib/.env",
        "config/config_inter_cloud.json",
        "config_inter_cloud.json",
    ],
)
def test_what_nobody_imports_stays_at_home(small, name):
    small.write("functions/gcp/main.py", "import chalicelib.query")
    small.write(name, "secret")
    assert small.packaged() == ["chalicelib/query.py"]


@pytest.mark.parametrize("name", ["main.py", "requirements.txt"])
def test_a_missing_file_is_named(small, name):
    (small.directory / "functions" / "gcp" / name).unlink()
    with pytest.raises(PackageError, match=f"{name} can't be read.* Restore it"):
        small.packaged()


def test_a_module_that_is_not_python_is_named(small):
    small.write("functions/gcp/main.py", "import chalicelib.query")
    small.write("chalicelib/query.py", "def (")
    with pytest.raises(PackageError, match=r"query\.py isn't Python"):
        small.packaged()


OTHERS: Final = {
    "azure": ("firestore",),
    "gcp": ("cosmos",),
}


@each_cloud
def test_a_package_has_its_own_store_and_nothing_of_the_other_clouds(cloud):
    names = set(contents(PROJECT, PACKAGED[cloud]))
    (own,) = {"cosmos", "firestore"} - set(OTHERS[cloud])
    assert {
        f"chalicelib/stores/{own}.py",
        "chalicelib/http/endpoint.py",
        "requirements.txt",
    } <= names
    foreign = [f"chalicelib/stores/{name}.py" for name in (*OTHERS[cloud], "dynamodb")]
    foreign += [
        "chalicelib/observability/powertools.py",
        "chalicelib/aws/",
        "chalicelib/data_connector/",
    ]
    assert not [name for name in names if name.startswith(tuple(foreign))]


# --- the command ------------------------------------------------------------------------------


class Command:
    """The command for a twin, in a directory of its own."""

    def __init__(self, cloud: str, twin: TwinDirectory) -> None:
        self.cloud = cloud
        self.twin = twin
        self.zip = Path("dist") / f"hot-reader-{cloud}.zip"
        self.settings_file = Path("dist") / (
            f"hot-reader-{cloud}-settings.{'json' if cloud == 'azure' else 'yaml'}"
        )
        twin.providers(cloud, "aws")

    def run(self, *options: str, required: bool = True) -> Result:
        given = ["--cloud", self.cloud, "--config", str(self.twin.path), *options]
        return CliRunner().invoke(package, [*given, *(REQUIRED[self.cloud] if required else ())])

    def ok(self, *options: str) -> Result:
        done = self.run(*options)
        assert done.exit_code == 0, done.output
        return done

    def refused(self, *options: str, required: bool = True) -> str:
        done = self.run(*options, required=required)
        assert done.exit_code == 2, done.output
        assert not done.stdout
        assert not Path("dist").exists()
        return str(done.stderr)

    def settings(self) -> dict[str, str]:
        """The settings, read as az and gcloud read them."""
        text = self.settings_file.read_text()
        if self.cloud == "gcp":
            loaded: dict[str, str] = yaml.safe_load(text)
            return loaded
        listed: list[dict[str, Any]] = json.loads(text)
        assert all(set(each) == {"name", "value", "slotSetting"} for each in listed)
        return {each["name"]: each["value"] for each in listed}

    def script(self, *options: str) -> str:
        places = [word for pair in PLACES[self.cloud].items() for word in pair]
        return str(self.ok(*places, *options).stdout)


@pytest.fixture
def command(cloud: str, twin: TwinDirectory, monkeypatch: pytest.MonkeyPatch) -> Command:
    monkeypatch.chdir(twin.path.parent)
    return Command(cloud, twin)


@each_cloud
def test_the_zip_holds_what_belongs_into_it(command, cloud):
    command.ok()
    with zipfile.ZipFile(command.zip) as written:
        assert {name: written.read(name) for name in written.namelist()} == contents(
            PROJECT, PACKAGED[cloud]
        )
        assert written.testzip() is None


@each_cloud
def test_a_second_run_changes_nothing(command):
    first = command.ok()
    written = {path: path.stat().st_mtime_ns for path in Path("dist").iterdir()}
    second = command.ok()
    assert [line.partition(":")[0] for line in first.stderr.splitlines()] == ["changed"] * 2
    assert [line.partition(":")[0] for line in second.stderr.splitlines()] == ["unchanged"] * 2
    assert {path: path.stat().st_mtime_ns for path in Path("dist").iterdir()} == written
    assert second.stdout == first.stdout


@each_cloud
def test_only_the_two_files_are_written_and_others_may_read_them(command):
    before = os.umask(0o077)
    try:
        command.ok()
    finally:
        os.umask(before)
    modes = {path.name: stat.S_IMODE(path.stat().st_mode) for path in Path("dist").iterdir()}
    assert modes == {command.zip.name: 0o644, command.settings_file.name: 0o644}


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o007)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_the_bytes_depend_on_neither_modes_times_order_nor_directory(small, tmp_path, monkeypatch):
    small.write("functions/gcp/main.py", "import chalicelib.query")
    first = zipped(contents(small.directory, PACKAGED["gcp"]))
    copy = SmallProject(tmp_path / "elsewhere")
    copy.write("functions/gcp/main.py", "import chalicelib.query")
    for number, path in enumerate(sorted(copy.directory.rglob("*.py"))):
        os.utime(path, (number, number))  # long before the first instant of a zip
        path.chmod(0o700)
    monkeypatch.chdir(copy.directory)
    found = contents(Path(), PACKAGED["gcp"])
    assert zipped(found) == first
    assert zipped(dict(reversed(found.items()))) == first


def test_other_code_is_another_zip(small):
    first = zipped(contents(small.directory, PACKAGED["gcp"]))
    small.write("functions/gcp/main.py", "pass")
    assert zipped(contents(small.directory, PACKAGED["gcp"])) != first


def test_every_file_in_a_zip_is_a_plain_one_of_a_fixed_time_that_all_may_read(small, tmp_path):
    path = tmp_path / "it.zip"
    path.write_bytes(zipped(contents(small.directory, PACKAGED["gcp"])))
    with zipfile.ZipFile(path) as written:
        entries = written.infolist()
    assert {entry.external_attr >> 16 for entry in entries} == {stat.S_IFREG | 0o644}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


@each_cloud
def test_a_dry_run_lists_what_would_be_written_and_writes_nothing(command, cloud):
    shown = command.ok("--dry-run")
    assert not Path("dist").exists()
    for name in contents(PROJECT, PACKAGED[cloud]):
        assert re.search(rf"^  {re.escape(name)} \([\d,]+ bytes\)$", shown.stderr, re.MULTILINE)
    assert str(command.settings_file) in shown.stderr
    assert "DIGITAL_TWIN_INFO" in shown.stderr
    assert shown.stdout == command.ok().stdout


@each_cloud
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


# --- the settings -----------------------------------------------------------------------------


@each_cloud
def test_the_settings_are_those_that_the_function_loads(command, cloud):
    command.ok()
    settings = command.settings()
    loaded = HotReaderSettings.load(settings)
    assert loaded.twin.name == "factory-twin"
    assert loaded.twin.layout.layer_3_hot == cloud
    assert set(loaded.twin.devices) == {"pump-1", "meter-1"}
    if cloud == "azure":
        at = CosmosSettings.load(settings)
        assert (at.endpoint, at.database, at.container) == (
            ENDPOINT,
            "factory-twin",
            "hot-telemetry",
        )
        assert at.key is None
    else:
        place = FirestoreSettings.load(settings)
        assert (place.project, place.database, place.collection) == (
            None,
            "(default)",
            "factory-twin-hot-telemetry",
        )


@each_cloud
def test_only_what_differs_from_a_default_is_written(command, cloud):
    command.ok()
    where = {
        "azure": {"COSMOS_ENDPOINT", "COSMOS_DATABASE", "COSMOS_CONTAINER"},
        "gcp": {"FIRESTORE_COLLECTION"},
    }
    assert set(command.settings()) == {"DIGITAL_TWIN_INFO"} | where[cloud]


@each_cloud
def test_options_say_how_entries_are_laid_out(command):
    command.ok(
        *("--device-id-attribute", "deviceId", "--timestamp-attribute", "ts"),
        *("--timestamp-format", "epoch_milliseconds", "--requests-per-second", "50"),
    )
    loaded = HotReaderSettings.load(command.settings())
    assert (loaded.device_id_attribute, loaded.timestamp_attribute) == ("deviceId", "ts")
    assert isinstance(loaded.timestamp_format, EpochMillisecondsFormat)
    assert command.settings()["REQUESTS_PER_SECOND"] == "50"


@each_cloud
def test_offsets_may_be_mixed(command):
    command.ok("--mixed-offsets")
    with_offset = "2026-01-30T17:00:00+02:00"
    assert HotReaderSettings.load(command.settings()).timestamp_format.read(with_offset)
    command.ok()
    with pytest.raises(ValueError, match="MIXED_OFFSETS"):
        HotReaderSettings.load(command.settings()).timestamp_format.read(with_offset)


@pytest.mark.parametrize("cloud", ["azure"])
def test_options_say_where_cosmos_is(command):
    command.ok("--database", "d", "--container", "c")
    at = CosmosSettings.load(command.settings())
    assert (at.endpoint, at.database, at.container) == (ENDPOINT, "d", "c")


@pytest.mark.parametrize("cloud", ["gcp"])
def test_options_say_where_firestore_is(command):
    command.ok("--firestore-project", "p", "--database", "d", "--collection", "a/b/c")
    at = FirestoreSettings.load(command.settings())
    assert (at.project, at.database, at.collection) == ("p", "d", "a/b/c")


@each_cloud
def test_devices_that_have_no_room_are_left_out_and_that_is_said(command, twin):
    device = {"id": "d", "properties": [{"name": "p" * 200, "dataType": "DOUBLE"}]}
    twin.write("config_iot_devices.json", [{**device, "id": f"d{n}"} for n in range(20)])
    done = command.ok()
    assert not DigitalTwinInfo.load(command.settings()).devices
    assert "too many devices" in done.stderr


@each_cloud
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
    command.ok("--device-id-attribute", "gerät: \"x\" 'y' # z\\n")
    assert command.settings()["DEVICE_ID_ATTRIBUTE"] == "gerät: \"x\" 'y' # z\\n"


# --- refusals ---------------------------------------------------------------------------------


@each_cloud
@pytest.mark.parametrize(
    ("layer_3_hot", "instead"), [("aws", "run deploy"), ("other", "run package --cloud")]
)
def test_a_twin_whose_hot_storage_is_elsewhere_is_refused(command, cloud, layer_3_hot, instead):
    other = {"azure": "gcp", "gcp": "azure"}[cloud] if layer_3_hot == "other" else layer_3_hot
    command.twin.providers(other, "azure" if other == "aws" else "aws")
    refusal = command.refused()
    assert f"the hot storage is on {other}" in refusal
    assert f"Change it to {cloud}" in refusal
    assert instead in refusal


@each_cloud
def test_a_twin_on_the_same_cloud_is_refused(command, cloud):
    command.twin.providers(cloud, cloud)
    assert f"both on {cloud}" in command.refused()


@each_cloud
def test_mistakes_in_the_configuration_are_told(command):
    command.twin.write("config.json", {})
    assert "digital_twin_name" in command.refused()


@each_cloud
def test_an_unknown_timestamp_format_is_told_at_packaging(command):
    assert "TIMESTAMP_FORMAT is 'unix'" in command.refused("--timestamp-format", "unix")


@each_cloud
def test_a_malformed_limit_is_told_at_packaging(command):
    refusal = command.refused("--requests-per-second", "many")
    assert "REQUESTS_PER_SECOND is 'many'" in refusal


@pytest.mark.parametrize("cloud", ["azure"])
def test_azure_needs_an_endpoint(command):
    assert "needs --cosmos-endpoint" in command.refused(required=False)


@pytest.mark.parametrize("cloud", ["azure"])
@pytest.mark.parametrize("endpoint", ["http://factory.documents.azure.com", "factory"])
def test_an_endpoint_that_credentials_must_not_be_sent_to_is_told_at_packaging(command, endpoint):
    refusal = command.refused("--cosmos-endpoint", endpoint, required=False)
    assert "COSMOS_ENDPOINT" in refusal


@each_cloud
def test_an_option_of_the_other_cloud_is_refused(command, cloud):
    option = {"azure": "--collection", "gcp": "--container"}[cloud]
    other = {"azure": "gcp", "gcp": "azure"}[cloud]
    assert f"{option} belongs to --cloud {other}" in command.refused(option, "x")


# --- the commands -----------------------------------------------------------------------------


OLD: Final = f"{'b' * 43},{'a' * 43}"
"""What the secret store has: two tokens, as if a change had been cut off."""
STUB: Final = """#!{python} -IS
import json, pathlib, sys
name, words, files = pathlib.Path(sys.argv[0]).name, sys.argv[1:], {{}}
for value in (word.rpartition("=")[2].lstrip("@") for word in words):
    if pathlib.Path(value).is_file():
        files[value] = pathlib.Path(value).read_text(errors="replace")
log = pathlib.Path({log!r})
known = log.read_text() if log.exists() else ""
log.write_text(known + json.dumps([name, words, files]) + "\\n")
if words[:3] == ["keyvault", "secret", "show"] or words[:2] == ["secrets", "describe"]:
    sys.exit('"secret", "set"' not in known and '"secrets", "create"' not in known)
if words[:3] == ["keyvault", "secret", "download"]:
    pathlib.Path(words[words.index("--file") + 1]).write_text({old!r})
answers = {{
    "access": {old!r},
    "principalId": "principal-1",
    "id": "id-1",
    "defaultHostName || properties.defaultHostName": "my-app.azurewebsites.net",
    "--format=value(serviceConfig.uri)": "https://" + "".join(words[2:3]) + ".run.app",
}}
print(*(answer for asked, answer in answers.items() if asked in words))
"""
"""Notes how it was called and what was in the files that it was given; answers what was queried."""


class Shell:
    """A shell in which az and gcloud only note what they are asked, and Python is the real one."""

    def __init__(self, directory: Path) -> None:
        self.log = directory / "calls.jsonl"
        self.bin = directory / "bin"
        self.bin.mkdir()
        for name in ("az", "gcloud"):
            stub = self.bin / name
            stub.write_text(STUB.format(python=sys.executable, log=str(self.log), old=OLD))
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


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    directory = tmp_path / "shell"
    directory.mkdir()
    return Shell(directory)


class Published:
    """All commands, run from the first to the last, once for all tests that only look."""

    def __init__(self, cloud: str, directory: Path) -> None:
        (directory / "twin").mkdir()
        self.command = Command(cloud, TwinDirectory(directory / "twin"))
        self.directory = directory
        self.shell = Shell(directory)
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

    def words(self, *start: str) -> list[list[str]]:
        """Return the calls that start with some words."""
        return [words for _, words, _ in self.calls if tuple(words[: len(start)]) == start]


@pytest.fixture(scope="module")
def published(cloud: str, tmp_path_factory: pytest.TempPathFactory) -> Published:
    return Published(cloud, tmp_path_factory.mktemp(cloud))


def without_publish(script: str) -> str:
    """Leave out the last command, which takes a second: what it does is tested once."""
    kept, found, _ = script.partition("python -m deploy_scripts publish")
    assert found
    return kept


def value_of(words: list[str], option: str) -> str:
    """Return an option's value: `--name value` or `--name=value`."""
    for position, word in enumerate(words):
        if word == option:
            return words[position + 1]
        if word.startswith(f"{option}="):
            return word.partition("=")[2]
    raise AssertionError(f"{option} isn't in {words}")


each_cloud_once = pytest.mark.parametrize("cloud", sorted(PACKAGED), scope="module")


@each_cloud_once
def test_the_last_command_saves_where_the_hot_readers_are(published, cloud):
    assert {each.url for each in published.connections.values()} == {
        "azure": {
            "https://my-app.azurewebsites.net/hot-reader",
            "https://my-app.azurewebsites.net/hot-reader-last-entry",
        },
        "gcp": {"https://my-reader.run.app", "https://my-reader-last-entry.run.app"},
    }[cloud]


@each_cloud_once
def test_the_token_goes_from_its_file_into_the_secret_store_and_is_no_argument(published):
    (token,) = {each.token for each in published.connections.values()}
    assert len(token) >= 43
    assert stored(published.shell) == [token]
    assert not [words for _, words, _ in published.calls if any(token in word for word in words)]
    assert token not in published.done.stdout + published.done.stderr


@each_cloud_once
def test_the_tokens_file_is_gone_in_the_end(published):
    assert not list(published.directory.rglob("inter-cloud-token*"))


@each_cloud_once
def test_what_has_no_option_is_the_same_as_something_else(published, cloud):
    start, flag = {"azure": ("cosmosdb", "--resource-group"), "gcp": ("firestore", "--project")}[
        cloud
    ]
    given = {flags(words)[flag] for words in published.words(start)}
    assert given == {PLACES[cloud]["--resource-group" if cloud == "azure" else "--project"]}


@pytest.mark.parametrize("cloud", ["azure"], scope="module")
def test_the_function_app_may_read_its_container_only(published):
    (words,) = published.words("cosmosdb")
    assert flags(words) == {
        "--account-name": "factory",
        "--resource-group": "my-group",
        "--principal-id": "principal-1",
        "--role-definition-id": "00000000-0000-0000-0000-000000000001",
        "--scope": "/dbs/factory-twin/colls/hot-telemetry",
        "--output": "none",
    }


@pytest.mark.parametrize("cloud", ["azure"], scope="module")
def test_azure_gets_the_settings_file_and_a_reference_to_the_token(published):
    (words,) = published.words("functionapp", "config", "appsettings", "set")
    position = words.index("--settings")
    assert words[position + 1 : position + 3] == [
        f"@{published.command.settings_file}",
        "INTER_CLOUD_TOKEN=@Microsoft.KeyVault(VaultName=my-vault;SecretName=inter-cloud-token)",
    ]


@pytest.mark.parametrize("cloud", ["gcp"], scope="module")
def test_both_functions_get_the_code_the_settings_and_a_reference_to_the_token(published):
    deployed = {words[2]: flags(words) for words in published.words("functions", "deploy")}
    assert {name: each["--entry-point"] for name, each in deployed.items()} == {
        "my-reader": "hot_reader",
        "my-reader-last-entry": "hot_reader_last_entry",
    }
    for each in deployed.values():
        assert each["--env-vars-file"] == str(published.command.settings_file)
        variable, _, secret = each["--set-secrets"].partition("=")
        assert (variable, secret) == ("INTER_CLOUD_TOKEN", "my-reader-inter-cloud-token:latest")
        assert each["--service-account"] == "my-reader@my-project.iam.gserviceaccount.com"
        source = published.directory / each["--source"]
        code = {
            path.relative_to(source).as_posix(): path.read_bytes()
            for path in source.rglob("*")
            if path.is_file()
        }
        assert code == contents(PROJECT, PACKAGED["gcp"])


def stored(shell: Shell) -> list[str]:
    """Return what was put into the secret store, each time."""
    return [
        files[value_of(words, "--file" if words[0] == "keyvault" else "--data-file")].strip()
        for _, words, files in shell.calls()
        if words[:3] == ["keyvault", "secret", "set"] or words[:2] == ["secrets", "create"]
    ]


@each_cloud
def test_nobody_else_can_read_the_tokens_file(command, shell):
    script = command.script().replace("deploy_scripts publish", "deploy_scripts no-such-verb")
    before = os.umask(0)
    try:
        shell.run(script)
    finally:
        os.umask(before)
    (path,) = Path("dist").glob("inter-cloud-token*")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


@each_cloud
def test_a_second_run_of_all_commands_keeps_the_token(command, shell):
    connections = InterCloudConnections(command.twin.path / "config_inter_cloud.json")
    script = command.script()
    assert shell.run(script).returncode == 0
    first = connections.load()
    again = shell.run(script)
    assert again.returncode != 0
    assert "inter-cloud-token" in again.stderr  # its file is gone
    assert connections.load() == first
    assert len(stored(shell)) == 1


@each_cloud
def test_a_run_that_was_cut_off_before_publish_is_run_again(command, shell):
    script = command.script()
    cut_off = script.replace("deploy_scripts publish", "deploy_scripts no-such-verb")
    assert shell.run(cut_off).returncode != 0
    assert shell.run(script).returncode == 0
    connections = InterCloudConnections(command.twin.path / "config_inter_cloud.json").load()
    assert {each.token for each in connections.values()} == set(stored(shell))


@each_cloud
def test_the_script_in_functions_does_the_same_with_names_from_the_environment(
    command, cloud, shell
):
    printed = command.script("--database", "d")
    assert shell.run(without_publish(printed)).returncode == 0
    expected = shell.calls()
    shell.log.unlink()
    names = dict(re.findall(r"^([A-Z_]+)=([^\"$\n]+)$", printed, re.MULTILINE))
    script = (PROJECT / "functions" / cloud / "publish.sh").read_text()
    assert shell.run(without_publish(script), names).returncode == 0
    assert [words for _, words, _ in shell.calls()] == [words for _, words, _ in expected]


@each_cloud
def test_every_name_that_the_commands_use_is_assigned_first(command):
    script = command.script()
    assigned = set(re.findall(r"^([A-Z_]+)=", script, re.MULTILINE))
    assert set(re.findall(r"\$\{?([A-Z_]+)", script)) <= assigned


@each_cloud
def test_each_place_comes_from_its_option(command, cloud):
    script = command.script()
    for value in PLACES[cloud].values():
        assert re.search(rf"^[A-Z_]+={re.escape(value)}$", script, re.MULTILINE)
    assert "Fill in" not in script


@each_cloud
def test_a_place_that_no_option_says_has_to_be_filled_in(command, cloud, shell):
    script = command.ok().stdout
    first_empty = re.search(r"^([A-Z_]+)=$", script, re.MULTILINE)
    assert first_empty
    done = shell.run(script)
    assert done.returncode != 0
    assert f"{first_empty[1]}: fill it in" in done.stderr
    assert not shell.log.exists()


def flags(words: list[str]) -> dict[str, str]:
    """Return options and values, of either spelling."""
    found = {}
    for position, word in enumerate(words):
        if word.startswith("--"):
            option, separator, value = word.partition("=")
            following = words[position + 1] if position + 1 < len(words) else ""
            found[option] = value if separator else following
    return found


PLACES_IN_FLAGS: Final = {
    "azure": [
        ("--app", ["functionapp"], "--name"),
        ("--region", ["functionapp", "create"], "--flexconsumption-location"),
        ("--resource-group", ["functionapp"], "--resource-group"),
        ("--storage-account", ["storage", "account", "create"], "--name"),
        ("--storage-account", ["functionapp", "create"], "--storage-account"),
        ("--key-vault", ["keyvault", "secret", "set"], "--vault-name"),
        ("--cosmos-resource-group", ["cosmosdb"], "--resource-group"),
    ],
    "gcp": [
        ("--app", ["iam", "service-accounts", "create"], "3"),
        ("--project", ["functions"], "--project"),
        ("--project", ["secrets"], "--project"),
        ("--firestore-project", ["firestore"], "--project"),
        ("--firestore-project", ["projects", "add-iam-policy-binding"], "2"),
        ("--region", ["functions"], "--region"),
        ("--database", ["firestore"], "--database"),
        ("--collection", ["firestore"], "--collection-group"),
    ],
}
"""Options, the commands that get their values, and where: a flag, or a word's position."""


@each_cloud
def test_every_option_ends_up_where_it_belongs(command, cloud, shell):
    options = {option: f"{option.strip('-')}1" for option, _, _ in PLACES_IN_FLAGS[cloud]}
    script = command.script(*(word for pair in options.items() for word in pair))
    assert shell.run(without_publish(script)).returncode == 0
    for option, start, flag in PLACES_IN_FLAGS[cloud]:
        found = [words for _, words, _ in shell.calls() if words[: len(start)] == start]
        assert found
        given = {words[int(flag)] if flag.isdigit() else flags(words)[flag] for words in found}
        allowed = {options[option], f"{options[option]}-last-entry"}
        assert given <= allowed, (option, start, flag)


@pytest.mark.parametrize("cloud", ["azure"])
def test_an_endpoint_outside_azures_own_domain_has_its_account_filled_in(command):
    done = command.run("--cosmos-endpoint", "https://cosmos.example.com", required=False)
    assert re.search(r"^COSMOS_ACCOUNT=$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("cloud", ["gcp"])
def test_each_direction_of_reading_has_its_index(command, shell):
    options = ("--device-id-attribute", "d", "--timestamp-attribute", "t", "--collection", "a/b/c")
    assert shell.run(without_publish(command.script(*options))).returncode == 0
    indexes = [words for _, words, _ in shell.calls() if words[:2] == ["firestore", "indexes"]]
    assert [[word for word in words if "field-config" in word] for words in indexes] == [
        [
            "--field-config=field-path=d,order=ascending",
            f"--field-config=field-path=t,order={order}",
        ]
        for order in ("ascending", "descending")
    ]
    assert {value_of(words, "--collection-group") for words in indexes} == {"c"}


@each_cloud
def test_names_with_blanks_and_quotes_stay_one_word(command, shell):
    name = 'it\'s $HOME; `id` "x"'
    assert shell.run(without_publish(command.script("--region", name))).returncode == 0
    words = [word for _, words, _ in shell.calls() for word in words]
    assert name in words or f"--region={name}" in words


@each_cloud
def test_the_last_command_is_one_that_publish_takes(command, cloud):
    lines = command.script().replace("\\\n", " ").splitlines()
    (line,) = [line for line in lines if line.startswith("python -m deploy_scripts publish ")]
    words = shlex.split(line.partition("&&")[0])[4:]
    words[words.index("--config") + 1] = str(command.twin.path)
    parsed = publish.make_context("publish", words).params
    assert parsed["cloud"] == cloud
    assert str(parsed["token_file"]) == "$TOKEN_FILE"


# --- changing the token, as the pages say -----------------------------------------------------


@each_cloud
def test_the_pages_commands_let_the_readers_accept_the_new_token_and_the_current_one(
    cloud, shell, tmp_path, monkeypatch
):
    page = (PROJECT / "docs" / "layouts" / f"{cloud}-aws.md").read_text()
    section = page.partition("\n## Change the token\n")[2]
    first = textwrap.dedent(section.partition("```console\n")[2].partition("```")[0])
    names = "APP=a; PROJECT=p; RESOURCE_GROUP=g; KEY_VAULT=k"
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
