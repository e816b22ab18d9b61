"""Noised densities, scores and denoisers: brute force, autograd, fifty digits, numpy against torch, blocks."""

import mpmath
import numpy as np
import pytest
import torch

from maskguide import InputError
from maskguide.gaussian import Mixture
from maskguide.gaussian import mixture as module

RNG = np.random.default_rng(6)
NOISES = [(1.0, 0.0), (1.0, 0.5), (0.6, 0.8), (0.0, 1.0)]


def a_mixture(kind: str, d: int = 3, count: int = 4) -> Mixture:
    means, root = RNG.normal(size=(count, d)), RNG.normal(size=(count, d, d))
    spread = RNG.uniform(0.2, 1.5, (count, d))
    covariances = {"number": 0.3, "isotropic": spread[:, 0], "diagonal": spread}
    covariances["full"] = root @ root.transpose(0, 2, 1) / d + 0.2 * np.eye(d)
    return Mixture(means, covariances[kind], RNG.dirichlet(np.ones(count)), [0, 0, 1, 1][:count])


KINDS = ["number", "isotropic", "diagonal", "full"]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("noise", NOISES)
def test_predictions_are_those_of_the_definition(kind, noise):
    mixture, (a, sigma) = a_mixture(kind), noise
    x = RNG.normal(size=(5, 3))
    got = mixture.predict(x, a, sigma)
    for i, point in enumerate(x):
        density, score, x0 = 0.0, 0.0, 0.0
        for weight, mean, covariance in zip(mixture.weights, mixture.means, mixture.covariances(), strict=True):
            V = a * a * covariance + sigma**2 * np.eye(3)
            y = np.linalg.solve(V, point - a * mean)
            p = weight * np.exp(-(point - a * mean) @ y / 2) / np.sqrt(np.linalg.det(2 * np.pi * V))
            density, score, x0 = density + p, score - p * y, x0 + p * (mean + a * covariance @ y)
        assert got.log_density[i] == pytest.approx(np.log(density), abs=1e-11)
        np.testing.assert_allclose(got.score[i], score / density, rtol=1e-11, atol=1e-11)
        np.testing.assert_allclose(got.x0[i], x0 / density, rtol=1e-11, atol=1e-11)


@pytest.mark.parametrize("kind", KINDS)
def test_score_is_the_gradient_of_the_log_density_by_autograd(kind):
    mixture = a_mixture(kind)
    x = torch.tensor(RNG.normal(size=(6, 3)), requires_grad=True)
    got = mixture.predict(x, 0.7, 0.4)
    (gradient,) = torch.autograd.grad(got.log_density.sum(), x)
    assert (gradient - got.score).abs().max() < 1e-10
    assert (0.7 * got.x0 - x - 0.16 * gradient).abs().max() < 1e-10  # Tweedie


@pytest.mark.parametrize("kind", KINDS)
def test_score_is_the_finite_difference(kind):
    mixture, h = a_mixture(kind), 1e-3
    x = RNG.normal(size=(4, 3))
    for j, e in enumerate(np.eye(3)):
        f = [mixture.log_density(x + k * h * e, 0.7, 0.9) for k in (-2, -1, 1, 2)]
        slope = (f[0] - 8 * f[1] + 8 * f[2] - f[3]) / (12 * h)
        np.testing.assert_allclose(mixture.score(x, 0.7, 0.9)[:, j], slope, atol=1e-8)


@pytest.mark.parametrize("kind", KINDS)
def test_numpy_and_torch_agree(kind):
    mixture, x = a_mixture(kind), RNG.normal(size=(7, 3))
    for ours, theirs in zip(mixture.predict(x, 0.7, 0.4), mixture.predict(torch.tensor(x), 0.7, 0.4), strict=True):
        np.testing.assert_allclose(theirs.numpy(), ours, rtol=1e-13, atol=1e-13)


def test_fifty_digits_far_in_the_tail():
    mixture = Mixture([[-1.0, 0.0], [1.0, 0.5]], [0.01, 0.04], [0.25, 0.75])
    point, a, sigma = (30.0, -4.0), 0.9, 0.02
    with mpmath.workdps(50):
        a_, s2 = mpmath.mpf(a), mpmath.mpf(sigma) ** 2
        total = top = mpmath.mpf(0)
        for weight, mean, c in zip(mixture.weights, mixture.means, mixture.variances[:, 0], strict=True):
            V = a_**2 * mpmath.mpf(float(c)) + s2
            r = [mpmath.mpf(q) - a_ * mpmath.mpf(float(m)) for q, m in zip(point, mean, strict=True)]
            p = mpmath.mpf(float(weight)) * mpmath.exp(-(r[0] ** 2 + r[1] ** 2) / (2 * V)) / (2 * mpmath.pi * V)
            total, top = total + p, top - p * r[0] / V
        log_density, score = float(mpmath.log(total)), float(top / total)
    got = mixture.predict([point], a, sigma)
    assert got.log_density[0] == pytest.approx(log_density, rel=1e-14)
    assert got.score[0, 0] == pytest.approx(score, rel=1e-14)


@pytest.mark.parametrize("kind", KINDS)
def test_blocks_change_nothing(kind, monkeypatch):
    mixture, x = a_mixture(kind), RNG.normal(size=(9, 3)) * 10
    whole = mixture.predict(x, 0.7, 0.05)
    monkeypatch.setattr(module, "BLOCK", 6)
    for a, b in zip(whole, mixture.predict(x, 0.7, 0.05), strict=True):
        np.testing.assert_allclose(b, a, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("sigma", [0.05, 1.0])
def test_expanded_squares_agree_with_differences(sigma, monkeypatch):
    mixture = Mixture(RNG.normal(size=(50, 40)), RNG.uniform(0.1, 1, 50))
    x = RNG.normal(size=(20, 40))
    assert mixture._expands((1.0, 1.0), (sigma, sigma))
    fast = mixture.predict(x, 1.0, sigma)
    monkeypatch.setattr(module, "LOST", 0.0)
    for a, b in zip(fast, mixture.predict(x, 1.0, sigma), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-10, atol=1e-10)


def test_expanded_squares_hold_far_from_all_means(monkeypatch):
    """The decision does not look at the points: far out the square itself has no more digits."""
    mixture = Mixture(RNG.normal(size=(50, 40)), 0.5)
    x = RNG.normal(size=(20, 40)) * np.logspace(0, 8, 20)[:, None]
    fast = mixture.predict(x, 0.9, 0.5)
    monkeypatch.setattr(mixture, "_expands", lambda *ranges: False)
    for a, b in zip(fast, mixture.predict(x, 0.9, 0.5), strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-11)


def test_little_noise_falls_back_to_differences():
    mixture = Mixture(RNG.normal(size=(5, 40)), 1e-14)
    x = mixture.means + 1e-7
    assert not mixture._expands((1.0, 1.0), (0.0, 0.0))
    np.testing.assert_allclose(mixture.score(x), -1e7, rtol=1e-6)


def test_high_dimension_is_stable():
    mixture = Mixture(RNG.normal(size=(3000, 1000)), 0.01)
    x = mixture.sample(4, seed=1)
    got = mixture.predict(x, 0.8, 0.1)
    assert all(np.isfinite(part).all() for part in got)
    nearest = ((x[:, None, :20] - mixture.means[None, :, :20]) ** 2).sum(-1).argmin(-1)
    r = x - 0.8 * mixture.means[nearest]
    np.testing.assert_allclose(got.score, -r / (0.64 * 0.01 + 0.01), rtol=1e-8, atol=1e-8)


def test_each_point_may_have_its_own_noise():
    mixture, x = a_mixture("full"), RNG.normal(size=(4, 3))
    a, sigma = np.array([1.0, 0.7, 0.3, 0.0]), np.array([0.0, 0.5, 0.9, 1.0])
    together = mixture.score(x, a, sigma)
    for i in range(4):
        np.testing.assert_allclose(together[i], mixture.score(x[i : i + 1], a[i], sigma[i])[0], rtol=1e-12)


@pytest.mark.parametrize("kind", KINDS)
def test_classes_add_up_to_the_mixture(kind):
    mixture, x = a_mixture(kind), RNG.normal(size=(4, 3))
    total = 0.0
    for label in mixture.classes:
        mass = sum(w for w, mine in zip(mixture.weights, mixture.labels, strict=True) if mine == label)
        total = total + mass * np.exp(mixture.given(label).log_density(x, 0.6, 0.3))
    np.testing.assert_allclose(np.log(total), mixture.log_density(x, 0.6, 0.3), rtol=1e-12)


def test_a_class_of_a_plane_mixture_with_two_components():
    mixture = Mixture([[0.0, 0.0], [1.0, 1.0], [2.0, 0.0]], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], labels=[0, 1, 1])
    np.testing.assert_array_equal(mixture.given(1).variances, [[3.0, 4.0], [5.0, 6.0]])


def test_components_of_weight_zero_are_as_if_absent():
    x = RNG.normal(size=(3, 2))
    with_zero = Mixture([[9.0, 9.0], [0.0, 1.0]], 1.0, [0.0, 1.0]).predict(x, 0.5, 0.5)
    without = Mixture([[0.0, 1.0]], 1.0).predict(x, 0.5, 0.5)
    for a, b in zip(with_zero, without, strict=True):
        np.testing.assert_array_equal(a, b)


def test_samples_have_the_moments_and_do_not_depend_on_their_number():
    mixture = a_mixture("full")
    x = mixture.sample(20000, seed=3)
    bound = 5 * x.std(0) / np.sqrt(len(x))  # five standard errors: false alarm 6e-7 a coordinate
    assert (abs(x.mean(0) - mixture.mean) < bound).all()
    np.testing.assert_array_equal(mixture.sample(10, seed=3), x[:10])
    assert (mixture.sample(10, seed=4) != x[:10]).all()


BAD = {
    "not positive definite": lambda: Mixture([[0.0, 0.0]], [[[1.0, 2.0], [2.0, 1.0]]]),
    "singular": lambda: Mixture([[0.0, 0.0]], [[[1.0, 1.0], [1.0, 1.0]]]),
    "negative variance": lambda: Mixture([[0.0]], -1.0),
    "not symmetric": lambda: Mixture([[0.0, 0.0]], [[[1.0, 0.5], [0.0, 1.0]]]),
    "weights": lambda: Mixture([[0.0], [1.0]], 1.0, [0.5, 0.6]),
    "negative weight": lambda: Mixture([[0.0], [1.0]], 1.0, [-0.5, 1.5]),
    "number of weights": lambda: Mixture([[0.0], [1.0]], 1.0, [1.0]),
    "labels": lambda: Mixture([[0.0], [1.0]], 1.0, labels=[0]),
    "shape": lambda: Mixture([[0.0, 1.0, 2.0]], [[1.0, 2.0]]),
    "nan": lambda: Mixture([[np.nan]]),
    "one mean": lambda: Mixture([0.0, 1.0]),
    "text": lambda: Mixture("abc"),
    "d mismatch": lambda: Mixture([[0.0, 0.0]]).score([[1.0]]),
    "negative sigma": lambda: Mixture([[0.0]]).score([[1.0]], 1.0, -0.1),
    "sigmas": lambda: Mixture([[0.0]]).score([[1.0]], 1.0, [0.1, 0.2]),
    "class": lambda: Mixture([[0.0]]).given("cat"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_an_error_of_three_lines(case):
    with pytest.raises(InputError) as caught:
        BAD[case]()
    assert len(str(caught.value).splitlines()) == 3
