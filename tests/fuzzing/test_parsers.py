"""Damaged bytes are read as the slow references read them, or refused as they refuse them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.fuzzing.mutations import damaged
from tests.fuzzing.parsers import PARSERS
from tests.fuzzing.test_read_path import FEW


@pytest.mark.parametrize("name", PARSERS)
@given(st.data())
@FEW
def test_damaged_bytes_are_read_rightly_or_refused(name, data):
    examples, check = PARSERS[name]
    check(data.draw(st.sampled_from(examples).flatmap(damaged) | st.binary(max_size=50)))


@pytest.mark.parametrize("name", PARSERS)
def test_whole_ones_are_read(name):
    for example in PARSERS[name].examples:
        PARSERS[name].check(example)
