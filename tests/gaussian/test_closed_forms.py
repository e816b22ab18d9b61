"""Closed forms against the moment equations, 40-digit integrals, densities, and an Euler-Maruyama chain."""

from itertools import pairwise

import mpmath as mp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from scipy.integrate import solve_ivp

from maskguide import InputError
from maskguide.gaussian.closed_forms import (
    Moments,
    exponent,
    ode_moments,
    recfg_factor,
    sde_moments,
    tilted_moments,
)
from maskguide.gaussian.path_integrals import LinearWeight, WindowWeight
from maskguide.papers.angle.geometry import angle_growth

ALPHA = 1e-6
PUBLISHED = [  # w, then mean and variance of ODE, SDE and tilted law at c = 1, u = 2, mu = 1
    (1, (1.6232, 0.5), (1.5, 0.5833), (1.3333, 0.6667)),
    (2, (2.0, 0.25), (1.75, 0.3875), (1.5, 0.5)),
    (4, (2.3333, 0.0625), (1.9375, 0.2218), (1.6667, 0.3333)),
]
SCHEDULES = [
    0.7,
    LinearWeight(-1.0, 0.5),
    LinearWeight(2.0, -0.25),
    WindowWeight(3.0, -0.8, 1.5),
    lambda s: 2 * np.exp(-s) * np.cos(s) - 0.1,
]
variance = st.floats(0.05, 20)
weights = st.floats(-1, 8)
horizons = st.one_of(st.just(np.inf), st.floats(0.1, 1e3))
both = pytest.mark.parametrize("moments", [ode_moments, sde_moments])


def step_schedule(levels, edges):
    schedule = lambda s: np.select([s <= e for e in edges], levels[:-1], levels[-1])  # noqa: E731
    schedule.breaks = tuple(edges)
    return schedule


def level(weight, s):
    return float(weight(np.array(s))) if callable(weight) else weight


def integrated(c, u, mu, weight, horizon, start, factor, noise):
    """(m, V) by the moment equations, dm/ds = factor/2 (rate m - pull), piece by piece between jumps."""

    def equations(s, y):
        w = level(weight, s)
        rate = factor / 2 * ((1 + w) / (c + s) - w / (u + s))
        return rate * y[0] - factor / 2 * (1 + w) * mu / (c + s), 2 * rate * y[1] - noise

    edges = [horizon, *(b for b in getattr(weight, "breaks", ()) if b < horizon), 0.0]
    y = np.array([start.mean, start.variance])
    for a, b in pairwise(edges):
        inside = (a - 1e-13 * a, b + 1e-13) if b else (a - 1e-13 * a, 0.0)
        y = solve_ivp(equations, inside, y, method="DOP853", rtol=1e-12, atol=1e-13).y[:, -1]
    return y


@pytest.mark.parametrize(("w", "ode", "sde", "tilted"), PUBLISHED)
def test_published_table(w, ode, sde, tilted):
    for moments, (mean, var) in ((ode_moments, ode), (sde_moments, sde), (tilted_moments, tilted)):
        found = moments(1.0, 2.0, 1.0, w)
        assert (round(float(found.mean), 4), round(float(found.variance), 4)) == (mean, var)


def test_published_linear_schedule():
    assert round(float(ode_moments(1.0, 2.0, 1.0, LinearWeight(-1, 0.5), 10).variance), 4) == 1.0134


@both
@pytest.mark.parametrize("weight", SCHEDULES)
@pytest.mark.parametrize("start", [None, Moments(-0.4, 7.0)])
@pytest.mark.parametrize(("c", "u"), [(1.0, 2.0), (0.3, 4.0), (2.0, 0.9)])
def test_moment_equations(moments, weight, start, c, u):
    found = moments(c, u, 1.3, weight, 6.0, start)
    begin = start or Moments(1.3, c + 6.0)
    factor, noise = (1, 0) if moments is ode_moments else (2, 1)
    assert [found.mean, found.variance] == pytest.approx(
        integrated(c, u, 1.3, weight, 6.0, begin, factor, noise), rel=1e-10
    )


@both
def test_moment_equations_reject_swapped_weights(moments):
    factor, noise = (1, 0) if moments is ode_moments else (2, 1)
    wrong = integrated(1.0, 2.0, 1.0, 3.0, 6.0, Moments(1.0, 7.0), factor, noise)  # w where 1 + w belongs
    right = moments(1.0, 2.0, 1.0, 2.0, 6.0)
    assert abs(wrong - [right.mean, right.variance]).max() > 1e-2


@both
@settings(deadline=None, max_examples=60)
@given(c=variance, u=variance, mu=st.floats(-5, 5), w=weights, horizon=horizons)
def test_constant_formulas_are_the_integrals(moments, c, u, mu, w, horizon):
    closed, summed = moments(c, u, mu, w, horizon), moments(c, u, mu, lambda s: w + 0 * s, horizon)
    lost = 1e-13 * max(1.0, (c / u) ** (w / 2)) * (1 + w) if moments is ode_moments else 0  # 2F1 where c > u
    assert closed.mean == pytest.approx(summed.mean, rel=1e-11, abs=lost * abs(mu))
    assert closed.variance == pytest.approx(summed.variance, rel=1e-11)


@pytest.mark.parametrize("w", [-1, -0.5, 0.3, 1, 4, 50, 300])
@pytest.mark.parametrize(("c", "u"), [(1, 2), (1, 1000), (3, 2), (1, 1)])
def test_constant_formulas_at_forty_digits(w, c, u):
    with mp.workdps(40):
        fading = lambda v, power: ((c + (u - c) * v**2) / mp.mpf(u)) ** (power * mp.mpf(w))  # noqa: E731
        places = [0, 0.05, 0.3, 0.7, 0.9, 1]
        ode = (1 + w) * mp.quad(lambda v: fading(v, 0.5), places)
        sde = c * mp.quad(lambda v: fading(v, 2) * 2 * v, places)
    assert float(ode_moments(c, u, 1.0, w).mean) == pytest.approx(float(ode), rel=1e-12)
    assert float(sde_moments(c, u, 1.0, w).variance) == pytest.approx(float(sde), rel=1e-12)


@both
def test_two_weights_that_need_no_guidance(moments):
    c, u, mu = np.array([0.5, 1.0]), np.array([2.0, 1.0]), np.array([1.0, -2.0])
    conditional = moments(c, u, mu, 0.0, 5.0)
    total = moments(c, u, mu, -1.0, 5.0, Moments(np.zeros(2), u + 5.0))
    assert conditional.mean == pytest.approx(mu, rel=1e-14) and conditional.variance == pytest.approx(c, rel=1e-14)
    assert total.mean == pytest.approx(np.zeros(2), abs=1e-14) and total.variance == pytest.approx(u, rel=1e-14)


@both
@settings(deadline=None, max_examples=60)
@given(
    c=variance, extra=st.floats(0.01, 20), horizon=horizons, levels=st.lists(st.floats(0, 20), min_size=3, max_size=3),
    edges=st.tuples(st.floats(0.01, 1), st.floats(1.5, 50)),
)  # fmt: skip
def test_no_schedule_without_negative_weights_keeps_the_variance(moments, c, extra, horizon, levels, edges):
    weight = step_schedule(levels, edges)
    found, left = moments(c, c + extra, 1.0, weight, horizon), exponent(c, c + extra, weight, horizon)
    assert left >= 0 and found.variance <= c * (1 + 1e-12)
    assert found.variance < c or left < 1e-12


@settings(deadline=None, max_examples=40)
@given(c=variance, extra=st.floats(0.5, 20), early=st.floats(0.1, 5), horizon=st.floats(1, 100))
def test_a_negative_window_restores_it(c, extra, early, horizon):
    u = c + extra
    lost = float(exponent(c, u, early, horizon))
    switch = next(
        s for s in horizon * (1 - 0.5 ** np.arange(1, 40)) if exponent(c, u, 1.0, float(s)) * (1 + early) > lost
    )
    late = early - lost / float(exponent(c, u, 1.0, switch))
    assert -1 <= late < 0
    assert ode_moments(c, u, 1.0, WindowWeight(early, late, switch), horizon).variance == pytest.approx(c, rel=1e-11)


@settings(deadline=None, max_examples=30)
@given(w=st.floats(-1, 5), c=st.floats(0.2, 2), ratio=st.floats(1, 4))
def test_tilted_moments_of_the_density(w, c, ratio):
    u, x = c * ratio, np.linspace(-60, 60, 20001)
    log_density = -(1 + w) * (x - 1) ** 2 / (2 * c) + w * x**2 / (2 * u)
    p = np.exp(log_density - log_density.max())
    p, found = p / p.sum(), tilted_moments(c, u, 1.0, w)
    assert found.mean == pytest.approx(p @ x, rel=1e-9) and found.variance == pytest.approx(
        p @ (x - p @ x) ** 2, rel=1e-9
    )


def test_tiny_weights_where_the_class_is_wider():
    for w in 10.0 ** -np.arange(10, 320, 10):
        assert ode_moments(385.0, 1.0, 1.0, w).mean == pytest.approx(1, rel=1e-8)


def test_all_three_means_share_a_limit():
    for moments in (ode_moments, sde_moments, tilted_moments):  # beyond w = 300 by quadrature
        assert moments(1.0, 3.0, 2.0, 1e5).mean == pytest.approx(2.0 * 3.0 / 2.0, rel=1e-4)
    assert ode_moments(1.0, 2.0, 1.0, 4.0).mean > 2  # the ODE's mean gets there from above


def euler_maruyama(w, grid, c=1.0, u=2.0, mu=1.0):
    """Factor, shift and noise of every step: the chain stays Gaussian."""
    h, s = -np.diff(grid), grid[:-1]
    return 1 - h * ((1 + w) / (c + s) - w / (u + s)), h * (1 + w) * mu / (c + s), h


def chain_moments(w, steps):
    m, v = 1.0, 11.0
    for a, b, h in zip(*euler_maruyama(w, np.geomspace(11, 1, steps + 1) - 1), strict=True):
        m, v = a * m + b, a * a * v + h
    return np.array([m, v])


def test_euler_maruyama_meets_the_closed_form_at_first_order():
    exact = sde_moments(1.0, 2.0, 1.0, 2.0, 10.0)
    errors = [chain_moments(2.0, k) - [exact.mean, exact.variance] for k in (200, 400, 800)]
    assert errors[0] / errors[1] == pytest.approx(2, abs=0.1) and errors[1] / errors[2] == pytest.approx(2, abs=0.05)


def simulated_tails(w_simulated, w_claimed, n=4000, steps=100):
    """Two-sided p-values of sample mean and variance against the chain's own law."""
    draw = np.random.default_rng(5)
    x = 1 + np.sqrt(11) * draw.normal(size=n)
    for a, b, h in zip(*euler_maruyama(w_simulated, np.geomspace(11, 1, steps + 1) - 1), strict=True):
        x = a * x + b + np.sqrt(h) * draw.normal(size=n)
    m, v = chain_moments(w_claimed, steps)
    chi = stats.chi2(n - 1).cdf((n - 1) * x.var(ddof=1) / v)
    return 2 * stats.norm.sf(abs(x.mean() - m) / np.sqrt(v / n)), 2 * min(chi, 1 - chi)


def test_simulation_agrees():
    assert min(simulated_tails(2.0, 2.0)) > ALPHA
    assert min(simulated_tails(3.0, 2.0)) < ALPHA  # omega where w belongs


def test_recfg_factor():
    assert recfg_factor([1, 3]) == pytest.approx([1, 2], rel=1e-14)
    assert recfg_factor(2.0) == pytest.approx(1 + np.arctanh(np.sqrt(0.5)) / np.sqrt(2), rel=1e-14)
    assert recfg_factor(3.0, c=1.0, u=4.0) == pytest.approx(3 - 2 * (1 - 1 / 4), rel=1e-14)  # 3 (1 - 2x/3), x = 1 - c/u


def angle_domain(x_c, x_u, omega):
    """The rule on vectors, outside its degenerate branch."""
    theta = np.arccos(x_c @ x_u / np.linalg.norm(x_c) / np.linalg.norm(x_u))
    turned = np.clip((omega - 1) * theta, -np.pi / 3, np.pi / 3)
    e = (x_c - x_u) - (x_c - x_u) @ x_u / (x_u @ x_u) * x_u
    return theta, np.cos(turned) * x_c + np.sin(turned) / np.sin(theta) * e


@settings(max_examples=200)
@given(seed=st.integers(0, 10**6), omega=st.floats(0, 100), size=st.floats(1e-3, 1e3), d=st.integers(2, 20))
def test_angle_norm_identity_and_bound(seed, omega, size, d):
    x_c, x_u = np.random.default_rng(seed).normal(size=(2, d)) * [[1.0], [size]]
    theta, x = angle_domain(x_c, x_u, omega)
    if np.sin(theta) > 1e-3:
        assert x @ x / (x_c @ x_c) == pytest.approx(angle_growth(theta, omega) ** 2, rel=1e-6, abs=1e-9)
    assert angle_growth(theta, omega) <= np.sqrt(2)


@pytest.mark.parametrize("bad", [
    lambda: ode_moments(0.0, 1.0, 1.0, 1.0),
    lambda: ode_moments(1.0, -1.0, 1.0, 1.0),
    lambda: ode_moments(1.0, 2.0, np.nan, 1.0),
    lambda: sde_moments(1.0, 2.0, 1.0, -1.5),
    lambda: sde_moments(1.0, 2.0, 1.0, lambda s: -1.5 + 0 * s),
    lambda: ode_moments(1.0, 2.0, 1.0, 1.0, horizon=0.0),
    lambda: ode_moments(1.0, 2.0, 1.0, 1.0, start=Moments(0.0, 1.0)),
    lambda: ode_moments(1.0, 2.0, 1.0, LinearWeight(0.0, 1.0)),
    lambda: exponent(1.0, 2.0, LinearWeight(0.0, -1.0), 10.0),
    lambda: tilted_moments(2.0, 1.0, 1.0, 1.0),
    lambda: ode_moments(1.0, 2.0, 1.0, lambda s: np.sign(s - 0.123456)),
    lambda: WindowWeight(1.0, -1.0, 0.0),
    lambda: LinearWeight(-2.0, 1.0),
])  # fmt: skip
def test_bad_input(bad):
    with pytest.raises(InputError):
        bad()
