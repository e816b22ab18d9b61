"""One-dimensional flows of the stages: the guided slope, integration in either direction, a quadrature, mean scales."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import numpy as np

from ... import _checks
from ...gaussian.mixture import Mixture
from ...gaussian.noise import Level, NoiseProcess
from ...gaussian.schedules import Weight, jumps, weight_at

TOLERANCE = 1e-13  # of the differential equations: a start within it of a border may end in the wrong basin

Slope = Callable[[np.ndarray, float, float], np.ndarray]  # points, time, upper end of the piece


def slope(conditional: Mixture, unconditional: Mixture, noise: NoiseProcess, weight: Weight) -> Slope:
    """f_c + w (f_c - f_u); at the lower end of a piece on its own side of a jump of the weight."""
    c, u = _velocity(conditional), _velocity(unconditional)

    def rate(x: np.ndarray, t: float, top: float) -> np.ndarray:
        level, w = noise.at(t), weight_at(weight, t, top if t < top else None)
        return (1 + w) * c(x, level) - w * u(x, level)

    return rate


def _velocity(mixture: Mixture) -> Callable[[np.ndarray, Level], np.ndarray]:
    """sum_k rho_k (a' mu_k + M_k r_k) in one dimension, r_k = x - a mu_k, M_k = (a a' Sigma_k + (sigma^2)'/2) / V_k.

    The velocity of `steps.Field` without its checks, for the many calls of an integration; a test holds them together.
    """
    held = mixture.weights > 0
    mean, variance, logs = mixture.means[held], mixture.variances[held], np.log(mixture.weights[held])[:, None]

    def velocity(x: np.ndarray, level: Level) -> np.ndarray:
        r, noised = x - level.scale * mean, level.scale**2 * variance + level.variance
        slopes = (level.scale * level.scale_rate * variance + level.variance_rate / 2) / noised
        moved = level.scale_rate * mean + slopes * r
        if len(mean) == 1:
            return moved[0]
        heights = logs - r * r / (2 * noised) - np.log(noised) / 2
        share = np.exp(heights - heights.max(0))
        return (share * moved).sum(0) / share.sum(0)

    return velocity


def integrate(rate: Slope, x: np.ndarray, start: float, end: float, edges: tuple[float, ...]) -> np.ndarray:
    """Points x carried from one time to another, either way, piece by piece between the edges."""
    from scipy.integrate import solve_ivp

    low, high = min(start, end), max(start, end)
    stops = [start, *sorted((t for t in edges if low < t < high), reverse=end < start), end]
    for t, s in pairwise(stops):
        if x.size and t != s:
            run = solve_ivp(lambda r, y, top: rate(y, r, top), (t, s), x, "DOP853", args=(max(t, s),),
                            rtol=TOLERANCE, atol=TOLERANCE)  # fmt: skip
            if run.status:
                _checks.fail(f"no solution beyond t = {run.t[-1]:.3g}", "points stay finite", "a smaller weight")
            x = run.y[:, -1]
    return x


def tanh_sinh(count: int) -> tuple[np.ndarray, np.ndarray]:
    """Places in (0, 1) and weights that sum to one, denser towards both ends."""
    y = np.linspace(-3.2, 3.2, count)
    weights = np.cosh(y) / np.cosh(np.pi / 2 * np.sinh(y)) ** 2
    return (1 + np.tanh(np.pi / 2 * np.sinh(y))) / 2, weights / weights.sum()


def mean_scale(weight: Weight, low: float = 0.0, high: float = 1.0) -> float:
    """Mean of omega(t) = 1 + w(t) over [low, high], between the jumps of w by Gauss-Legendre."""
    x, g = np.polynomial.legendre.leggauss(20)
    edges = [low, *sorted(t for t in jumps(weight) if low < t < high), high]
    pieces = [(b - a) * (g @ [weight_at(weight, (a + b + (b - a) * y) / 2) for y in x]) / 2 for a, b in pairwise(edges)]
    return 1 + float(sum(pieces)) / (high - low)
