"""Schedule maps and negative windows against closed forms, a fine grid, and classified samples."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from maskguide import InputError
from maskguide.gaussian.closed_forms import Moments, exponent, ode_moments, sde_moments
from maskguide.gaussian.path_integrals import LinearWeight, WindowWeight
from maskguide.papers.distortions.schedules import best_window, neutral_slope, schedule_map, separability

ALPHA = 1e-6


def test_the_line_of_unchanged_variance():
    found = schedule_map(1.0, 2.0, 10.0, np.linspace(-1, 1, 9), np.linspace(-0.1, 1, 12))
    for start, slope in zip(found.starts, found.neutral, strict=True):
        if start <= 0:
            assert ode_moments(1.0, 2.0, 1.0, LinearWeight(start, slope), 10.0).variance == pytest.approx(1, rel=1e-12)
    assert found.neutral == pytest.approx(-found.starts * found.neutral[0], rel=1e-12, abs=1e-15)
    assert 0.5 < found.neutral[0] < 0.52
    above = found.slopes > found.neutral[:, None]
    known = np.isfinite(found.log_ratio)
    assert (found.log_ratio[known & above] < 0).all() and (found.log_ratio[known & ~above] > -1e-12).all()


@pytest.mark.parametrize("dynamics", ["ode", "sde"])
def test_the_map_is_empty_where_weights_fall_below_minus_one(dynamics):
    found = schedule_map(1.0, 2.0, 10.0, [-1.0, 0.5, 2.0], [-0.2, 0.1], dynamics)
    assert np.isnan(found.log_ratio).tolist() == [[True, False], [True, False], [False, False]]
    moments = ode_moments if dynamics == "ode" else sde_moments
    exact = np.log(moments(1.0, 2.0, 0.0, LinearWeight(0.5, 0.1), 10.0).variance)
    assert found.log_ratio[1, 1] == pytest.approx(exact, rel=1e-12)


@settings(max_examples=30, deadline=None)
@given(c=st.floats(0.1, 5), extra=st.floats(0.1, 10), horizon=st.floats(0.5, 100), start=st.floats(-1, 0))
def test_neutral_slope(c, extra, horizon, start):
    slope = neutral_slope(c, c + extra, horizon, start)
    assert slope >= 0
    assert exponent(c, c + extra, LinearWeight(start, slope), horizon) == pytest.approx(0, abs=1e-10)


def test_separability_is_the_classifier():
    c, mu, moments = np.array([1.0, 0.5]), np.array([0.4, -0.3]), Moments(np.array([0.6, -0.4]), np.array([0.5, 0.7]))
    x = moments.mean + np.sqrt(moments.variance) * np.random.default_rng(3).normal(size=(20000, 2))
    right = int(((x * mu / c).sum(axis=1) > 0).sum())
    assert stats.binomtest(right, 20000, stats.norm.cdf(separability(c, mu, moments))).pvalue > ALPHA
    assert stats.binomtest(right, 20000, stats.norm.cdf(separability(c, mu, Moments(mu, c)))).pvalue < ALPHA


SPECTRUM = (np.array([1.0, 1.0, 1.0]), np.array([2.0, 4.0, 9.0]), np.ones(3))


@pytest.mark.parametrize("gain", [1.0, 1.3, 2.0])
def test_no_window_of_a_fine_grid_beats_the_best_one(gain):
    c, u, mu = SPECTRUM
    found = best_window(c, u, mu, 3.0, gain=gain, switches=np.geomspace(0.1, 1000, 12))
    own = separability(c, mu, Moments(mu, c))
    assert found.separability >= gain * own * (1 - 1e-9) and found.distortion < found.constant_distortion
    assert found.class_separability == own and -1 <= found.weight.late < 0
    for switch in np.geomspace(0.1, 1000, 12):
        for late in np.linspace(-1, 0, 11):
            moments = ode_moments(c, u, mu, WindowWeight(3.0, late, switch))
            rms = np.sqrt(np.mean(np.log(moments.variance / c) ** 2))
            assert rms >= found.distortion - 1e-9 or separability(c, mu, moments) < gain * own


def test_in_one_direction_a_window_restores_all():
    found = best_window(1.0, 2.0, 1.0, 3.0)
    assert found.distortion < 1e-12 and found.separability > 1.8
    assert found.constant_distortion == pytest.approx(3 * np.log(2), rel=1e-12)


def test_a_gain_that_nothing_reaches():
    with pytest.raises(InputError, match="separability"):
        best_window(*SPECTRUM, 1.0, gain=50.0)


def test_bad_input():
    with pytest.raises(InputError):
        schedule_map(1.0, 2.0, 10.0, [0.0], [0.0], "langevin")
