"""The contents of a package: all that its entry point imports, in the same bytes each time."""

from __future__ import annotations

import os
import stat
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from deploy_scripts import PROJECT
from deploy_scripts.deployment.lambda_package import PackageFiles
from deploy_scripts.errors import VerbError
from deploy_scripts.package.contents import contents, with_bytecode, zipped
from deploy_scripts.providers import PACKAGED, PROVIDERS
from deploy_scripts.providers.provider import Functions

if TYPE_CHECKING:
    from collections.abc import Iterator

CLOUD: Final = Functions(
    directory="functions/cloud",
    entry="main.py",
    files=("requirements.txt",),
    settings_suffix=".json",
    spelled=str,
    options={},
)
OF_EVERY_HOT_READER: Final = {
    "connections": ("answer_time", "in_time", "pool", "sdk_errors"),
    "contracts": ("answers", "parsing", "twinmaker", "wire_contract"),
    "hot_reader": (
        "conditions",
        "devices",
        "hot_reader",
        "interpolation",
        "newest_values",
        "next_token",
        "pages",
        "reading_time",
        "resume",
        "service",
        "time_order",
    ),
    "http": ("endpoint", "hot_reader_endpoints"),
    "model": (
        *("data_columns", "data_value", "entries", "errors", "instants", "layout", "limits"),
        *("locations", "property_filter", "query", "reads", "results", "timestamps"),
    ),
    "observability": ("json_lines", "request_record"),
    "settings": (
        *("digital_twin_info", "endpoint", "environment", "hot_reader"),
        *("logs", "secure_url", "token_reference"),
    ),
    "stores": ("hot_store",),
    "tokens": ("inter_cloud_token",),
}
"""The modules of chalicelib in each package, by folder; each folder has its `__init__`, too."""


@pytest.mark.parametrize("cloud", PACKAGED)
def test_a_package_has_exactly_what_its_function_needs_of_chalicelib(cloud):
    expected = {"chalicelib/__init__.py"}
    for folder, names in OF_EVERY_HOT_READER.items():
        expected |= {f"chalicelib/{folder}/{name}.py" for name in ("__init__", *names)}
    _, _, store = PROVIDERS[cloud].load_settings.__module__.rpartition(".")
    expected.add(f"chalicelib/settings/{store}.py")
    modules = (PROJECT / "chalicelib" / "stores" / store).glob("*.py")
    expected |= {f"chalicelib/stores/{store}/{module.name}" for module in modules}
    functions = PACKAGED[cloud]
    found = set(contents(PROJECT, functions)) - {functions.entry, *functions.files}
    assert found == expected


class SmallProject:
    """A project whose entry point imports what a test says."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        for name in ("__init__", "query", "settings", "store"):
            self.write(f"chalicelib/{name}.py", "")
        self.write("functions/cloud/requirements.txt", "orjson\n")
        self.write("functions/cloud/main.py", "")

    def write(self, name: str, text: str) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)

    def packaged(self) -> list[str]:
        """The names in the zip, without those that are always there."""
        always = {"main.py", "requirements.txt", "chalicelib/__init__.py"}
        return [name for name in contents(self.directory, CLOUD) if name not in always]


@pytest.fixture
def small(tmp_path: Path) -> SmallProject:
    return SmallProject(tmp_path / "small")


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ("import chalicelib.query", ["chalicelib/query.py"]),
        ("import os, chalicelib.query as q", ["chalicelib/query.py"]),
        ("from chalicelib import query, store", ["chalicelib/query.py", "chalicelib/store.py"]),
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
        ("import azure.functions\nfrom google.cloud import storage", []),
        ("text = 'import chalicelib.query'  # import chalicelib.query", []),
        ("from chalicelib.missing import x", []),
    ],
)  # fmt: skip
def test_a_module_is_packaged_if_the_entry_point_imports_it(small, entry, expected):
    small.write("functions/cloud/main.py", entry)
    assert small.packaged() == expected


def test_what_an_imported_module_imports_is_packaged_too(small):
    small.write("functions/cloud/main.py", "from chalicelib import store")
    small.write("chalicelib/store.py", "def f():\n    from . import query")
    small.write("chalicelib/query.py", "from .settings import Settings\nimport chalicelib.store")
    assert small.packaged() == [f"chalicelib/{n}.py" for n in ("query", "settings", "store")]


def test_a_package_within_is_packaged_with_its_own_init(small):
    small.write("functions/cloud/main.py", "import chalicelib.deep.er")
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
    small.write("functions/cloud/main.py", "import helper")
    small.write("functions/cloud/helper.py", "import chalicelib.query")
    small.write("functions/cloud/other.py", "import chalicelib.settings")
    assert small.packaged() == ["chalicelib/query.py", "helper.py"]


@pytest.mark.parametrize(
    "name",
    [
        "functions/cloud/local.settings.json",
        "functions/cloud/.env",
        "functions/cloud/inter-cloud-token",
        "functions/cloud/key.json",
        "functions/cloud/test_main.py",
        "functions/cloud/tests/test_main.py",
        "functions/cloud/__pycache__/main.cpython-311.pyc",
        "chalicelib/__pycache__/query.cpython-311.pyc",
        "chalicelib/.env",
        "config/config_inter_cloud.json",
        "config_inter_cloud.json",
    ],
)
def test_what_nobody_imports_stays_at_home(small, name):
    small.write("functions/cloud/main.py", "import chalicelib.query")
    small.write(name, "secret")
    assert small.packaged() == ["chalicelib/query.py"]


@pytest.mark.parametrize("name", ["main.py", "requirements.txt"])
def test_a_missing_file_is_named(small, name):
    (small.directory / "functions" / "cloud" / name).unlink()
    with pytest.raises(VerbError, match=f"{name} can't be read.* Restore it"):
        small.packaged()


def test_a_module_that_is_not_python_is_named(small):
    small.write("functions/cloud/main.py", "import chalicelib.query")
    small.write("chalicelib/query.py", "def (")
    with pytest.raises(VerbError, match=r"query\.py isn't Python"):
        small.packaged()


@pytest.fixture
def umask() -> Iterator[None]:
    before = os.umask(0o007)
    yield
    os.umask(before)


@pytest.mark.usefixtures("umask")
def test_the_bytes_depend_on_neither_modes_times_order_nor_directory(small, tmp_path, monkeypatch):
    small.write("functions/cloud/main.py", "import chalicelib.query")
    first = zipped(contents(small.directory, CLOUD))
    copy = SmallProject(tmp_path / "elsewhere")
    copy.write("functions/cloud/main.py", "import chalicelib.query")
    for number, path in enumerate(sorted(copy.directory.rglob("*.py"))):
        os.utime(path, (number, number))  # long before the first instant of a zip
        path.chmod(0o700)
    monkeypatch.chdir(copy.directory)
    found = contents(Path(), CLOUD)
    assert zipped(found) == first
    assert zipped(dict(reversed(found.items()))) == first


def test_other_code_is_another_zip(small):
    first = zipped(contents(small.directory, CLOUD))
    small.write("functions/cloud/main.py", "pass")
    assert zipped(contents(small.directory, CLOUD)) != first


def test_every_file_in_a_zip_is_a_plain_one_of_a_fixed_time_that_all_may_read(small, tmp_path):
    path = tmp_path / "it.zip"
    path.write_bytes(zipped(contents(small.directory, CLOUD)))
    with zipfile.ZipFile(path) as written:
        entries = written.infolist()
    assert {entry.external_attr >> 16 for entry in entries} == {stat.S_IFREG | 0o644}
    assert {entry.date_time for entry in entries} == {(1980, 1, 1, 0, 0, 0)}


def test_bytecode_is_used_whatever_the_sources_times_and_is_the_same_each_time(tmp_path):
    sources = {
        "main.py": b"from package.module import ANSWER",
        "package/__init__.py": b"",
        "package/module.py": b"ANSWER = {'forty', 'two'}\n",
        "package/template.py": b"{{ no Python }}",
        "host.json": b"{}",
    }
    packaged = with_bytecode(sources)
    assert with_bytecode(dict(reversed(sources.items()))) == packaged
    compiled = {name for name in packaged if name not in sources}
    tag = sys.implementation.cache_tag
    assert compiled == {
        f"__pycache__/main.{tag}.pyc",
        f"package/__pycache__/__init__.{tag}.pyc",
        f"package/__pycache__/module.{tag}.pyc",
    }
    for name, content in packaged.items():
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"not compiled again" if name.endswith("module.py") else content)
    loaded = [sys.executable, "-c", "import main; print(sorted(main.ANSWER), main.__file__)"]
    printed = subprocess.run(loaded, cwd=tmp_path, capture_output=True, text=True, check=True)
    assert printed.stdout == f"['forty', 'two'] {tmp_path / 'main.py'}\n"


def test_the_package_for_lambda_has_bytecode_and_the_same_bytes_each_time(tmp_path):
    (tmp_path / "app.py").write_text("import os\n")
    packages = []
    for number in range(2):
        path = tmp_path / f"{number}.zip"
        with PackageFiles().open_zip(str(path), "w") as written:
            written.write(tmp_path / "app.py", "app.py")
        packages.append(path.read_bytes())
    assert packages[0] == packages[1]
    with zipfile.ZipFile(path) as package:
        names = package.namelist()
        assert names == ["app.py", f"__pycache__/app.{sys.implementation.cache_tag}.pyc"]
        assert {each.external_attr >> 16 for each in package.infolist()} == {0o100644}
