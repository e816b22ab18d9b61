"""The discrete counterpart: predictions at their ends, exact laws of small problems, and simulation between."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate

import maskguide as mg
from maskguide import InputError
from maskguide.papers.distortions import discrete
from maskguide.papers.distortions.discrete import mean_density_bits, predicted_bit_loss, random_bit_classes

ALPHA = 1e-6


def test_predictions_at_their_ends():
    assert predicted_bit_loss(0.0, 3.0) == pytest.approx((1, 1, 0), rel=1e-12)
    assert predicted_bit_loss(0.1, 0.0)[:2] == pytest.approx((1, 1), rel=1e-12)
    told = np.log(2) - 0.5  # mutual information of a bit and its uniform probability
    assert predicted_bit_loss(told / 4, 0.0)[2] == pytest.approx(0.25, rel=1e-5)
    q = lambda p: p**3 / (p**3 + (1 - p) ** 3)  # noqa: E731
    full = 6 * integrate.quad(lambda p: q(p) * (1 - q(p)), 0, 1)[0]
    assert predicted_bit_loss(5.0, 2.0)[::2] == pytest.approx((full, 1), rel=1e-9)


@settings(deadline=None, max_examples=50)
@given(alpha=st.floats(0, 2), more=st.floats(0, 1), w=st.floats(0, 20))
def test_more_classes_and_more_weight_take_more(alpha, more, w):
    less = predicted_bit_loss(alpha, w)
    assert predicted_bit_loss(alpha + more, w)[0] <= less[0] + 1e-12 <= 1 + 2e-12
    assert 0 <= less[2] <= 1


def test_a_small_problem_against_its_exact_law():
    p, n = np.random.default_rng(2).uniform(size=(3, 4)), 40000
    table = mg.ProductMixture(np.stack([1 - p, p], axis=-1), np.full(3, 1 / 3), [0, 1, 2]).table()
    law = mg.terminal_law(mg.GuidedProcess(table, mg.Guidance("normalized", 2.0))).probs
    exact = np.array([law.take(1, axis=i).sum() for i in range(4)])
    variance, _ = discrete._one(p, mg.Guidance("normalized", 2.0), n, seed=5)
    band = np.sqrt(np.log(2 * 4 / ALPHA) / (2 * n))  # Hoeffding, every marginal at once; |d p(1-p)| <= |dp|
    own = discrete._variance(p[0]).sum()
    assert abs(variance * own - discrete._variance(exact).sum()) < 4 * band
    assert abs(variance * own - own) > 4 * band  # enough samples to see the guidance


def test_simulation_follows_the_prediction():
    for classes, length, w in ((122, 48, 1.0), (25, 32, 3.0)):
        found = random_bit_classes(length, classes, w, samples=200)
        variance, entropy, _ = predicted_bit_loss(found.alpha, w)
        assert found.variance == pytest.approx(variance, abs=0.08) and found.entropy == pytest.approx(entropy, abs=0.08)
        assert found.variance + 6 * found.variance_error < 1


def test_the_mean_density_by_its_exact_law():
    """Two bits, revealed in either order: p(x) against its formula, summed over both orders."""
    p, others, w, n = np.array([0.9, 0.3]), np.log(5.0), 2.0, 40000

    def guided(i: int, own: float) -> float:
        mixed = own * p[i] + (1 - own) / 2
        up, down = p[i] ** (1 + w) * mixed**-w, (1 - p[i]) ** (1 + w) * (1 - mixed) ** -w
        return up / (up + down)

    exact = np.zeros((2, 2))
    for first in (0, 1):
        for bit in (0, 1):
            seen = p[first] if bit else 1 - p[first]
            one, two = guided(first, 1 / 6), guided(1 - first, 2 * seen / (2 * seen + 5))
            for other in (0, 1):
                chance = (one if bit else 1 - one) * (two if other else 1 - two) / 2
                exact[(bit, other) if first == 0 else (other, bit)] += chance
    bits = discrete._against_the_mean(p, others, w, n, np.random.default_rng(0)).astype(int)
    share = np.bincount(2 * bits[:, 0] + bits[:, 1], minlength=4) / n
    bound = 0.5 * np.sqrt(exact * (1 - exact) / n).sum() + np.sqrt(np.log(1 / ALPHA) / (2 * n))
    assert 0.5 * np.abs(share - exact.ravel()).sum() < bound
    assert 0.5 * np.abs(share - np.outer(*np.stack([1 - p, p], axis=1)).ravel()).sum() > bound


def test_the_prediction_is_reached_in_many_dimensions():
    variance, entropy, _ = predicted_bit_loss(0.2, 3.0)
    small, large = (mean_density_bits(n, 0.2, 3.0) for n in (64, 2048))
    assert abs(large.variance - variance) < 0.01 < 0.03 < abs(small.variance - variance)
    assert large.entropy == pytest.approx(entropy, abs=0.02) and large.alpha == 0.2


@pytest.mark.parametrize("bad", [
    lambda: mean_density_bits(5, 0.0, 1.0),
    lambda: predicted_bit_loss(-0.1, 1.0),
    lambda: predicted_bit_loss(0.1, -2.0),
    lambda: random_bit_classes(0, 3, 1.0),
    lambda: random_bit_classes(3, 3, 1.0, samples=1),
])  # fmt: skip
def test_bad_input(bad):
    with pytest.raises(InputError):
        bad()
