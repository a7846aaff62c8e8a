"""The examples in docstrings are true: each is run, and gives what it shows."""

from __future__ import annotations

import doctest
import importlib
from typing import Final

import pytest

from deploy_scripts import PROJECT

MODULES: Final = [
    ".".join(path.relative_to(PROJECT).with_suffix("").parts).removesuffix(".__init__")
    for path in sorted((PROJECT / "chalicelib").rglob("*.py"))
    if ">>> " in path.read_text()
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_give_what_they_show(name):
    found = doctest.testmod(importlib.import_module(name))
    assert found.attempted
    assert not found.failed
