"""An explanation of one's own: samplers that guide at half the weight are named by the conformance suite."""

import numpy as np
import pytest

import maskguide as mg

HALF = mg.conformance.Explanation(
    "w / 2", "the weight is halved", lambda setup: setup.changed(weight=setup.weight / 2).law()
)


@pytest.fixture
def registered():
    """The explanation among the package's own, until the test ends."""
    from maskguide.conformance.explanations import EXPLANATIONS

    mg.conformance.explanations.register(HALF)
    yield
    del EXPLANATIONS._found[HALF.name]


def at_half_the_weight(denoiser, n, *, weight, num_steps, seed, dtype):
    """A sampler with the fault."""
    right = mg.conformance.builtin_sampler("normalized, ancestral, uniform t, log-linear")
    return right(denoiser, n, weight=weight / 2, num_steps=num_steps, seed=seed, dtype=dtype)


def test_the_fault_is_named(registered):
    report = mg.conformance.check(
        at_half_the_weight, "normalized, ancestral, uniform t, log-linear", quick=True, seed=1
    )
    assert not report.passed
    assert "the weight is halved" in str(report)


def test_its_law_is_the_law_at_half_the_weight():
    from maskguide.conformance.explanations.setup import Setup

    problem = mg.zoo.get("no-blind-2d")
    setup = Setup(problem, 3.0, 4, "normalized", "ancestral")
    exact = mg.stepped_law(mg.GuidedProcess(problem, mg.Guidance("normalized", 1.5)), "ancestral", mg.uniform_grid(4))
    np.testing.assert_allclose(HALF.predict(setup), exact.probs, atol=1e-14)
