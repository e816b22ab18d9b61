"""The register of claims: every one holds, every group notices a wrong weight, and Claim itself can fail."""

from functools import cache

import pytest

from maskguide import verification
from maskguide.guidance import Guidance
from maskguide.papers.he_rojas_tao import numbers as masked


@cache
def rows_of(compute):
    return tuple(compute())


@pytest.mark.parametrize("compute", verification.GROUPS, ids=lambda g: g.__name__)
def test_every_claim_holds(compute):
    rows = rows_of(compute)
    assert rows
    for row in rows:
        assert row.passed, row
        assert row.source and row.name


def test_names_are_unique():
    names = [row.name for compute in verification.GROUPS for row in rows_of(compute)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("compute", [masked.five_dimensional_cubes, masked.decay_at_large_weight, masked.identities,
                                     masked.changing_weights], ids=lambda g: g.__name__)  # fmt: skip
def test_a_scale_given_as_weight_is_noticed(compute, monkeypatch):
    def off_by_one(rule="product", weight=0.0):
        right = Guidance(rule, weight)
        weights = [w + 1 for w in right.schedule.weights]
        return Guidance(rule, type(right.schedule)(right.schedule.edges, weights))

    monkeypatch.setattr(masked, "Guidance", off_by_one)
    assert not all(row.passed for row in compute())


def test_a_claim_can_fail():
    assert not verification.Number("x", 1.0, 1.1, 0.05, "here").passed
    assert not verification.Number("x", 1.0, float("nan"), 0.05, "here").passed
