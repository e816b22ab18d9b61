r"""The weight that the square loss has its minimum at, for each class and noise level, without randomness.

With the target's noise that of x_t, x~ - x_s = k (x0_c + omega D - x_0), D = x0_c - x0_u, so that

    omega*(c, t) = max(0, E[<E[x_0 | x_t, c] - x0_c, D>] / E|D|^2),    x_t ~ p_t(x | c),

for every s: a regression of the prediction's error on D. It is 0 for exact scores. The expectation is over a mixture
of Gaussians: Gauss-Hermite in each component's own axes.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.mixture import Mixture
from ...gaussian.noise import NoiseProcess, process
from .models import Models

MOST_POINTS = 10**6


def square_optimum(models: Models, label: int, t: float, noise: str | NoiseProcess = "flow", nodes: int = 40) -> float:
    """omega* of class number `label` at time t, 0 < t <= 1; `nodes` in each direction.

    Raises InputError where D = 0 (class and total predict the same) and where nodes^d is too many.
    """
    level = process(noise).at(t)
    if not 0 <= _checks.integer(label, "class", 0) < len(models.truth):
        _checks.fail(f"class {label}", f"0 <= class < {len(models.truth)}", "count classes from 0")
    law = models.truth[label]
    x, p = _noised(law, level.scale, level.variance, nodes)
    at = np.array([level.scale]), np.array([level.sigma])
    c, u = (v[0] for v in models.denoise(x[None], np.array([label]), *at))
    error, difference = law.denoise(x, level.scale, level.sigma) - c, c - u
    size = float(p @ (difference**2).sum(1))
    if size == 0:
        _checks.fail("x0_c - x0_u = 0", "guidance has a direction", "give class and total different predictions")
    return max(0.0, float(p @ (error * difference).sum(1)) / size)


def _noised(law: Mixture, a: float, variance: float, nodes: int) -> tuple[np.ndarray, np.ndarray]:
    """Points (n, d) and probabilities (n,) of a quadrature of p_t."""
    d = law.dimension
    if _checks.integer(nodes, "nodes", 1) ** d * len(law.means) > MOST_POINTS:
        _checks.fail(f"{nodes}^{d} nodes in a component", f"at most {MOST_POINTS:,} in all", "use fewer nodes")
    node, weight = np.polynomial.hermite_e.hermegauss(nodes)
    z = np.array(list(product(node, repeat=d)))
    q = np.prod(np.array(list(product(weight / weight.sum(), repeat=d))), 1)
    points: list[Any] = []
    for k, mean in enumerate(law.means):
        spread = z * np.sqrt(a**2 * np.broadcast_to(law.variances, law.means.shape)[k] + variance)
        points.append(a * mean + (spread if law.axes is None else spread @ law.axes[k].T))
    return np.concatenate(points), np.concatenate([share * q for share in law.weights])
