"""Rules: the published numbers, bounds, degenerate branches, ratios."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskguide import InputError
from maskguide.gaussian import (
    Mixture,
    combine,
    guided_field,
    moment_ratio,
    power_law,
    rectified,
    regression_ratio,
    rule,
    variance_exploding,
    variance_preserving,
)

C, U = np.array([[1.0, 0.0]]), np.array([[0.5, 3**0.5 / 2]])
RNG = np.random.default_rng(2)


def test_linear():
    np.testing.assert_allclose(combine("linear", C, U, 2.0), 3 * C - 2 * U)
    np.testing.assert_array_equal(combine("contrastive", C, U, 0.7), combine("linear", C, U, 0.7))


def test_angle_has_the_norm_of_the_theory():
    assert np.linalg.norm(combine("angle", C, U, 0.78)) == pytest.approx(1.36539976, abs=5e-9)


def test_angle_is_clipped_at_sixty_degrees():
    np.testing.assert_array_equal(combine("angle", C, U, 1.0), combine("angle", C, U, 14.0))
    assert np.abs(combine("angle", C, U, 0.99) - combine("angle", C, U, 1.0)).max() > 1e-3


@given(st.floats(0.01, 3.1), st.floats(0, 14), st.floats(0.1, 10), st.floats(0.1, 10))
def test_angle_grows_by_no_more_than_the_root_of_two(theta, w, size_c, size_u):
    c, u = np.array([[size_c, 0.0]]), size_u * np.array([[np.cos(theta), np.sin(theta)]])
    got = (combine("angle", c, u, w) ** 2).sum() / size_c**2
    turned = min(w * theta, np.pi / 3)
    assert got == pytest.approx(1 + np.sin(2 * turned) * np.sin(theta), rel=1e-9)
    assert got <= 2 + 1e-9


def test_angle_degenerate_branch():
    c, u = np.array([[1.0, 0.0]]), np.array([[2.0, 2e-4]])  # sin(theta) = 1e-4
    aside = c - u - u * ((c - u) @ u[0] / (u[0] @ u[0]))
    theta = 1e-4
    np.testing.assert_allclose(combine("angle", c, u, 5.0), np.cos(5 * theta) * c + 5 * aside, rtol=1e-7)
    np.testing.assert_array_equal(combine("angle", c, c, 5.0), c)
    np.testing.assert_array_equal(combine("angle", c, 0 * c, 0.0), c)


def test_angle_against_its_formula_written_with_arccos():
    c, u, w = RNG.normal(size=(200, 6)), RNG.normal(size=(200, 6)), 0.9
    for one, other, got in zip(c, u, combine("angle", c, u, w), strict=True):
        size = np.linalg.norm(one) * np.linalg.norm(other)
        theta = np.arccos(one @ other / size)
        gap = one - other
        aside = gap - (gap @ other) / (other @ other) * other
        turned = np.clip(w * theta, -np.pi / 3, np.pi / 3)
        naive = np.cos(turned) * one + np.sin(turned) / np.sin(theta) * aside
        np.testing.assert_allclose(got, naive, rtol=0, atol=1e-12)


def test_angle_in_the_other_direction():
    np.testing.assert_allclose(combine("angle", C, U, 0.0), C)
    assert combine("angle", C, U, 0.5)[0, 1] < 0 < combine("angle", C, U, -0.5)[0, 1]


def test_power_law():
    c, u = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
    size = np.sqrt(((c - u) ** 2).mean(-1))[:, None]
    np.testing.assert_allclose(combine(power_law(1.5), c, u, 2.0), c + 2 * size**1.5 * (c - u))
    np.testing.assert_allclose(combine(power_law(0.0), c, u, 2.0), combine("linear", c, u, 2.0))
    np.testing.assert_allclose(combine(power_law(-0.5), c, c, 2.0), c, rtol=1e-14)


def test_power_law_of_scores_is_the_published_one_and_that_of_eps_at_a_weight_that_follows_the_noise():
    own, total = Mixture([[1.0, 0.0, -1.0]], 0.25), Mixture([[0.0] * 3, [2.0, 1.0, 0.0]], 1.0)
    x, level, omega, power = RNG.normal(size=(5, 3)), variance_preserving().at(0.4), 1.7, 0.9
    s_c, s_u = (m.score(x, level.scale, level.sigma) for m in (own, total))
    published = s_c + omega * np.linalg.norm(s_c - s_u, axis=1)[:, None] ** power * (s_c - s_u)
    weight = lambda t: omega * (3**0.5 / variance_preserving().at(t).sigma) ** power  # noqa: E731
    for weights, law in ((weight, power_law(power)), (omega, power_law(power, of="score"))):
        field = guided_field(own, total, weights, law, "vp")
        np.testing.assert_allclose(-field.predict(x, 0.4)[1], published, rtol=1e-12)


def test_rectified_is_the_published_combination():
    """gamma_0 = (1 - gamma_1) ratio on eps, as velocity d = (x - x0) / sigma of a variance-exploding process."""
    level, gamma = variance_exploding(9.0).at(0.5), 2.5
    own, total = Mixture([[1.0, -1.0]], 0.25), Mixture([[0.0, 0.0]])
    x, ratio = RNG.normal(size=(4, 2)), np.array([0.7, 1.1])
    d_c, d_u = ((x - m.denoise(x, level.scale, level.sigma)) / level.sigma for m in (own, total))
    published = x - (gamma * d_c + (1 - gamma) * ratio * d_u) * level.sigma
    field = guided_field(own, total, gamma - 1, rectified(ratio), variance_exploding(9.0))
    np.testing.assert_allclose(field.predict(x, 0.5)[0], published, rtol=1e-12)


@given(st.floats(0.05, 0.95), st.floats(-3, 3), st.floats(0.1, 4), st.floats(0.1, 4))
def test_ratios_of_two_normals(t, mean, variance, total):
    """Two points of equal weight integrate squares exactly: both ratios over the noised class in closed form."""
    a, s2 = 1 - t, t * t
    v_c, v_u = a * a * variance + s2, a * a * total + s2
    x = a * mean + np.array([[1.0], [-1.0]]) * v_c**0.5
    c, u = (x - a * mean) / v_c, x / v_u
    assert regression_ratio(c, u)[0] == pytest.approx(v_u / (v_c + (a * mean) ** 2), rel=1e-9)
    if abs(mean) > 1e-3:
        assert moment_ratio(c, u)[0] == pytest.approx(0.0, abs=1e-9)


def test_rectified_keeps_the_first_moment_and_the_regression():
    c, u = RNG.normal(1.0, 1, (100, 3)), RNG.normal(0.3, 1, (100, 3))
    moment, regression = moment_ratio(c, u), regression_ratio(c, u)
    np.testing.assert_allclose(combine(rectified(moment), c, u, 2.5).mean(0), c.mean(0))
    np.testing.assert_allclose(((c - regression * u) * u).mean(0), 0, atol=1e-15)
    np.testing.assert_allclose(combine(rectified(lambda t: t), c, u, 2.0, 0.25), 3 * c - 0.5 * u)
    np.testing.assert_allclose(combine(rectified(1.0), c, u, 2.0), combine("linear", c, u, 2.0))


@pytest.mark.parametrize("name", ["linear", "angle", power_law(0.7), rectified(0.4)])
def test_weight_zero_is_conditional_and_torch_agrees(name):
    c, u = RNG.normal(size=(5, 3)), RNG.normal(size=(5, 3))
    if name == "linear" or rule(name).space != "x0":
        np.testing.assert_array_equal(combine(name, c, u, 0.0), c)
    theirs = combine(name, torch.tensor(c), torch.tensor(u), 1.3)
    np.testing.assert_allclose(theirs.numpy(), combine(name, c, u, 1.3), rtol=1e-13)


BAD = {
    "name": lambda: combine("angel", C, U, 1.0),
    "no ratio": lambda: combine("rectified", C, U, 1.0),
    "weight": lambda: combine("linear", C, U, -1.5),
    "shape": lambda: combine("linear", C, U[:, :1], 1.0),
    "power": lambda: power_law(-1.0),
    "moment": lambda: moment_ratio(C, 0 * U),
    "regression": lambda: regression_ratio(C, 0 * U),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError):
        BAD[case]()
