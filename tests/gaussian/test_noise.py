"""Noise processes: rates by finite differences; conversions between the four predictions."""

import itertools

import numpy as np
import pytest

from maskguide import InputError
from maskguide.gaussian import Mixture, convert, variance_exploding, variance_preserving
from maskguide.gaussian.noise import KINDS, PROCESSES, process

MIXTURE = Mixture([[-1.0, 0.0], [1.0, 0.5]], [0.04, 0.3], [0.25, 0.75])
X = np.random.default_rng(1).normal(size=(5, 2))


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("t", [0.2, 0.5, 0.9])
def test_rates_are_derivatives(name, t):
    noise, h = process(name), 1e-5
    level, up, down = (noise.at(s) for s in (t, t + h, t - h))
    assert level.scale_rate == pytest.approx((up.scale - down.scale) / (2 * h), abs=1e-7)
    assert level.variance_rate == pytest.approx((up.variance - down.variance) / (2 * h), abs=1e-6)


@pytest.mark.parametrize("name", PROCESSES)
def test_ends(name):
    start, end = process(name).at(0.0), process(name).at(1.0)
    assert (start.scale, start.variance) == (1.0, 0.0)
    assert end.scale == {"flow": 0.0, "cosine": 0.0, "vp": pytest.approx(np.exp(-10.05 / 2)), "ve": 1.0}[name]


def test_preserved_variance():
    for noise in (process("vp"), process("cosine")):
        for t in (0.0, 1e-9, 0.3, 1.0):
            assert noise.at(t).scale ** 2 + noise.at(t).variance == pytest.approx(1, abs=1e-15)


@pytest.mark.parametrize("name", PROCESSES)
@pytest.mark.parametrize("pair", list(itertools.product(KINDS, KINDS)))
def test_every_conversion_gives_the_exact_prediction(name, pair):
    level = process(name).at(0.4)
    got = MIXTURE.predict(X, level.scale, level.sigma)
    eps = (X - level.scale * got.x0) / level.sigma
    velocity = level.scale_rate * got.x0 + level.variance_rate / (2 * level.sigma) * eps
    exact = dict(zip(KINDS, (got.score, eps, got.x0, velocity), strict=True))
    np.testing.assert_allclose(convert(exact[pair[0]], X, level, *pair), exact[pair[1]], rtol=1e-10, atol=1e-10)


def test_flow_matching_velocity_is_eps_less_x0():
    level = process("flow").at(0.4)
    got = MIXTURE.predict(X, level.scale, level.sigma)
    eps = convert(got.score, X, level, "score", "eps")
    np.testing.assert_allclose(convert(got.x0, X, level, "x0", "velocity"), eps - got.x0, rtol=1e-12)


BAD = {
    "time": lambda: process("flow").at(1.5),
    "name": lambda: process("vq"),
    "kind": lambda: convert(X, X, process("vp").at(0.5), "noise", "x0"),
    "a = 0": lambda: convert(X, X, process("flow").at(1.0), "score", "x0"),
    "sigma = 0": lambda: convert(X, X, process("vp").at(0.0), "x0", "score"),
    "beta": lambda: variance_preserving(2.0, 1.0),
    "variance": lambda: variance_exploding(-1.0),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError):
        BAD[case]()
