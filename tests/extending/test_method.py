"""A method of one's own: implicit Euler in the clock, where a mask is left with probability 1 / (1 + Z h)."""

import numpy as np
import pytest

import maskguide as mg

from ..conftest import random_problem


def reveal_probability(hazards, step):
    """1 - 1 / (1 + Z h): hazards Z (..., D) of the masks, h the length of the step; a step to data has h = inf."""
    met = hazards * min(step.length, 1e300)
    return met / (1 + met)


IMPLICIT = mg.Method(
    name="implicit-euler",
    order=1,
    reveal=reveal_probability,
    use="to show how a method is added",
    keeps="tends to the chain's own law, every rule and w",
    source="docs/extending.md",
)


def test_its_exact_law_in_one_dimension():
    problem = mg.zoo.get("overlap-1d")
    process = mg.GuidedProcess(problem, mg.Guidance("product", 1.5))
    times = np.array([1.0, 0.5, 0.25, 0.1])
    hazard = process.exit_rates()[-1]
    left = np.prod([1 / (1 + hazard * h) for h in np.diff(-np.log(times))])
    law = mg.stepped_law(process, IMPLICIT, times)
    np.testing.assert_allclose(law.probs[-1], left, rtol=1e-13)


def test_its_order_is_one():
    process = mg.GuidedProcess(random_problem(4, zeros=0.0), mg.Guidance("product", 1.0))
    assert mg.measured_order(process, IMPLICIT) == pytest.approx(1.0, abs=0.1)


def test_samples_have_its_law():
    pytest.importorskip("torch")
    process = mg.GuidedProcess(random_problem(4), mg.Guidance("product", 2.0))
    law = mg.stepped_law(process, IMPLICIT, mg.uniform_grid(5))
    assert mg.compare(mg.sample(process, 20_000, IMPLICIT, grid=5), law).passed
    leaps = mg.sample(process, 20_000, "tau-leaping", grid=5)
    assert not mg.compare(leaps, law).passed


def test_conformance_judges_it():
    claim = mg.conformance.Claim("product", IMPLICIT)
    report = mg.conformance.check(mg.conformance.builtin_sampler(claim), claim, quick=True, seed=2, max_seconds=60)
    assert report.passed, str(report)
