"""Numbers of angle-domain guidance: norms, the anomalous region, colour distortion, the discrete counterpart."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from math import exp, log, pi, sqrt

import numpy as np

from ...gaussian.mixture import Mixture
from ...gaussian.noise import Level, flow_matching
from ...gaussian.rules import combine
from ...gaussian.samplers import guided_field, sample
from ..register import Number, group
from .discrete import discrete_measures, discretised
from .geometry import (
    angle_growth,
    anomalous_probability,
    anomalous_region,
    critical_scale,
    linear_growth,
    two_class_boundary,
)
from .measures import classes_on_a_sphere, end_measures, norm_quantiles, path_measures

PAPER, DERIVED = "Jin et al., arXiv:2506.11039", "docs/gaussian-angle.md"
ALPHA = 1e-6
SIGMAS = 4.9  # a normal number is further out with probability 1e-6


@group
def angle_norms() -> Iterator[Number]:
    """Norm of guided x0-predictions over the conditional's."""
    c, u = np.array([[1.0, 0.0]]), np.array([[0.5, sqrt(3) / 2]])
    norm = float(np.linalg.norm(combine("angle", c, u, 0.78)))
    yield Number("angle-domain norm, x_c = (1, 0), x_u at 60 degrees, omega = 1.78", 1.36539976, norm, 5e-9, PAPER)
    up = np.array([[0.0, 7.0]])
    attained = float(np.linalg.norm(combine("angle", c, up, 0.5)))
    yield Number("angle-domain norm, orthogonal predictions, omega = 1.5: the bound", sqrt(2), attained, 1e-12, DERIVED)
    theta = np.linspace(1e-3 + 1e-9, pi - 1e-3 - 1e-9, 20001)
    largest = float(angle_growth(theta, 15.0).max())
    yield Number("angle-domain, omega = 15: largest growth at any angle", sqrt(1 + sqrt(3) / 2), largest, 1e-7, DERIVED)
    least = float(min(angle_growth(theta, omega).min() for omega in (1.0, 1.5, 3.0, 15.0)))
    yield Number("angle-domain: no prediction is shorter than its conditional", 1.0, min(least, 1.0), 1e-12, DERIVED)
    plain = float(linear_growth(pi / 2, 1.0, 15.0))
    yield Number("linear, omega = 15, orthogonal predictions of one length", sqrt(421), plain, 1e-12, DERIVED)


@group
def anomalous_points() -> Iterator[Number]:
    """Where the guided prediction points against its conditional, class N(mu, 1/4) against N(0, 1), t = 1/2."""
    level, own, total = flow_matching().at(0.5), Mixture([[1.0, 0.0]], 0.25), Mixture([[0.0, 0.0]])
    score = anomalous_region([1.0, 0.0], 0.25, 1.0, 3.0, level)
    yield Number("score, omega = 3: centre of the anomalous ball", 19 / 28, float(score.centre[0]), 1e-12, DERIVED)
    yield Number("score, omega = 3: radius of the anomalous ball", 5 / 28, score.radius, 1e-12, DERIVED)
    x0 = anomalous_region([1.0, 0.0], 0.25, 1.0, 3.0, level, "x0")
    yield Number("x0, omega = 3: radius of the ball outside of which it is anomalous", 2.5, x0.radius, 1e-12, DERIVED)
    edge = score.centre + score.radius * np.array([[0.6, 0.8], [0.0, 1.0]])
    gap = _size(critical_scale(*(m.score(edge, level.scale, level.sigma) for m in (own, total))) - 3)
    yield Number("score: critical omega on the sphere of omega = 3", 0.0, gap, 1e-12, DERIVED)
    rho = score.radius**2 / (level.scale**2 * 0.25 + level.variance)
    bessel = sum((rho / 2) ** (2 * k) / np.prod(np.arange(1, k + 1, dtype=float)) ** 2 for k in range(20))
    share = anomalous_probability([1.0, 0.0], 0.25, 1.0, 3.0, level)
    plane = float(1 - exp(-rho) * bessel) / 2
    yield Number("score, omega = 3: share of the noised class", plane, share, 1e-12, DERIVED)
    yield _share_of_samples(own, share, score.contains, level)
    yield _where_two_classes_end()


def _share_of_samples(own: Mixture, share: float, contains: Callable, level: Level) -> Number:
    n = 20000
    noise = np.random.default_rng(5).normal(size=(n, 2))
    got = float(contains(level.scale * own.sample(n, 3) + level.sigma * noise).mean())
    band = sqrt(log(2 / ALPHA) / (2 * n))  # Hoeffding
    return Number("score, omega = 3: share of 20,000 noised samples", share, got, band, DERIVED)


def _where_two_classes_end() -> Number:
    """Class N((1, 0), I) against 1/2 N((+-1, 0), I): the region's end on the axis is a zero of the guided score."""
    from scipy.optimize import brentq

    pair = Mixture([[1.0, 0.0], [-1.0, 0.0]], 1.0, labels=(0, 1))
    end = np.array([[brentq(lambda at: float(two_class_boundary(at, 1.0, 3.0)), 1.2, 3.0, xtol=1e-14), 0.0]])
    guided = 3 * pair.given(0).score(end) - 2 * pair.score(end)
    name = "two classes, omega = 3: guided score where the region ends"
    return Number(name, 0.0, _size(guided), 1e-12, DERIVED)


@group
def angle_trajectories() -> Iterator[Number]:
    """Classes on a sphere: d = 32, K = 8, |mu| = 3, variance 1; 400 trajectories, 64 Heun steps, omega = 15."""
    mixture, count = classes_on_a_sphere(32, 8, 3.0), 400
    own, runs = mixture.given(0), {}
    for rule, shift in {"linear": 0.5976, "angle": -0.1232}.items():  # 40,000 other trajectories, +-0.0006
        runs[rule] = sample(own, mixture, 14.0, rule=rule, times=64, count=count, keep=True)
        x = runs[rule].x
        deviation = float(np.linalg.norm(x, axis=1).std() / norm_quantiles(0.5, own.mean, 1.0))
        band = SIGMAS * sqrt(deviation**2 / count + 0.0006**2)
        got = end_measures(x, own.mean, 1.0).norm_shift
        yield Number(f"{rule}, omega = 15: norm of the samples over the class's, less 1", shift, got, band, DERIVED)
    path = path_measures(guided_field(own, mixture, 14.0, "angle"), runs["angle"], 15.0)
    beyond = max(0.0, float(path.growth.max()) ** 2 - 2)
    yield Number("angle-domain: growth beyond sqrt 2 at any trajectory point", 0.0, beyond, 1e-12, PAPER)
    yield Number("angle-domain: x0 against its conditional", 0.0, float(path.anomalous_x0.mean()), 0.0, DERIVED)
    aside = np.linalg.svd(mixture.means)[2][8:]  # what no class mean has a part in
    plain = sample(own, mixture, 0.0, times=64, count=count)
    moved = _size((runs["linear"].x - plain.x) @ aside.T)
    yield Number("linear: directions that tell no class are left alone", 0.0, moved, 1e-9, DERIVED)
    kept = float(((runs["angle"].x @ aside.T) ** 2).mean())
    band = SIGMAS * sqrt(2 / aside.shape[0] / count)  # at most: of a normal law of variance 1
    yield Number("angle-domain: variance of directions that tell no class", 0.607, kept, band, DERIVED)


@group
def discrete_counterpart() -> Iterator[Number]:
    """The same kind of classes on a grid of tokens (d = 3, K = 4, |mu| = 2; 25 nodes on [-9, 9]), w = 14, exact."""
    reach = 9.0
    problem = discretised(classes_on_a_sphere(3, 4, 2.0), 25, reach)
    rows = {
        "product": (0.6148, 0.0528),
        "normalized": (0.4498, 0.0238),
        "spherical": (2.6339, 1.0),
        "capped": (0.1077, 0.0034),
    }
    for rule, (shift, atypical) in rows.items():
        found = discrete_measures(problem, reach, rule, 14.0)
        yield Number(
            f"discrete counterpart, {rule}: norm over the class's, less 1", shift, found.norm_shift, 5.1e-5, DERIVED
        )
        yield Number(f"discrete counterpart, {rule}: atypical share", atypical, found.atypical, 5.1e-5, DERIVED)


def _size(x: np.ndarray) -> float:
    return float(np.abs(x).max())
