"""Faults of servers, over real sockets and by the real SDKs, which docs/robustness.md has as tables."""

from __future__ import annotations

import pytest

from tests.unit.chalicelib.faults import DOCUMENT, count_of, matrices, section_of

MATRICES = matrices()


@pytest.mark.parametrize(
    ("matrix", "fault"),
    [
        pytest.param(matrix, fault, id=f"{matrix.section}: {fault}")
        for matrix in MATRICES
        for fault in matrix.faults
    ],
)
def test_a_fault_is_answered_in_the_end_or_a_failure_by_name_as_documented(matrix, fault):
    assert matrix.holds(fault)


@pytest.mark.parametrize("matrix", MATRICES, ids=lambda matrix: matrix.section)
def test_there_is_no_other_fault_in_the_table(matrix):
    assert matrix.has_no_other()


def test_the_document_counts_them():
    assert section_of(DOCUMENT.read_text(), "faults-in-all") == count_of(MATRICES)
