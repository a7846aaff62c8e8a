"""Requests that schemathesis makes of the OpenAPI document: valid, damaged, and without the token."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Final

from deploy_scripts import PROJECT
from tests.fuzzing.counts import count

from .contract import DOCUMENT_PATH
from .service import TOKEN

if TYPE_CHECKING:
    import pytest

    from .service import Service

FUZZING: Final = PROJECT / "tests" / "fuzzing"
# Both reads go the same way through a host.
FEW: Final = (
    "--include-path=/hot-reader --phases=fuzzing --max-examples=8 --generation-deterministic"
)
OPTIONS: Final = os.environ.get("GENERATED_REQUESTS", FEW).split()


def test_generated_requests_are_answered_as_the_document_says(
    service: Service, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    run = subprocess.run(
        [
            Path(sys.executable).with_name("schemathesis"),
            f"--config-file={FUZZING / 'schemathesis.toml'}",
            "run",
            f"--url={service.url}",
            "--no-color",
            *OPTIONS,
            DOCUMENT_PATH,
        ],
        cwd=tmp_path,
        env=os.environ
        | {
            "INTER_CLOUD_TOKEN": TOKEN,
            "PYTHONPATH": str(PROJECT),
            "SCHEMATHESIS_HOOKS": "tests.fuzzing.document_hooks",
        },
        capture_output=True,
        text=True,
        check=False,
    )

    assert run.returncode == 0, run.stdout + run.stderr
    (generated,) = re.findall(r"([0-9,]+) generated", run.stdout)
    assert re.search("Tested: [24]", run.stdout)
    count(request.path.parent.name, requests=int(generated.replace(",", "")))
