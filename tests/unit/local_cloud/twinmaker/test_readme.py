"""The README of the local TwinMaker says what is so."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from local_cloud.twinmaker import LocalTwinMaker

from .readme import FOLDER, blocks, command_line, connector, local_twinmaker
from .twin import ARN, client_of, history, make_twin

RULES = (FOLDER / "rules.md").read_text(encoding="utf-8").partition("\n## Not there")[0]
CONNECTOR, CLIENT, FIXTURE = blocks("python")


def try_connector(directory: Path, line: str) -> subprocess.CompletedProcess[str]:
    """Do as the README says, in a folder outside of this repository, as if it were installed."""
    (directory / "local_twinmaker").symlink_to(FOLDER, target_is_directory=True)
    script = directory / "try_connector.py"
    script.write_text(CLIENT, encoding="utf-8")
    program = [sys.executable, "-m", "local_twinmaker"]
    with local_twinmaker(program, line, directory) as variables:
        return subprocess.run(
            [sys.executable, script],
            capture_output=True,
            text=True,
            check=False,
            env=dict(variables),
        )


def test_the_connector_in_javascript_gives_what_the_readme_says(tmp_path: Path) -> None:
    with connector(tmp_path, blocks("js")[0]) as url:
        line = command_line("http://127.0.0.1:9001").replace("http://127.0.0.1:9001", url)
        result = try_connector(tmp_path, line)
    assert result.stdout == blocks("text")[0], result.stderr


def test_a_connector_is_ten_lines() -> None:
    for source in (CONNECTOR, blocks("js")[0]):
        assert len(source.splitlines()) <= 10


def test_the_mistake_that_the_readme_proposes_is_explained() -> None:
    broken: dict[str, Any] = {}
    exec(CONNECTOR.replace("doubleValue", "floatValue"), broken)  # noqa: S102 - the README's code
    with LocalTwinMaker(functions={ARN: broken["handler"]}) as running:
        client = client_of(running.url)
        make_twin(client)
        with pytest.raises(client.exceptions.ConnectorFailureException) as raised:
            history(client)
    message = "propertyValues[0].values[0].value has the unknown key 'floatValue'"
    assert message in str(raised.value)


def test_the_example_for_python_tests_prints_what_the_readme_says(tmp_path: Path) -> None:
    (tmp_path / "local_twinmaker").symlink_to(FOLDER, target_is_directory=True)
    result = subprocess.run(
        [sys.executable, "-c", FIXTURE],
        capture_output=True,
        text=True,
        check=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert result.stdout == blocks("text")[1]


def test_every_rule_that_is_enforced_has_a_test_that_is_there() -> None:
    """The table of rules names tests; the row of one that isn't enforced says so."""
    folder = Path(__file__).parent
    rows = re.findall(r"^\| (.+) \| (.+) \| (yes|in part.*|no) \|(.*) \|$", RULES, re.MULTILINE)
    assert len(rows) == RULES.count("\n|") - 2 * RULES.count("\n|---")
    for rule, source, enforced, cited in rows:
        assert source
        named = re.findall(r"`(test_\w+\.py)::(test_\w+)`", cited)
        assert bool(named) is (enforced != "no"), rule
        for module, test in named:
            assert f"def {test}(" in (folder / module).read_text(encoding="utf-8"), test
