"""The masked twin of :mod:`.random_means`: many random product classes, and what guidance takes from one of them.

K = e^{alpha D} classes on D bits, class k showing bit i as 1 with probability p_ki uniform on [0, 1]. Unmasking goes
in random order (the normalized rule). While the revealed bits fit a crowd of classes the unconditional law of a bit
is 1/2, and a bit is drawn from q proportional to p^{1+w}; once they tell the class, both laws are p and guidance is
silent.

Derivation and measured numbers: docs/gaussian-distortions.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from math import log, sqrt
from typing import Any

import numpy as np

from .. import _checks
from ..guidance import Guidance
from ..problems.mixture import ProductMixture
from ..process import GuidedProcess
from ..sampling import sample

NODES = 400


@dataclass(frozen=True)
class BitLoss:
    """Distortion of one random product class.

    Attributes
    ----------
    length, classes : int
        D and K.
    variance, variance_error : float
        Summed variance of the bits under guidance over that of the class, mean over problems, and standard error.
    entropy : float
        The same for the summed entropies of single bits.
    """

    length: int
    classes: int
    variance: float
    variance_error: float
    entropy: float

    @property
    def alpha(self) -> float:
        """log K / D."""
        return log(self.classes) / self.length


def predicted_bit_loss(alpha: float, weight: float) -> tuple[float, float, float]:
    """(variance ratio, entropy ratio, share f of bits drawn under guidance) for D -> inf.

    f = min(1, alpha / I_w), I_w = E_p sum_v q_v log(2 p_v), q_v = p_v^{1+w} / (p_0^{1+w} + p_1^{1+w}): what guided bits
    tell of their class, each, against a crowd to which all bits are alike. A bit's law is f q + (1 - f) p.
    """
    if not _checks.real(alpha, "alpha") >= 0:
        _checks.fail(f"alpha = {alpha}", "alpha = log K / D >= 0", "a single class has alpha = 0")
    p, shares = _uniform()
    odds = (1 + _checks.weight(weight)) * (np.log(p) - np.log1p(-p))
    q = 0.5 * (1 + np.tanh(odds / 2))
    told = float(shares @ (q * np.log(2 * p) + (1 - q) * np.log(2 * (1 - p))))
    f = min(1.0, alpha / told) if told > 0 else 1.0
    mixed = f * q + (1 - f) * p
    variance, entropy = (float(shares @ g(mixed) / (shares @ g(p))) for g in (_variance, _entropy))
    return variance, entropy, f


def random_bit_classes(
    length: int, classes: int, weight: float, *, samples: int = 1000, problems: int = 4, seed: int = 0
) -> BitLoss:
    """Guided samples of class 0 among K random product classes, exact in time (Gillespie), normalized rule.

    Parameters
    ----------
    length, classes : int
        D, K.
    weight : float
    samples, problems : int
        Samples of a class, and the number of independent sets of classes.
    """
    for name, value in {"length": length, "classes": classes, "problems": problems}.items():
        _checks.integer(value, name, 1)
    _checks.integer(samples, "samples", 2)
    draw, guidance = np.random.default_rng(_checks.seed(seed)), Guidance("normalized", weight)
    ratios = [_one(draw.uniform(size=(classes, length)), guidance, samples, seed + k) for k in range(problems)]
    variance, entropy = np.mean(ratios, axis=0)
    error = float(np.std([r[0] for r in ratios], ddof=1)) / sqrt(problems) if problems > 1 else np.nan
    return BitLoss(length, classes, float(variance), error, float(entropy))


def _one(p: np.ndarray, guidance: Guidance, samples: int, seed: int) -> tuple[float, float]:
    """Variance and entropy ratios of class 0; the sampled variance with its n/(n - 1)."""
    weights = np.full(len(p), 1 / len(p))
    problem = ProductMixture(np.stack([1 - p, p], axis=-1), weights, list(range(len(p))))
    bits = sample(GuidedProcess(problem, guidance), samples, method="gillespie", seed=seed).tokens
    share = bits.mean(axis=0)
    variance = _variance(share).sum() * samples / (samples - 1) / _variance(p[0]).sum()
    return float(variance), float(_entropy(share).sum() / _entropy(p[0]).sum())


@cache
def _uniform() -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre for an average over p uniform on (0, 1)."""
    x, g = np.polynomial.legendre.leggauss(NODES)
    return (1 + x) / 2, g / 2


def _variance(p: np.ndarray) -> Any:
    return p * (1 - p)


def _entropy(p: np.ndarray) -> Any:
    from scipy.special import xlog1py, xlogy

    return -xlogy(p, p) - xlog1py(1 - p, -p)
