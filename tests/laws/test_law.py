"""Law: marginals, moments, entropy, regions against plain sums."""

import numpy as np
import pytest

import maskguide as mg

from ..conftest import random_problem


@pytest.fixture
def law():
    return mg.terminal_law(mg.GuidedProcess(random_problem(5, 3, 3), mg.Guidance("product", 1.3)))


def test_moments_against_plain_sums(law):
    states = np.array(list(np.ndindex(law.probs.shape)))
    mass = law.probs.ravel()
    mean = (states * mass[:, None]).sum(axis=0)
    assert np.allclose(law.mean(), mean, atol=1e-14)
    spread = sum(p * np.outer(s - mean, s - mean) for s, p in zip(states, mass, strict=True))
    assert np.allclose(law.covariance(), spread, atol=1e-14)
    assert law.entropy() == pytest.approx(-sum(p * np.log(p) for p in mass if p > 0))
    assert np.allclose(law.marginal(0, 2), law.probs.sum(axis=1))


def test_transient_law_at_many_clocks():
    process = mg.GuidedProcess(random_problem(5, 3, 2), mg.Guidance("product", 1.3))
    laws = mg.transient_law(process, [0.0, 1.0, np.inf])
    assert laws.probs.shape == (3, 4, 4)
    assert np.allclose(laws.probs.sum(axis=(1, 2)), 1)
    assert np.allclose(laws.masked_probability, mg.tv_decay(process, [0.0, 1.0, np.inf]), rtol=1e-12)
    assert np.allclose(laws.probs[2, :3, :3], mg.terminal_law(process).probs)
    assert laws.entropy().shape == (3,)
    with pytest.raises(mg.InputError, match="one law"):
        laws.mean()


def test_regions_cover_the_support(law):
    assert sum(law.region_weights().values()) == pytest.approx(1)


def test_errors(law):
    with pytest.raises(mg.InputError, match="coordinate 3"):
        law.marginal(3)
    with pytest.raises(mg.InputError, match="equal shapes"):
        law.tv(np.ones(3) / 3)


def test_the_entropy_of_one_state_is_zero_and_not_minus_zero():
    process = mg.GuidedProcess(mg.TableProblem([[1.0, 0.0], [0.5, 0.5]], [0.5, 0.5]), mg.Guidance("product", 1.0))
    assert str(float(mg.terminal_law(process).entropy())) == "0.0"
