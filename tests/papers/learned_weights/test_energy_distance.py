"""Energy distance: kernel means against quadrature, the estimate against exact laws, its error against its spread."""

from dataclasses import replace

import numpy as np
import pytest
from scipy import integrate, stats

from maskguide import InputError
from maskguide.gaussian import Mixture
from maskguide.papers.learned_weights.energy_distance import energy_distance, kernel_mean, self_distance

ALPHA = 1e-6
LAW = Mixture([[0.0, 0.0], [1.0, -0.5]], [0.3, 0.1], [0.4, 0.6])
OTHER = Mixture([[0.3, 0.2]], 0.5)


@pytest.mark.parametrize("power", [0.5, 1.0, 1.7])
def test_kernel_mean_on_the_line(power):
    law = Mixture([[0.0], [2.0]], [1.0, 0.25], [0.3, 0.7])
    for x in (-1.0, 0.0, 3.0):
        density = lambda y: np.exp(law.log_density([[y]])[0])  # noqa: E731
        exact = integrate.quad(lambda y, x=x: abs(x - y) ** power * density(y), -12, 12, points=[x, 0, 2], limit=200)[0]  # noqa: B023
        assert kernel_mean(np.array([[x]]), law, power)[0] == pytest.approx(exact, rel=1e-8)


def test_known_values():
    assert kernel_mean(np.zeros((1, 1)), Mixture([[0.0]]))[0] == pytest.approx(np.sqrt(2 / np.pi), rel=1e-14)
    assert kernel_mean(np.zeros((1, 3)), Mixture([[0.0] * 3]))[0] == pytest.approx(2 * np.sqrt(2 / np.pi), rel=1e-14)
    assert self_distance(Mixture([[5.0]], 2.0)) == pytest.approx(2 * np.sqrt(2 / np.pi), rel=1e-14)


def exact_distance(law, other):
    """D^2 by the kernel means of the two together: E|X - Y| from the self-distance of the half-half mixture."""
    means, weights = np.concatenate([law.means, other.means]), np.concatenate([law.weights, other.weights]) / 2
    both = Mixture(means, np.concatenate([law.variances, other.variances])[:, 0], weights)
    one, two = self_distance(law), self_distance(other)
    return 2 * (2 * self_distance(both) - (one + two) / 2) - one - two


def estimates(source, law, count=20, times=400):
    return [energy_distance(source.sample(count, seed), law) for seed in range(times)]


def off(found, exact):
    values = np.array([d.value for d in found])
    return abs(values.mean() - exact) / (values.std(ddof=1) / np.sqrt(len(values)))


@pytest.mark.parametrize("source", [OTHER, LAW])
def test_unbiased_and_a_biased_one_is_seen(source):
    found, exact = estimates(source, LAW), exact_distance(source, LAW)
    bound = stats.norm.isf(ALPHA / 2)
    assert off(found, exact) < bound
    with_diagonal = self_distance(source) / 20
    biased = [replace(d, value=d.value + with_diagonal) for d in found]
    assert off(biased, exact) > bound


def test_error_is_the_spread():
    found = estimates(OTHER, LAW, count=200)
    spread = np.std([d.value for d in found], ddof=1)
    assert np.mean([d.error for d in found]) == pytest.approx(spread, rel=6 / np.sqrt(2 * len(found)) + 0.05)
    same = estimates(LAW, LAW, count=200)
    assert np.mean([d.error for d in same]) > np.std([d.value for d in same], ddof=1)


def test_influence_is_that_of_leaving_one_out():
    x = OTHER.sample(120)
    whole = energy_distance(x, LAW)
    left_out = [energy_distance(np.delete(x, i, 0), LAW).value for i in range(30)]
    shares = 119 * (whole.value - np.array(left_out))
    assert whole.influence[:30] == pytest.approx(shares, abs=0.03) and whole.influence.std() > 0.3
    assert whole.influence.sum() == pytest.approx(0, abs=1e-10)


def test_blocks_do_not_matter(monkeypatch):
    import maskguide.papers.learned_weights.energy_distance as module

    x = OTHER.sample(37)
    whole = module.energy_distance(x, LAW)
    monkeypatch.setattr(module, "ROWS", 10)
    parts = module.energy_distance(x, LAW)
    assert parts.value == pytest.approx(whole.value, rel=1e-13) and parts.influence == pytest.approx(whole.influence)


def test_bad_input():
    with pytest.raises(InputError, match="isotropic"):
        energy_distance(np.zeros((3, 2)), Mixture([[0.0, 0.0]], [[1.0, 2.0]]))
    for x in (np.zeros((3, 3)), np.zeros((1, 2)), np.full((3, 2), np.nan)):
        with pytest.raises(InputError, match="samples have shape"):
            energy_distance(x, LAW)
    for power in (0.0, 2.0, np.nan):
        with pytest.raises(InputError, match="power"):
            energy_distance(np.zeros((3, 2)), LAW, power)
