"""Rules: the published numbers, bounds, degenerate branches, ratios."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from maskguide import InputError
from maskguide.gaussian import combine, moment_ratio, power_law, rectified, regression_ratio, rule

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


def test_angle_in_the_other_direction():
    np.testing.assert_allclose(combine("angle", C, U, 0.0), C)
    assert combine("angle", C, U, 0.5)[0, 1] < 0 < combine("angle", C, U, -0.5)[0, 1]


def test_power_law():
    c, u = RNG.normal(size=(3, 4)), RNG.normal(size=(3, 4))
    size = np.sqrt(((c - u) ** 2).mean(-1))[:, None]
    np.testing.assert_allclose(combine(power_law(1.5), c, u, 2.0), c + 2 * size**1.5 * (c - u))
    np.testing.assert_allclose(combine(power_law(0.0), c, u, 2.0), combine("linear", c, u, 2.0))
    np.testing.assert_allclose(combine(power_law(-0.5), c, c, 2.0), c, rtol=1e-14)


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
