from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[4]
PAGE = (ROOT / "docs" / "local-twinmaker.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Give the page's first code block in a language."""
    match = re.search(rf"```{language}\n(.*?)```", PAGE, re.DOTALL)
    assert match is not None
    return match[1]


def test_the_example_of_the_documentation_prints_what_the_documentation_says(
    tmp_path: Path,
) -> None:
    script = tmp_path / "try_connector.py"
    script.write_text(block("python"), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert result.stdout == block("text")


def test_the_mistakes_that_the_documentation_proposes_are_explained(tmp_path: Path) -> None:
    script = tmp_path / "try_connector.py"
    script.write_text(block("python").replace("doubleValue", "floatValue"), encoding="utf-8")
    result = subprocess.run(
        [sys.executable, script],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT)},
    )
    assert "ConnectorFailureException" in result.stderr
    assert "propertyValues[0].values[0].value has the unknown key 'floatValue'" in result.stderr
