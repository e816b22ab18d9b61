"""Angle-domain guidance: closed forms against the rule itself, regions against predictions, measures against laws."""

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from scipy import stats

from maskguide import InputError
from maskguide.gaussian import Mixture, combine, flow_matching, guided_field, rule, sample, variance_exploding
from maskguide.papers.angle.geometry import (
    Region,
    angle,
    angle_growth,
    anomalous_ball,
    anomalous_probability,
    anomalous_region,
    critical_scale,
    is_anomalous,
    linear_growth,
    two_class_boundary,
)
from maskguide.papers.angle.measures import classes_on_a_sphere, end_measures, norm_cdf, norm_quantiles, path_measures

RNG = np.random.default_rng(4)
LEVEL = flow_matching().at(0.6)
scales = st.floats(1.01, 15)


def pair(theta, c, u):
    return c * np.array([[1.0, 0.0]]), u * np.array([[np.cos(theta), np.sin(theta)]])


def norm(x):
    return float(np.linalg.norm(x))


@given(st.floats(0, np.pi), scales, st.floats(0.1, 10), st.floats(0.1, 10))
def test_growth_is_that_of_the_rules(theta, omega, c, u):
    one, other = pair(theta, c, u)
    linear, turned = (norm(combine(rule, one, other, omega - 1)) / c for rule in ("linear", "angle"))
    assert linear_growth(theta, u / c, omega) == pytest.approx(linear, rel=1e-9, abs=1e-6)
    assume(abs(np.sin(theta) - 1e-3) > 1e-9)  # the side of the branch is a matter of rounding
    assert angle_growth(theta, omega) == pytest.approx(turned, rel=1e-9)


@given(st.floats(0.0011, np.pi - 0.0011), st.floats(1, 1000))
def test_angle_domain_neither_shrinks_nor_doubles(theta, omega):
    growth = angle_growth(theta, omega)
    assert 1 - 1e-12 <= growth <= np.sqrt(2) + 1e-12


def test_the_bound_is_attained_once():
    theta, omega = np.meshgrid(np.linspace(0.002, np.pi - 0.002, 801), np.linspace(1, 15, 1401))
    growth = angle_growth(theta, omega)
    best = np.unravel_index(growth.argmax(), growth.shape)
    assert (theta[best], omega[best]) == pytest.approx((np.pi / 2, 1.5), abs=1e-9)
    assert growth[best] == pytest.approx(np.sqrt(2), rel=1e-14)
    assert (growth > np.sqrt(2) - 1e-9).sum() == 1


def test_the_degenerate_branch_halves_opposite_predictions():
    c, u = pair(np.pi, 1.0, 1.0)
    assert norm(combine("angle", c, u, 3.0)) == pytest.approx(0.5, abs=1e-12)
    assert angle_growth(np.pi, 4.0) == pytest.approx(0.5, abs=1e-12)


@given(st.integers(0, 2**32), scales, st.integers(1, 6))
def test_anomalous_predictions_lie_in_the_ball(seed, omega, d):
    c, u = np.random.default_rng(seed).normal(size=(2, 40, d))
    guided = combine("linear", c, u, omega - 1)
    balls = np.array([anomalous_ball(other, omega).contains(one) for one, other in zip(c, u, strict=True)])
    np.testing.assert_array_equal(balls, is_anomalous(guided, c))
    np.testing.assert_array_equal(critical_scale(c, u) <= omega, balls)
    assert not is_anomalous(combine("angle", c, u, omega - 1), c).any()


def test_the_ball_catches_some():
    c, u = RNG.normal(size=(2, 2000, 2))
    share = [is_anomalous(combine("linear", c, u, omega - 1), c).mean() for omega in (1.5, 5.0)]
    assert 0.02 < share[0] < share[1] < 0.5


@pytest.mark.parametrize("prediction", ["score", "x0"])
@settings(max_examples=60)
@given(seed=st.integers(0, 2**32), omega=scales, variance=st.floats(0.1, 3), total=st.floats(0.1, 3))
def test_the_region_of_two_normals(prediction, seed, omega, variance, total):
    draw = np.random.default_rng(seed)
    mean, x = draw.normal(size=3), 4 * draw.normal(size=(300, 3))
    own, all_ = Mixture([mean], variance), Mixture([[0.0] * 3], total)
    level = flow_matching().at(draw.uniform(0.05, 0.95))
    assume(abs(variance - total) > 1e-3)
    region = anomalous_region(mean, variance, total, omega, level, prediction)
    c, u = (getattr(m.predict(x, level.scale, level.sigma), prediction) for m in (own, all_))
    guided = omega * c - (omega - 1) * u
    clear = np.abs((guided * c).sum(-1)) > 1e-9 * (np.abs(guided) * np.abs(c)).sum(-1)
    np.testing.assert_array_equal(region.contains(x)[clear], is_anomalous(guided, c)[clear])


def test_region_of_a_known_case():
    half = flow_matching().at(0.5)
    ball = anomalous_region([1.0], 0.25, 1.0, 3.0, half)
    assert (ball.centre[0], ball.radius, ball.outside) == pytest.approx((19 / 28, 5 / 28, False))
    other = anomalous_region([1.0], 0.25, 1.0, 3.0, half, "x0")
    assert (other.centre[0], other.radius, other.outside) == pytest.approx((0.5, 2.5, True))


@pytest.mark.parametrize("d", [1, 2, 5])
def test_probability_of_the_region(d):
    mean, n = np.eye(d)[0] * 1.5, 40000
    share = anomalous_probability(mean, 0.3, 1.0, 6.0, LEVEL)
    region = anomalous_region(mean, 0.3, 1.0, 6.0, LEVEL)
    deviation = np.sqrt(LEVEL.scale**2 * 0.3 + LEVEL.variance)
    x = LEVEL.scale * mean + deviation * RNG.normal(size=(n, d))
    found = stats.binomtest(int(region.contains(x).sum()), n).proportion_ci(1 - 1e-6)
    assert found.low < share < found.high
    rho = (region.radius / deviation) ** 2
    if d == 1:
        assert share == pytest.approx(stats.norm.cdf(2 * rho**0.5) - 0.5, rel=1e-9)
    if d == 2:
        assert share == pytest.approx((1 - np.exp(-rho) * np.i0(rho)) / 2, rel=1e-9)


def test_the_region_of_two_classes():
    own = Mixture([[1.0, 0.0, 0.0], [-1.0, 0.0, 0.0]], 0.5, labels=(0, 1))
    noised, omega, a = LEVEL.scale**2 * 0.5 + LEVEL.variance, 4.0, LEVEL.scale
    x = a * RNG.normal([1.5, 0.0, 0.0], 1.0, size=(4000, 3))
    c, u = (m.score(x, a, LEVEL.sigma) for m in (own.given(0), own))
    inside = is_anomalous(omega * c - (omega - 1) * u, c)
    square = two_class_boundary(x[:, 0] / a, a * a / noised, omega)
    np.testing.assert_array_equal(inside, (x[:, 1:] ** 2).sum(1) <= square * a * a)
    assert 100 < inside.sum() < 2000


def test_angles():
    theta = np.array([0.0, 1e-9, 1.0, np.pi - 1e-9, np.pi])
    c = np.tile([2.0, 0.0], (5, 1))
    u = 0.1 * np.stack([np.cos(theta), np.sin(theta)], -1)
    np.testing.assert_allclose(angle(c, u), theta, atol=1e-15)


def test_norms_of_a_class():
    mean, variance = np.array([1.0, -2.0, 0.5]), 0.7
    shares = np.array([1e-3, 0.2, 0.5, 0.9])
    found = norm_quantiles(shares, mean, variance)
    np.testing.assert_allclose(norm_cdf(found, mean, variance), shares, rtol=1e-9)
    x = np.linalg.norm(Mixture([mean], variance).sample(40000, 1), axis=1)
    assert stats.kstest(x, lambda v: norm_cdf(v, mean, variance)).pvalue > 1e-6


def test_end_measures_of_the_class_and_of_what_is_not():
    mean, n = np.array([2.0, 0.0, -1.0, 1.0]), 20000
    x = Mixture([mean], 0.5).sample(n, 2)
    own = end_measures(x, mean, 0.5)
    band = 4.9 * np.sqrt(0.5 / n)
    assert own.largest_shift * np.sqrt(0.5) < band
    assert abs(own.norm_shift) * 2.4 < 1.2 * band and own.norm_distance < 0.01
    found = stats.binomtest(round(own.atypical * n), n).proportion_ci(1 - 1e-6)
    assert found.low < 0.01 < found.high
    assert abs(own.spread - 1) < 4.9 * np.sqrt(2 / 4 / n)
    far = end_measures(2 * x, mean, 0.5)
    assert far.norm_shift == pytest.approx(2 * own.norm_shift + 1, rel=1e-9)
    assert far.norm_distance == pytest.approx(far.norm_shift, rel=1e-6)  # every quantile moved outwards
    assert far.along == pytest.approx(2 * own.along) and far.spread == pytest.approx(4 * own.spread)
    assert far.atypical > 0.5


def test_measures_along_a_path():
    mixture = classes_on_a_sphere(2, 3, 1.5)
    own, omega = mixture.given(0), 4.0
    run = sample(own, mixture, omega - 1, rule="angle", times=12, count=30, keep=True)
    assert run.path is not None
    found = path_measures(guided_field(own, mixture, omega - 1, "angle"), run, omega)
    assert found.growth.shape == (12, 30) and found.growth.max() <= np.sqrt(2) + 1e-12
    k, t = 7, float(run.times[7])
    level = flow_matching().at(t)
    c, u = (m.denoise(run.path[k], level.scale, level.sigma) for m in (own, mixture))
    x0 = combine("angle", c, u, omega - 1)
    np.testing.assert_allclose(found.growth[k], np.linalg.norm(x0, axis=1) / np.linalg.norm(c, axis=1), rtol=1e-12)
    np.testing.assert_allclose(found.growth[k], angle_growth(angle(c, u), omega), rtol=1e-9)
    score = (level.scale * x0 - run.path[k]) / level.variance
    np.testing.assert_array_equal(
        found.anomalous_score[k], is_anomalous(score, own.score(run.path[k], level.scale, level.sigma))
    )
    np.testing.assert_array_equal(found.clipped[k], 3 * angle(c, u) > np.pi / 3)


def test_what_tells_no_class_is_scaled_by_the_sum_of_the_coefficients():
    """Off the span of the means both predictions agree: linear guidance keeps them, a rotation scales them by A + B."""
    mixture = classes_on_a_sphere(6, 3, 2.0)
    own, x = mixture.given(0), 2 * RNG.normal(size=(50, 6))
    aside = np.linalg.svd(mixture.means)[2][3:]
    c, u = (m.denoise(x, LEVEL.scale, LEVEL.sigma) for m in (own, mixture))
    np.testing.assert_allclose(c @ aside.T, u @ aside.T, atol=1e-12)
    np.testing.assert_allclose(combine("linear", c, u, 5.0) @ aside.T, c @ aside.T, atol=1e-12)
    kept = (combine("angle", c, u, 5.0) @ aside.T) / (c @ aside.T)
    np.testing.assert_allclose(kept, kept[:, :1] * np.ones((1, 3)), rtol=1e-9)
    assert np.ptp(kept) > 0.1


@given(st.floats(0.01, 3.0), st.floats(0, 14))
def test_the_shared_part_of_predictions_of_one_length(theta, w):
    c, u = pair(theta, 1.0, 1.0)
    A, B = rule("angle").coefficients(c, u, w, 0.5)
    turned = min(w * theta, np.pi / 3)
    assert (A + B).item() == pytest.approx(np.cos(turned - theta / 2) / np.cos(theta / 2), rel=1e-9)


BAD = {
    "omega": lambda: anomalous_ball([1.0], 1.0),
    "infinite omega": lambda: anomalous_ball([1.0], np.inf),
    "prediction": lambda: anomalous_region([1.0], 1.0, 2.0, 3.0, LEVEL, "eps"),
    "pure noise": lambda: anomalous_region([1.0], 1.0, 2.0, 3.0, flow_matching().at(1.0), "x0"),
    "half space": lambda: anomalous_region([1.0], 4.0, 2.0, 2.0, variance_exploding(1.0).at(0.0)),
    "not a ball": lambda: anomalous_probability([1.0], 4.0, 1.0, 15.0, flow_matching().at(0.1)),
    "radius": lambda: classes_on_a_sphere(2, 3, 0.0),
    "classes": lambda: classes_on_a_sphere(2, 1, 1.0),
    "no path": lambda: path_measures(
        guided_field(Mixture([[0.0]]), Mixture([[0.0]])), sample(Mixture([[0.0]]), Mixture([[0.0]]), count=2), 2.0
    ),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input(case):
    with pytest.raises(InputError):
        BAD[case]()


MUTANTS = {
    "omega for w": lambda theta, omega: angle_growth(theta, omega + 1),
    "no clip": lambda theta, omega: np.sqrt(1 + np.sin(2 * (omega - 1) * theta) * np.sin(theta)),
    "cosine": lambda theta, omega: np.sqrt(1 + np.sin(2 * np.clip((omega - 1) * theta, 0, np.pi / 3)) * np.cos(theta)),
}


@pytest.mark.parametrize("mutant", MUTANTS)
def test_a_wrong_growth_is_noticed(mutant):
    theta = np.linspace(0.1, 3.0, 50)
    true = [norm(combine("angle", *pair(t, 1.0, 2.0), 0.8)) for t in theta]
    np.testing.assert_allclose(angle_growth(theta, 1.8), true, rtol=1e-12)
    assert np.abs(MUTANTS[mutant](theta, 1.8) - true).max() > 1e-2


def test_a_region_can_be_wrong():
    ball = anomalous_region([1.0], 0.25, 1.0, 3.0, flow_matching().at(0.5))
    x = np.linspace(-2, 2, 401)[:, None]
    assert (Region(ball.centre, ball.radius, True).contains(x) != ball.contains(x)).any()
