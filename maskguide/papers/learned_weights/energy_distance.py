r"""Energy distance of samples to a Gaussian mixture whose side of the kernel is exact.

    D^2 = 2 E|X - Y|^b - E|X - X'|^b - E|Y - Y'|^b,    0 < b < 2,

the squared MMD of the kernel -|x - y|^b: zero only if X and Y have one law. Y is an isotropic mixture here; for
Y ~ N(mu, v I), q = |x - mu|^2 / 2v, the kernel mean is in closed form,

    E|x - Y|^b = (2v)^(b/2) Gamma((d + b)/2) / Gamma(d/2) 1F1(-b/2; d/2; -q),

and so is E|Y - Y'|^b. The samples' own term is a U-statistic: the estimate is unbiased (it may fall below zero).

Sources: Szekely, Rizzo 2013 (energy distance); Sejdinovic et al. 2013 (its kernel); Hoeffding 1948 (the error).
"""

from __future__ import annotations

from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.mixture import Mixture

ROWS = 500  # of the table of distances held at once


@dataclass(frozen=True)
class Distance:
    """An estimate of D^2.

    Attributes
    ----------
    value : float
        Unbiased, from n samples.
    influence : (n,)
        First-order share of each sample (Hoeffding), mean zero.
    """

    value: float
    influence: np.ndarray

    @property
    def error(self) -> float:
        """Standard error of `value`; where the laws agree D^2 is degenerate and this is too large, never too small."""
        return float(self.influence.std(ddof=1)) / sqrt(len(self.influence))


def energy_distance(x: Any, law: Mixture, power: float = 1.0) -> Distance:
    """D^2 between samples x (n, d), n >= 2, and an isotropic mixture.

    Raises
    ------
    InputError
        Points that do not match the mixture, components that are not isotropic, power outside (0, 2).

    Examples
    --------
    >>> law = Mixture([[0.0, 0.0]])
    >>> far = energy_distance(law.sample(1000) + 3.0, law)
    >>> print(f"{far.value:.2f} ± {far.error:.2f}")  # exactly 5.43
    5.36 ± 0.06
    """
    x = np.asarray(x, dtype=float)
    if x.ndim != 2 or x.shape[1] != law.dimension or len(x) < 2 or not np.isfinite(x).all():
        rule = f"(n, {law.dimension}), n >= 2, finite"
        _checks.fail(f"samples have shape {x.shape}", rule, "one row for each sample; drop exploded trajectories")
    across = kernel_mean(x, law, power)
    own = _own(x, power)
    value = 2 * across.mean() - own.mean() - self_distance(law, power)
    influence = 2 * (across - across.mean()) - 2 * (own - own.mean())
    return Distance(float(value), influence)


def _own(x: np.ndarray, power: float) -> np.ndarray:
    """Mean of |x_i - x_j|^power over j != i, (n,), in blocks of rows."""
    from scipy.spatial.distance import cdist

    blocks = [(cdist(x[i : i + ROWS], x) ** power).sum(1) for i in range(0, len(x), ROWS)]
    return np.concatenate(blocks) / (len(x) - 1)


def kernel_mean(x: np.ndarray, law: Mixture, power: float = 1.0) -> np.ndarray:
    """E|x - Y|^power at points (n, d), Y ~ law: (n,)."""
    return _kernel_mean(x, law, power, np.zeros(1))[0]


def self_distance(law: Mixture, power: float = 1.0) -> float:
    """E|Y - Y'|^power for independent Y, Y' ~ law."""
    means = _kernel_mean(law.means, law, power, _variances(law))
    return float(law.weights @ np.diagonal(means))


def _kernel_mean(x: np.ndarray, law: Mixture, power: float, more: np.ndarray) -> np.ndarray:
    """E|x - Y|^power with variances `more` (m,) added to those of Y: (m, n)."""
    from scipy.special import gamma, hyp1f1

    if not 0 < _checks.real(power, "power") < 2:
        _checks.fail(f"power = {power}", "0 < power < 2", "1 is the energy distance")
    d, total = law.dimension, 0.0
    for mean, variance, weight in zip(law.means, _variances(law), law.weights, strict=True):
        v = (variance + more)[:, None]
        q = ((x - mean) ** 2).sum(1) / (2 * v)
        total = total + weight * (2 * v) ** (power / 2) * hyp1f1(-power / 2, d / 2, -q)
    return np.asarray(total) * gamma((d + power) / 2) / gamma(d / 2)


def _variances(law: Mixture) -> np.ndarray:
    """(C,) variances of isotropic components."""
    if law.variances.shape[1] != 1 and law.dimension > 1:
        _checks.fail(
            "components are not isotropic", "the kernel mean has a closed form for isotropic ones", "give (C,)"
        )
    return np.broadcast_to(law.variances[:, 0], (len(law.means),))
