"""The audit of libraries: it fails at a known vulnerability, and holds up nobody who can't ask for any."""

from __future__ import annotations

import json
import re
import subprocess
import zipfile
from typing import TYPE_CHECKING

import pytest
from werkzeug import Response

from deploy_scripts import PROJECT

if TYPE_CHECKING:
    from pathlib import Path

    from pytest_httpserver import HTTPServer
    from werkzeug import Request

REQUIREMENTS = {
    line.partition(";")[0].strip()
    for path in [PROJECT / "requirements.txt", *PROJECT.glob("functions/*/requirements.txt")]
    for line in path.read_text().splitlines()
    if not line.startswith("#")
}


def audit(*options: str) -> tuple[int, str]:
    done = subprocess.run(
        [PROJECT / ".ci" / "audit", *options], capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout


@pytest.fixture
def index(tmp_path: Path) -> Path:
    """A folder with a package for each requirement, empty and without requirements of its own."""
    for requirement in REQUIREMENTS:
        name, _, version = requirement.replace("-", "_").partition("==")
        about = f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        with zipfile.ZipFile(tmp_path / f"{name}-{version}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}-{version}.dist-info/METADATA", about)
            wheel.writestr(f"{name}-{version}.dist-info/WHEEL", "Wheel-Version: 1.0\n")
    return tmp_path


@pytest.mark.parametrize("vulnerable", [None, "requests==2.34.2"])
def test_every_library_is_looked_up_and_a_known_vulnerability_fails(
    index: Path, httpserver: HTTPServer, vulnerable: str | None
):
    looked_up: list[str] = []

    def answer(request: Request) -> Response:
        asked = [
            f"{each['package']['name']}=={each['version']}"
            for each in json.loads(request.data)["queries"]
        ]
        looked_up.extend(asked)
        known = {"vulns": [{"id": "PLANTED-1", "modified": "2026-01-01T00:00:00Z"}]}
        results = [known if each == vulnerable else {} for each in asked]
        return Response(json.dumps({"results": results}))

    httpserver.expect_request("/v1/querybatch").respond_with_handler(answer)
    httpserver.expect_request("/v1/vulns/PLANTED-1").respond_with_json(
        {"id": "PLANTED-1", "modified": "2026-01-01T00:00:00Z", "affected": []}
    )
    status, said = audit(
        *("--no-index", "--find-links", str(index)), *("--service-url", httpserver.url_for(""))
    )
    assert set(looked_up) == REQUIREMENTS
    assert status == (1 if vulnerable else 0)
    expected = "requests 2.34.2 has 1 known vulnerability" if vulnerable else "no known vulnerab"
    assert expected in said


def test_an_audit_that_cannot_ask_says_that_it_was_skipped_and_passes():
    status, said = audit("--offline")
    assert status == 0
    assert said.startswith("audit: SKIPPED, no answer about vulnerabilities could be had: ")


def test_what_runs_in_a_function_has_an_exact_version():
    exact = re.compile(r"[a-z0-9-]+==[0-9][0-9a-z.]*")
    assert [each for each in REQUIREMENTS if not exact.fullmatch(each)] == []
