"""The discrete counterpart of :mod:`.random_means`: many random product classes, and what guidance takes from one.

K = e^{alpha D} classes on D bits, class k showing bit i as 1 with probability p_ki uniform on [0, 1]. Unmasking goes
in random order (the normalized rule). While the revealed bits fit many classes the unconditional law of a bit
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

from ... import _checks
from ...guidance import Guidance
from ...problems.mixture import ProductMixture
from ...process import GuidedProcess
from ...sampling import sample

NODES = 400


@dataclass(frozen=True)
class BitLoss:
    """Distortion of one random product class.

    Attributes
    ----------
    length : int
        D.
    alpha : float
        log K / D.
    variance, variance_error : float
        Summed variance of the bits under guidance over that of the class, mean over problems, and standard error.
    entropy : float
        The same for the summed entropies of single bits.
    """

    length: int
    alpha: float
    variance: float
    variance_error: float
    entropy: float


def predicted_bit_loss(alpha: float, weight: float) -> tuple[float, float, float]:
    """(variance ratio, entropy ratio, share f of bits drawn under guidance) for D -> inf.

    f = min(1, alpha / I_w), I_w = E_p sum_v q_v log(2 p_v), q_v = p_v^{1+w} / (p_0^{1+w} + p_1^{1+w}): what guided bits
    tell of their class, each, against classes to which all bits are alike. A bit's law is f q + (1 - f) p.
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
    return _loss(length, log(classes) / length, ratios)


def mean_density_bits(
    length: int, alpha: float, weight: float, *, samples: int = 200, problems: int = 4, seed: int = 0
) -> BitLoss:
    """The same for a class among e^{alpha D} - 1 others that enter by their mean law, a fair coin for each bit.

    The class has the chance pi, 1/pi = 1 + (K - 1) prod_i 1/(2 p_i(x_i)) over the revealed bits, and the unconditional
    law of a bit is pi p + (1 - pi)/2. Any D and alpha > 0; the competitors' fluctuations are left out.
    """
    for name, value in {"length": length, "problems": problems}.items():
        _checks.integer(value, name, 1)
    _checks.integer(samples, "samples", 2)
    if not 0 < _checks.real(alpha, "alpha") < np.inf:
        _checks.fail(
            f"alpha = {alpha}", "0 < alpha = log K / D < inf", "random_bit_classes takes any number of classes"
        )
    draw, others = np.random.default_rng(_checks.seed(seed)), alpha * length + log(-np.expm1(-alpha * length))
    classes = [draw.uniform(size=length) for _ in range(problems)]
    w = _checks.weight(weight)
    return _loss(length, alpha, [_ratios(p, _against_the_mean(p, others, w, samples, draw)) for p in classes])


def _against_the_mean(p: np.ndarray, log_others: float, w: float, samples: int, draw: np.random.Generator):
    """Bits (n, D), revealed in random order under the normalized rule."""
    from scipy.special import expit, logit

    order = np.argsort(draw.random((samples, len(p))), axis=1)
    bits, lead, rows = np.zeros(order.shape, bool), np.full(samples, -log_others), np.arange(samples)
    for place in order.T:
        own, mine = expit(lead), p[place]
        guided = (1 + w) * logit(mine) - w * logit(own * mine + (1 - own) / 2)
        bit = draw.random(samples) < expit(guided)
        bits[rows, place] = bit
        lead += np.log(2 * np.where(bit, mine, 1 - mine))
    return bits


def _loss(length: int, alpha: float, ratios: list[tuple[float, float]]) -> BitLoss:
    variance, entropy = np.mean(ratios, axis=0)
    error = float(np.std([r[0] for r in ratios], ddof=1)) / sqrt(len(ratios)) if len(ratios) > 1 else np.nan
    return BitLoss(length, alpha, float(variance), error, float(entropy))


def _one(p: np.ndarray, guidance: Guidance, samples: int, seed: int) -> tuple[float, float]:
    """Variance and entropy ratios of class 0."""
    weights = np.full(len(p), 1 / len(p))
    problem = ProductMixture(np.stack([1 - p, p], axis=-1), weights, list(range(len(p))))
    bits = sample(GuidedProcess(problem, guidance), samples, method="gillespie", seed=seed).tokens
    return _ratios(p[0], bits)


def _ratios(p: np.ndarray, bits: np.ndarray) -> tuple[float, float]:
    """Summed variance (the sampled one with its n/(n - 1)) and entropy of the bits over the class's."""
    share, n = bits.mean(axis=0), len(bits)
    variance = _variance(share).sum() * n / (n - 1) / _variance(p).sum()
    return float(variance), float(_entropy(share).sum() / _entropy(p).sum())


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
