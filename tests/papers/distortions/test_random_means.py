"""Many random classes: scores against brute force, steps against closed forms, simulation against predictions."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskguide import InputError
from maskguide.gaussian.closed_forms import ode_moments
from maskguide.gaussian.mixture import Mixture
from maskguide.papers.distortions import random_means as module
from maskguide.papers.distortions.random_means import (
    competitors,
    critical_rate,
    guided_critical_rate,
    guided_switch,
    mean_density,
    posterior_mean,
    predicted_loss,
    random_means,
    typical_switch,
)

ALPHA = 1e-6


def test_posterior_mean():
    draw = np.random.default_rng(0)
    x, means = 30 * draw.normal(size=(5, 3)), draw.normal(size=(40, 3))
    r = np.exp(-((x[:, None] - means) ** 2).sum(axis=2).astype(np.longdouble) / (2 * 0.7))
    exact = ((r / r.sum(axis=1, keepdims=True)) @ means).astype(float)
    assert posterior_mean(Mixture(means, 0.5), 0.5, x, 0.7) == pytest.approx(exact, rel=1e-11)


@pytest.mark.parametrize(("within", "between", "w"), [(1.0, 1.0, 2.0), (0.5, 2.0, 1.0)])
def test_against_a_gaussian_total_heun_is_second_order(within, between, w):
    posterior = lambda x, v: x * between / (between + v)  # noqa: E731
    exact = ode_moments(within, within + between, 1.0, w, 50.0)
    errors = []
    for steps in (40, 80):
        levels = np.geomspace(within + 50.0, within, steps + 1)
        x = 1 + np.array([[0.0], [np.sqrt(levels[0])]])  # the start's mean, and one deviation from it
        end = module._descend(x, np.ones(1), posterior, w, levels, "ode", None)
        errors.append([end[0, 0] - exact.mean, (end[1, 0] - end[0, 0]) ** 2 - exact.variance])
    assert np.abs(errors[1]).max() < 5e-3
    assert np.divide(*errors) == pytest.approx([4, 4], abs=0.6)


def test_a_single_class_is_left_alone():
    for dynamics in ("ode", "sde"):
        found = random_means(10, 1, 5.0, dynamics=dynamics, samples=100, problems=4, steps=5, within=0.5)
        degrees = 4 * 10 * 99
        assert ALPHA < stats.chi2(degrees).cdf(found.ratio * degrees) < 1 - ALPHA
        assert found.mean_factor == pytest.approx(1, abs=6 * np.sqrt(0.5 / 100 / 40))


def test_predictions_at_their_ends():
    star = critical_rate(0.5, 2.0)
    assert typical_switch(star, 0.5, 2.0) == pytest.approx(0, abs=1e-12) and typical_switch(0.0) == np.inf
    for alpha in (0.1, 0.3, star, 2.0):
        ratio = predicted_loss(alpha, 1.5, 0.5, 2.0)[0]
        assert ratio == pytest.approx(np.exp(-2 * 1.5 * min(alpha, star)), rel=1e-12)
    assert predicted_loss(0.0, 3.0) == (1.0, 1.0) and predicted_loss(0.0, 3.0, path="guided") == (1.0, 1.0)
    full = ode_moments(1.0, 2.0, 1.0, 3.0)
    assert predicted_loss(3.0, 3.0, path="guided") == pytest.approx((full.variance, full.mean), rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(alpha=st.floats(0.01, 2))
def test_without_guidance_both_points_are_typical(alpha):
    assert guided_switch(alpha, 0.0) == pytest.approx(typical_switch(alpha), rel=1e-6, abs=1e-9)


@pytest.mark.parametrize(("weight", "threshold"), [(1.0, 0.686), (3.0, 0.8035)])
def test_guided_points_need_more_classes_to_be_lost(weight, threshold):
    assert guided_switch(threshold, weight) > 0 and guided_switch(threshold + 1e-3, weight) == 0
    assert guided_critical_rate(weight) == pytest.approx(threshold, abs=1e-3) and threshold > 1.9 * critical_rate()
    assert guided_critical_rate(0.0, 0.5, 2.0) == pytest.approx(critical_rate(0.5, 2.0), rel=1e-9)


@settings(max_examples=60, deadline=None)
@given(r=st.floats(0.1, 20), alpha=st.floats(0.01, 2), v=st.floats(0.1, 10))
def test_competitors_are_below_its_average(r, alpha, v):
    annealed = alpha - 0.5 * np.log1p(1 / v) - r / (2 * (v + 1))
    assert competitors(r, alpha, v) <= annealed + 1e-9
    if r <= v + 1 and alpha > 0.5 * np.log1p(1 / v):
        assert competitors(r, alpha, v) == pytest.approx(annealed, rel=1e-9, abs=1e-12)


def test_guided_points_leave_their_competitors_earlier_and_lose_less():
    for alpha, classes in ((0.2, 122), (0.3, 1339)):
        found = random_means(24, classes, 3.0, samples=32, problems=8, steps=32)
        typical, guided = (predicted_loss(alpha, 3.0, path=p)[0] for p in ("typical", "guided"))
        assert found.ratio - 6 * found.ratio_error > typical
        assert abs(found.ratio - guided) < 0.15 and found.ratio + 6 * found.ratio_error < 1


def test_the_start_is_far_enough_away_and_the_steps_small_enough():
    """Against one Gaussian, from `FAR` with 64 steps: the closed form from infinite noise."""
    levels, posterior = module._levels(1.0, 2.0, 64), lambda x, v: x / (1 + v)
    x = 1 + np.array([[0.0], [np.sqrt(levels[0])]])
    end = module._descend(x, np.ones(1), posterior, 3.0, levels, "ode", None)
    exact = ode_moments(1.0, 2.0, 1.0, 3.0)
    assert end[0, 0] == pytest.approx(exact.mean, abs=5e-3)
    assert (end[1, 0] - end[0, 0]) ** 2 == pytest.approx(exact.variance, abs=2e-3)
    assert abs(ode_moments(1.0, 2.0, 1.0, 3.0, 2e3).mean - exact.mean) > 0.02  # a nearer start would be seen


def test_the_mean_density_is_the_posterior_of_many_classes():
    """With b small against v every class is near its mean density: checked by the mixture itself."""
    draw = np.random.default_rng(4)
    mu = draw.normal(size=(20000, 2))
    x = 2 * draw.normal(size=(6, 2))
    exact = posterior_mean(Mixture(mu, 1.0), 1.0, x, 9.0)
    found = module._mean_posterior(mu[0], np.log(19999), 1.0, x, 9.0)
    assert found == pytest.approx(exact, abs=0.03)
    near = module._mean_posterior(mu[0], np.log(19999), 1.0, mu[:1], 1e-12)
    assert near == pytest.approx(mu[:1], abs=1e-6)


def test_the_guided_prediction_is_reached_in_many_dimensions():
    guided, typical = (predicted_loss(0.2, 3.0, path=p) for p in ("guided", "typical"))
    small, large = (mean_density(d, 0.2, 3.0, samples=16, problems=6, steps=96) for d in (64, 4096))
    assert abs(large.ratio - guided[0]) < min(0.015, abs(small.ratio - guided[0]))
    assert large.mean_factor == pytest.approx(guided[1], abs=0.03) and large.ratio > typical[0] + 0.3


@pytest.mark.parametrize("bad", [
    lambda: mean_density(5, 0.0, 1.0),
    lambda: random_means(0, 5, 1.0),
    lambda: random_means(5, 5, -2.0),
    lambda: random_means(5, 5, 1.0, samples=1),
    lambda: random_means(5, 5, 1.0, dynamics="both"),
    lambda: predicted_loss(0.1, 1.0, path="mean"),
])  # fmt: skip
def test_bad_input(bad):
    with pytest.raises(InputError):
        bad()
