"""The packaged zips, with their own requirements and nothing else, serve the contract."""

from __future__ import annotations

import json
import subprocess
import sysconfig
import venv
import zipfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import pytest
import requests
import yaml
from click.testing import CliRunner

from demo.other_clouds import OtherCloud
from deploy_scripts import PROJECT
from deploy_scripts.__main__ import cli
from deploy_scripts.providers import PACKAGED, PROVIDERS
from local_cloud.child_process import HOST, ChildProcess, free_port, own_environment
from tests.deploy.conftest import TwinDirectory
from tests.end_to_end.http.queries import PUMP, entries_of

from .package import closure, install, listed_in

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from deploy_scripts.providers.telemetry import Entry

pytestmark = pytest.mark.parametrize("cloud", ["azure", "gcp"], scope="module")
HEADER: Final = "X-Inter-Cloud-Token"
TOKEN: Final = "token-of-the-packaged-functions"
NOT_THEIRS: Final = (
    *("AWS_", "AZURE_", "GOOGLE_", "PYTHON", "VIRTUAL_ENV"),
    *(f"{key.setting.partition('_')[0]}_" for each in PACKAGED for key in PROVIDERS[each].storage),
)
OF_THE_REST: Final = ("boto3", "botocore", "aws_lambda_powertools", "chalice", "moto", "rich")
OF_OTHERS: Final = {"azure": ("google.cloud", "grpc", "flask"), "gcp": ("azure", "msal")}


class Package:
    """The package that `package` wrote for a cloud, and an environment that has what it requires."""

    def __init__(self, cloud: str, directory: Path) -> None:
        self.cloud = cloud
        self.directory = directory
        self.code = directory / "code"
        self.environment = directory / "environment"
        self.reports = directory / "reports"
        self.reports.mkdir()

    @property
    def python(self) -> Path:
        return self.environment / "bin" / "python"

    def write(self, storage: Mapping[str, str]) -> None:
        """Run the command for a hot storage, and unzip what it made."""
        (self.directory / "twin").mkdir()
        twin = TwinDirectory(self.directory / "twin")
        twin.providers(self.cloud, "aws")
        twin.write("config_storage.json", {self.cloud: storage})
        output = self.directory / "dist"
        arguments = [
            "package",
            "--cloud",
            self.cloud,
            "--config",
            str(twin.path),
            "--output",
            str(output),
        ]
        done = CliRunner().invoke(cli, arguments)
        assert done.exit_code == 0, done.output
        with zipfile.ZipFile(output / f"hot-reader-{self.cloud}.zip") as written:
            written.extractall(self.code)

    def install(self) -> None:
        """Make an environment that has nothing but what the package requires."""
        venv.create(self.environment, symlinks=True, with_pip=False)
        install(closure(listed_in(self.code / "requirements.txt")), self.environment)

    def settings(self) -> dict[str, str]:
        """The settings, as the platform gives them to the function."""
        path = self.directory / "dist" / f"hot-reader-{self.cloud}-settings"
        if self.cloud == "gcp":
            loaded: dict[str, str] = yaml.safe_load(path.with_suffix(".yaml").read_text())
            return loaded
        return {
            each["name"]: each["value"]
            for each in json.loads(path.with_suffix(".json").read_text())
        }

    @contextmanager
    def served(self, secrets: Mapping[str, str]) -> Iterator[str]:
        """Run the function until the block ends; yield the URL of its history."""
        port = free_port()
        host = Path(__file__).with_name("host.py")
        known = (self.cloud, str(port), self.code, self.reports, PROJECT / "local_cloud")
        with ChildProcess(
            f"The packaged function for {self.cloud}",
            [self.python, "-I", host, *known],
            port=port,
            log=self.directory / "log",
            environment=own_environment(*NOT_THEIRS) | self.settings() | dict(secrets),
        ):
            yield f"http://{HOST}:{port}/hot-reader"

    def loaded(self) -> dict[str, Path]:
        """Every module that any of the function's processes loaded from a file."""
        found = {}
        reports = list(self.reports.glob("*.json"))
        assert reports, "the function's processes have ended without a report"
        for report in reports:
            for name, file in json.loads(report.read_text()).items():
                if file is not None:
                    found[name] = Path(file)
        return found


@pytest.fixture(scope="module")
def telemetry() -> list[Entry]:
    return entries_of(PUMP)[-3:]


class Asked:
    """The answers of a packaged function, and the modules that it had loaded by then."""

    def __init__(
        self, package: Package, secrets: Mapping[str, str], telemetry: list[Entry]
    ) -> None:
        self.package = package
        payload = {
            "iot_device_id": PUMP,
            "selected_properties": ["pressure"],
            "start_time": "2026-01-30T00:00:00Z",
            "end_time": "2026-01-31T00:00:00Z",
        }
        body = {"trace_id": "t-1", "payload": payload}
        with package.served({**secrets, "INTER_CLOUD_TOKEN": TOKEN}) as url:
            self.authorized = requests.post(url, json=body, headers={HEADER: TOKEN}, timeout=30)
            self.without = requests.post(url, json=body, timeout=30)
            self.wrong = requests.post(url, json=body, headers={HEADER: TOKEN + "x"}, timeout=30)
            payload["selected_properties"] = ["humidity"]
            self.unknown = requests.post(url, json=body, headers={HEADER: TOKEN}, timeout=30)
        self.telemetry = telemetry
        self.modules = package.loaded()


@pytest.fixture(scope="module")
def asked(
    cloud: str, telemetry: list[Entry], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Asked]:
    package = Package(cloud, tmp_path_factory.mktemp(cloud))
    keys = {each.setting: each.name for each in PROVIDERS[cloud].storage}
    with OtherCloud(PROVIDERS[cloud], package.directory, twin_name="factory-twin") as other:
        other.writer().write(telemetry)
        told = other.environment
        package.write({keys[name]: told[name] for name in told if name in keys})
        package.install()
        secrets = {name: value for name, value in told.items() if name not in keys}
        yield Asked(package, secrets, telemetry)


def test_a_caller_with_the_token_gets_the_history(asked):
    assert asked.authorized.status_code == 200, asked.authorized.text
    answer: dict[str, Any] = asked.authorized.json()
    (pressure,) = answer["propertyValues"]
    assert [(each["time"], each["value"]) for each in pressure["values"]] == [
        (each.timestamp, {"doubleValue": float(each.values["pressure"])})
        for each in asked.telemetry
    ]


def test_a_property_that_isnt_declared_is_refused(asked):
    assert asked.unknown.status_code == 400
    assert "humidity" in asked.unknown.json()["error"]["message"]


def test_a_caller_without_the_token_gets_nothing(asked):
    for refused in (asked.without, asked.wrong):
        assert refused.status_code == 401
        assert refused.json()["error"]["code"] == "unauthorized"


def test_everything_that_ran_came_from_the_package_and_what_it_requires(asked):
    package = asked.package
    ours = (PROJECT / "local_cloud", Path(__file__).with_name("host.py"))
    allowed = (package.code, package.environment, Path(sysconfig.get_path("stdlib")), *ours)
    elsewhere = {
        name: path
        for name, path in asked.modules.items()
        if not any(path.is_relative_to(each) for each in allowed)
    }
    assert not elsewhere
    assert asked.modules["chalicelib.http.endpoint"].is_relative_to(package.code)


def test_every_module_that_was_packaged_can_be_loaded_there(asked):
    code_directory = asked.package.code
    files = sorted(code_directory.glob("chalicelib/**/[!_]*.py"))
    packaged = [".".join(each.relative_to(code_directory).with_suffix("").parts) for each in files]
    code = "import importlib, sys; [importlib.import_module(name) for name in sys.argv[1:]]"
    loaded = subprocess.run(
        [asked.package.python, "-c", code, *packaged],
        cwd=asked.package.code,
        env={},
        capture_output=True,
        text=True,
        check=False,
    )
    assert loaded.returncode == 0, loaded.stderr


def test_no_other_clouds_sdk_was_loaded_or_is_even_there(asked, cloud):
    foreign = (*OF_THE_REST, *OF_OTHERS[cloud])
    loaded = [n for n in asked.modules if any(f"{n}.".startswith(f"{each}.") for each in foreign)]
    assert not loaded
    site = asked.package.environment / "lib"
    for name in OF_THE_REST:
        assert not list(site.glob(f"*/site-packages/{name}"))
