"""The register of claims: every one holds, every group notices a wrong weight, and Claim itself can fail."""

from functools import cache
from importlib import import_module
from pathlib import Path

import pytest

from maskguide import verification
from maskguide.guidance import Guidance
from maskguide.papers import derivations, papers
from maskguide.papers.he_rojas_tao import numbers as masked
from maskguide.papers.register import GROUPS

ROOT = Path(__file__).parents[1]


@cache
def rows_of(compute):
    return tuple(compute())


@pytest.mark.parametrize("compute", verification.groups(), ids=lambda g: g.__name__)
def test_every_claim_holds(compute):
    rows = rows_of(compute)
    assert rows
    for row in rows:
        assert row.passed, row
        assert row.source and row.name


def test_names_are_unique():
    names = [row.name for compute in verification.groups() for row in rows_of(compute)]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("compute", [masked.five_dimensional_cubes, masked.decay_at_large_weight, masked.identities,
                                     derivations.changing_weights], ids=lambda g: g.__name__)  # fmt: skip
def test_a_scale_given_as_weight_is_noticed(compute, monkeypatch):
    def off_by_one(rule="product", weight=0.0):
        right = Guidance(rule, weight)
        weights = [w + 1 for w in right.schedule.weights]
        return Guidance(rule, type(right.schedule)(right.schedule.edges, weights))

    for module in (masked, derivations):
        monkeypatch.setattr(module, "Guidance", off_by_one)
    assert not all(row.passed for row in compute())


def test_a_claim_can_fail():
    assert not verification.Number("x", 1.0, 1.1, 0.05, "here").passed
    assert not verification.Number("x", 1.0, float("nan"), 0.05, "here").passed


@pytest.mark.parametrize("paper", papers().values(), ids=lambda paper: paper.name)
def test_a_paper_says_what_it_is_and_has_what_it_says(paper):
    folder = Path(import_module(f"maskguide.papers.{paper.name}").__file__).parent
    text = (folder / "__init__.py").read_text()
    assert paper.groups() and paper.title in text and f"arXiv:{paper.arxiv}" in text and paper.page in text
    assert paper.arxiv in (folder / "numbers.py").read_text() + (ROOT / paper.page).read_text()
    for study in paper.studies:
        assert f"`maskguide gaussian {study.name}`" in text and callable(study.figures())
        assert study.num_units({"quick": True, "seed": 0}) > 0


def test_every_group_is_of_a_paper_or_of_the_theory_page():
    assert set(verification.groups()) == set(GROUPS) and len(verification.groups()) == len(GROUPS)
