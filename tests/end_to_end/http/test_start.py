"""A service with a missing or malformed setting doesn't start, and says which one it is."""

from __future__ import annotations

import importlib
import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Final

import pytest

from deploy_scripts import PROJECT
from local_cloud.child_process import free_port
from tests import forked
from tests.deploy.verbs import chalice

from .service import PATIENCE_SECONDS, STAGE, copy_project

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

Variables = dict[str, str]


def twin_info(layer_3_hot: str, layer_4: str) -> str:
    providers = {"layer_3_hot_provider": layer_3_hot, "layer_4_provider": layer_4}
    return json.dumps(
        {"config": {"digital_twin_name": "factory-twin"}, "config_providers": providers}
    )


HOT_READER: Final[Variables] = {
    "DIGITAL_TWIN_INFO": twin_info("aws", "azure"),
    "DYNAMODB_TABLE_NAME": "factory-twin-hot-telemetry",
    "INTER_CLOUD_TOKEN": "ssm:/factory-twin/inter-cloud-token",
}
CONNECTOR: Final[Variables] = {
    "DIGITAL_TWIN_INFO": twin_info("azure", "aws"),
    "REMOTE_READER_URL": "https://reader.example.com/hot-reader",
    "REMOTE_READER_LAST_ENTRY_URL": "https://reader.example.com/hot-reader-last-entry",
    "INTER_CLOUD_TOKEN": "ssm:/factory-twin/inter-cloud-token",
}
LAYOUTS: Final = {"hot reader": HOT_READER, "data connector": CONNECTOR}
SECRET: Final = "hunter2"
_REQUIRED: Final = [
    pytest.param(variables, name, id=f"{layout}-{name}")
    for layout, variables in LAYOUTS.items()
    for name in variables
]


def clean_environment() -> Variables:
    """Return what a process needs to run at all, and nothing of this one's settings."""
    environment = {"PATH": os.environ["PATH"], "AWS_DEFAULT_REGION": "eu-central-1"}
    return environment | {"AWS_EC2_METADATA_DISABLED": "true", "PYTHONPATH": str(PROJECT)}


def load_app(variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Load app.py as Lambda and Chalice do, in a process of its own that has its libraries already."""
    return forked.run(
        importlib.import_module,
        "app",
        environment=clean_environment() | dict(variables),
        directory=PROJECT,
    )


def start_app(variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Load app.py as Lambda and Chalice do, in a process that starts from nothing."""
    return subprocess.run(
        [sys.executable, "-c", "import app"],
        cwd=PROJECT,
        env=clean_environment() | dict(variables),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=False,
    )


def assert_refused(ended: subprocess.CompletedProcess[str], variable: str) -> None:
    """Hold what a process printed last against what an engineer needs to know."""
    assert ended.returncode > 0
    (last_line, *_) = reversed(ended.stdout.strip().splitlines())
    assert last_line.startswith(f"chalicelib.model.errors.ConfigurationError: {variable}"), (
        ended.stdout
    )


@pytest.mark.parametrize("variables", LAYOUTS.values(), ids=LAYOUTS)
def test_a_complete_set_of_variables_loads(variables: Variables) -> None:
    ended = start_app(variables)

    assert ended.returncode == 0, ended.stdout


@pytest.mark.parametrize(("variables", "missing"), _REQUIRED)
def test_chalice_local_ends_naming_the_variable_that_is_missing(
    tmp_path: Path, variables: Variables, missing: str
) -> None:
    stage: dict[str, str | None] = dict.fromkeys(HOT_READER) | variables | {missing: None}
    copy_project(tmp_path, stage)
    where = ("--stage", STAGE, "--port", str(free_port()), "--no-autoreload")

    ended = forked.run(
        chalice, "local", *where, environment=clean_environment(), directory=tmp_path
    )
    assert_refused(ended, f"{missing} is not set")


@pytest.mark.parametrize(("variables", "blank"), _REQUIRED)
def test_a_blank_variable_is_a_missing_one(variables: Variables, blank: str) -> None:
    assert_refused(load_app(variables | {blank: " "}), f"{blank} is not set")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIGITAL_TWIN_INFO", "{'config': 1}"),
        ("DIGITAL_TWIN_INFO", "[]"),
        ("DIGITAL_TWIN_INFO", '{"config": {"digital_twin_name": "factory-twin"}}'),
        ("DIGITAL_TWIN_INFO", twin_info("azur", "aws")),
        ("DIGITAL_TWIN_INFO", twin_info("aws", "azur")),
        ("INTER_CLOUD_TOKEN", "short"),
        ("INTER_CLOUD_TOKEN", "a-long-token-with a-blank"),
        ("INTER_CLOUD_TOKEN", "the-first-of-three,the-second-of-three,the-third-of-three"),
        ("INTER_CLOUD_TOKEN", "ssm:"),
        ("INTER_CLOUD_TOKEN", "vault:/factory-twin/inter-cloud-token"),
        ("INTER_CLOUD_TOKEN", "/factory-twin/inter-cloud-token"),
        ("INTER_CLOUD_TOKEN_MAX_AGE_SECONDS", "0"),
        ("TIMESTAMP_FORMAT", "rfc822"),
        ("MIXED_OFFSETS", "maybe"),
        ("PAGE_BYTES", "abc"),
        ("PAGE_BYTES", "6291557"),
        ("PAGE_VALUES", "-1"),
        ("REQUESTS_PER_SECOND", "1.5"),
    ],
)
def test_a_malformed_variable_of_a_hot_reader_is_named(name: str, value: str) -> None:
    assert_refused(load_app(HOT_READER | {name: value}), name)


@pytest.mark.parametrize("name", ["REMOTE_READER_URL", "REMOTE_READER_LAST_ENTRY_URL"])
@pytest.mark.parametrize(
    ("url", "reason"),
    [
        ("http://reader.example.com/hot-reader", "must use https"),
        ("http://127.0.0.1.example.com/hot-reader", "must use https"),
        (f"https://user:{SECRET}@reader.example.com/hot-reader", "must not contain a user name"),
        (f"https://{SECRET}@reader.example.com/hot-reader", "must not contain a user name"),
        ("reader.example.com/hot-reader", "must look like https://"),
        ("ftp://reader.example.com/hot-reader", "must look like https://"),
        ("https://[::1/hot-reader", "is not a URL"),
        ("https://reader.example.com:port/hot-reader", "is not a URL"),
        ("https://reader.example.com/hot reader", "must not contain whitespace"),
    ],
)
def test_a_url_that_a_token_mustnt_be_sent_to_is_refused(name: str, url: str, reason: str) -> None:
    ended = load_app(CONNECTOR | {name: url})

    assert_refused(ended, f"{name} {reason}")
    assert SECRET not in ended.stdout


@pytest.mark.parametrize("host", ["127.0.0.1:8000", "localhost:8000", "[::1]:8000"])
def test_plain_http_to_this_machine_is_allowed(host: str) -> None:
    urls = {name: f"http://{host}/" for name in CONNECTOR if name.startswith("REMOTE_")}

    assert load_app(CONNECTOR | urls).returncode == 0


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("DIGITAL_TWIN_INFO", twin_info("azur", "aws")),
        ("INTER_CLOUD_TOKEN", "short"),
        ("REMOTE_RETRIES", "11"),
        ("READ_AHEAD_GRACE_SECONDS", "soon"),
    ],
)
def test_a_malformed_variable_of_a_data_connector_is_named(name: str, value: str) -> None:
    assert_refused(load_app(CONNECTOR | {name: value}), name)


@pytest.mark.parametrize("variables", LAYOUTS.values(), ids=LAYOUTS)
def test_a_malformed_token_isnt_printed(variables: Variables) -> None:
    ended = start_app(variables | {"INTER_CLOUD_TOKEN": SECRET})

    assert_refused(ended, "INTER_CLOUD_TOKEN")
    assert SECRET not in ended.stdout
