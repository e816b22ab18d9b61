"""Confidence and entropy against the samplers and finite differences; the balance of 1/p; three components in a row."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate, stats

from maskguide import InputError
from maskguide.gaussian.closed_forms import sde_moments
from maskguide.gaussian.mixture import Mixture
from maskguide.gaussian.noise import variance_exploding
from maskguide.gaussian.samplers import sample
from maskguide.papers.confidence import bounds as module
from maskguide.papers.confidence.bounds import gaussian_reciprocal, guided_confidence, sampled_reciprocal
from maskguide.papers.confidence.splitting import middle_share, middle_slopes, safe_weight
from maskguide.papers.distortions.one_dimension import tanh_flow

Z = 4.9  # |normal| beyond it: 1e-6
SHARED = np.array([[1.0, 0.3], [0.3, 0.5]])
THREE = Mixture([[0.0, 0.0], [1.5, 0.0], [0.0, 2.0]], [SHARED] * 3, [0.2, 0.3, 0.5], "abc")
TWO = Mixture([[-1.0], [1.0]], labels=["left", "right"])


def _ends(mixture: Mixture, label: str, w: float, y: np.ndarray) -> np.ndarray:
    """End points of the flow in the coordinates of the data."""
    means, variances = module._shared(mixture)
    own = mixture.labels.index(label)
    axes = np.linalg.eigh(mixture.covariances()[0])[1]
    ends, _ = module._flow(means - means[own], variances, mixture.weights, w, y @ axes)
    return mixture.means[own] + (np.sqrt(variances) * ends) @ axes.T


@pytest.mark.parametrize("w", [0.0, 2.0])
def test_the_flow_is_that_of_the_samplers(w):
    """From pure noise x = eps, by scipy's reference in flow matching: the same map, whatever the noise process."""
    y = np.random.default_rng(0).normal(size=(6, 2))
    run = sample(THREE.given("a"), THREE, w, method="adaptive", initial=y)
    assert _ends(THREE, "a", w, y) == pytest.approx(run.x, abs=1e-7)
    assert np.abs(_ends(THREE, "a", 1 + w, y) - run.x).max() > 0.05


def test_the_flow_of_two_classes_in_one_dimension():
    assert _ends(TWO, "right", 3.0, np.zeros((1, 1)))[0, 0] == pytest.approx(tanh_flow(3.0), abs=1e-8)


def test_log_determinant_by_differences():
    y, e = np.random.default_rng(1).normal(size=(5, 2)), 1e-4
    means, variances = module._shared(THREE)
    flow = lambda at: module._flow(means - means[1], variances, THREE.weights, 2.0, at)  # noqa: E731
    jacobian = np.stack([(flow(y + e * d)[0] - flow(y - e * d)[0]) / (2 * e) for d in np.eye(2)], axis=-1)
    assert flow(y)[1] == pytest.approx(np.log(np.linalg.det(jacobian)), abs=1e-6)


@settings(max_examples=12, deadline=None)
@given(distance=st.floats(0.3, 3), prior=st.floats(0.05, 0.95), variance=st.floats(0.2, 4), w=st.floats(0, 5))
def test_two_classes_gain_confidence_and_lose_entropy(distance, prior, variance, w):
    mixture = Mixture([[0.0], [distance * np.sqrt(variance)]], variance, [prior, 1 - prior], "ab")
    found = [guided_confidence(mixture, "a", x) for x in (0.0, w, w + 0.5)]
    assert found[0].reciprocal == pytest.approx(1 / prior, rel=1e-6) and found[0].entropy_change == 0
    assert found[0].confidence <= found[1].confidence + 1e-9 < found[2].confidence + 1e-9
    assert found[0].reciprocal >= found[1].reciprocal - 1e-6 > found[2].reciprocal - 1e-6
    assert found[0].entropy_change >= found[1].entropy_change - 1e-9 > found[2].entropy_change - 1e-9


def test_in_two_dimensions_more_nodes_change_nothing():
    coarse, fine = (guided_confidence(THREE, "a", 1.0, nodes=n) for n in (40, 56))
    assert (coarse.confidence, coarse.reciprocal) == pytest.approx((fine.confidence, fine.reciprocal), abs=1e-8)
    assert coarse.entropy_change == pytest.approx(fine.entropy_change, abs=1e-8) and coarse.entropy_change < -0.5


def test_draws_agree_with_the_quadrature():
    """The plane and a third direction, in which the classes are equal, by draws."""
    deep = np.eye(3)
    deep[:2, :2] = SHARED
    mixture = Mixture(np.column_stack([THREE.means, np.zeros(3)]), [deep] * 3, THREE.weights, "abc")
    drawn, exact = guided_confidence(mixture, "b", 1.0, count=2000), guided_confidence(THREE, "b", 1.0)
    assert abs(drawn.confidence - exact.confidence) < Z * drawn.confidence_error
    assert abs(drawn.entropy_change - exact.entropy_change) < Z * drawn.entropy_error
    mutant = guided_confidence(THREE, "b", 2.0)
    assert abs(drawn.confidence - mutant.confidence) > Z * drawn.confidence_error


@settings(max_examples=25, deadline=None)
@given(c=st.floats(0.2, 3), extra=st.floats(0.3, 5), mu=st.floats(-1, 1), w=st.floats(0, 6))
def test_both_sides_of_the_balance(c, extra, mu, w):
    u = c + extra
    prior = 0.9 * np.sqrt(c / u) * np.exp(-(mu**2) / (2 * extra))
    found = gaussian_reciprocal(c, u, mu, prior, w)
    assert found.balance == pytest.approx(found.direct, rel=1e-9)
    assert 1 <= found.direct <= found.unguided * (1 + 1e-12)
    assert gaussian_reciprocal(c, u, mu, prior, w + 0.5).direct < found.direct * (1 + 1e-12)


def test_the_reciprocal_by_brute_force():
    guided = sde_moments(1.0, 2.0, 1.0, 3.0)
    law = stats.norm(guided.mean, np.sqrt(guided.variance)).pdf
    chance = lambda x: 0.3 * stats.norm(1, 1).pdf(x) / stats.norm(0, np.sqrt(2)).pdf(x)  # noqa: E731
    exact = integrate.quad(lambda x: law(x) / chance(x), -8, 12, epsabs=1e-12)[0]
    assert gaussian_reciprocal(1.0, 2.0, 1.0, 0.3, 3.0).direct == pytest.approx(exact, rel=1e-9)
    assert gaussian_reciprocal(1.0, 2.0, 1.0, 0.3, 0.0).direct == pytest.approx(1 / 0.3, rel=1e-12)


def test_sampled_balance_in_eight_dimensions():
    draw = np.random.default_rng(0)
    means, spreads = 0.4 * draw.normal(size=(6, 8)), draw.uniform(0.8, 1.2, size=(6, 8))
    mixture = Mixture(means, spreads, labels=[0, 0, 1, 1, 2, 2])
    found = sampled_reciprocal(mixture, 0, 1.0, count=1500, steps=150)
    band = Z * np.hypot(found.direct_error, found.balance_error)
    assert abs(found.direct - found.balance) < band < 0.25
    assert found.direct + Z * found.direct_error < found.unguided == pytest.approx(3, rel=1e-12)
    half = found.unguided - (found.unguided - found.balance) / 2  # a diffusion taken for its square
    assert abs(found.direct - half) > Z * np.hypot(found.direct_error, found.balance_error / 2)


def test_slopes_at_the_middle():
    """A start next to 0 goes where the product of the steps' slopes takes it."""
    mixture = Mixture([[-3.0], [0.0], [3.0]], labels=["left", "middle", "right"])
    run = sample(mixture.given("middle"), mixture, 12.0, method="ddim", process=variance_exploding(100.0, 2.0),
                 times=10, initial=[[1e-6]])  # fmt: skip
    assert run.x[0, 0] / 1e-6 == pytest.approx(np.prod(middle_slopes(12.0, 10)), rel=1e-5)
    assert np.prod(middle_slopes(13.0, 10)) != pytest.approx(run.x[0, 0] / 1e-6, rel=1e-2)


@pytest.mark.parametrize("steps", [10, 20, 50])
def test_the_middle_holds_below_the_safe_weight_and_splits_far_beyond(steps):
    safe, unguided = safe_weight(steps), middle_share(0.0, steps, nodes=401)
    assert (middle_slopes(safe, steps) > -1).all()
    assert middle_share(safe, steps, nodes=401) >= unguided > 0.8
    assert middle_share(1000.0, steps, nodes=401) < 0.1 and middle_slopes(1000.0, steps).min() < -1


def test_the_exact_flow_draws_the_middle_together():
    mixture = Mixture([[-3.0], [0.0], [3.0]], labels=["left", "middle", "right"])
    y = np.linspace(-4, 4, 8)[:, None]
    gentle, strong = _ends(mixture, "middle", 0.0, y), _ends(mixture, "middle", 30.0, y)
    assert (np.abs(strong) <= np.abs(gentle)).all() and np.abs(strong).max() < 0.5


@pytest.mark.parametrize("bad", [
    lambda: guided_confidence(TWO, "up", 1.0),
    lambda: guided_confidence(TWO, "left", -2.0),
    lambda: guided_confidence(Mixture([[0.0], [1.0]], [1.0, 2.0], labels="ab"), "a", 1.0),
    lambda: guided_confidence(Mixture([[0.0], [1.0]]), 0, 1.0),
    lambda: gaussian_reciprocal(2.0, 1.0, 0.0, 0.1, 1.0),
    lambda: gaussian_reciprocal(1.0, 2.0, 1.0, 0.9, 1.0),
    lambda: middle_share(1.0, 0),
])  # fmt: skip
def test_bad_input(bad):
    with pytest.raises(InputError):
        bad()
