"""Rates of one masked coordinate from two conditionals and a weight: the formulas of the guidance rules.

A rule is its logarithm, `log_powers` or `log_spherical`, on numpy arrays and torch tensors alike. The `*_rates` are the
same in probabilities, for tables: faster, and accurate where a logarithm would lose digits; tests hold them together.

Every function takes p_z(v|x), the target's conditional, and p(v|x), the one guided away from, both (..., N),
and guides towards the first. w = 0 is the target alone, w = -1 the other alone; at w = -1 exactly the
target's support restricts nothing, at every other weight the rate is zero where p_z(v|x) = 0. Formulas,
ranges and sources: docs/rules.md.
"""

from __future__ import annotations

from math import inf, pi
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace

RATIO_TOLERANCE = 1e-12  # ratios p_z/p this close are equal: they differ by rounding only


def product_rates(target: np.ndarray, reference: np.ndarray, weight: float) -> np.ndarray:
    """Rates of the rule "product", r(v) = p_z(v|x)^(1+w) p(v|x)^(-w), and p(v|x) at w = -1.

    For -1 < w < 0 the support of p_z restricts the rates; at w = -1 the rule is the unconditional process.
    Source: Nisonoff et al., arXiv:2406.01572; the rule analysed by He, Rojas and Tao.

    Parameters
    ----------
    target, reference : array, shape (..., N)
        Conditionals p_z(v|x) and p(v|x).
    weight : float
        w >= -1.

    Returns
    -------
    array, shape (..., N)
        r(v), 0 where a token is impossible.
    """
    if weight == -1:
        return reference.copy()
    possible, ratio = ratios(target, reference)
    with np.errstate(over="ignore"):
        return np.where(possible, target * ratio**weight, 0.0)


def normalized_rates(target: np.ndarray, reference: np.ndarray, weight: float) -> np.ndarray:
    """Rates of the rule "normalized", r(v) / Z with Z = sum_v r(v): the rate product divided by its sum over tokens.

    Each masked coordinate then reveals at rate 1 in the clock u for every w. Computed in logarithms: no overflow at any
    w. Source: Schiff et al., arXiv:2412.10193; Rojas et al., arXiv:2507.08965.

    Parameters
    ----------
    target, reference : array, shape (..., N)
        Conditionals p_z(v|x) and p(v|x).
    weight : float
        w >= -1.

    Returns
    -------
    array, shape (..., N)
        r(v), 0 where a token is impossible.
    """
    if weight == -1:
        return reference.copy()
    return softmax(log_product(target, reference, weight))


def predictor_rates(target: np.ndarray, reference: np.ndarray, weight: float, temperature: float = 1.0) -> np.ndarray:
    """Rates of the rule "predictor", r(v) = p(v|x) (p(z|x_v) / p(z|x))^((1+w)/T): a tempered classifier's ratio.

    By Bayes p(z|x_v)/p(z|x) = p_z(v|x)/p(v|x), so with this exact classifier the rule is the rate
    product at the weight (1+w)/T - 1, and at T = 1 the rate product itself.
    Source: Nisonoff et al., arXiv:2406.01572 (predictor guidance; gamma = 1/T at w = 0).

    Parameters
    ----------
    target, reference : array, shape (..., N)
        Conditionals p_z(v|x) and p(v|x).
    weight : float
        w >= -1.
    temperature : float
        T > 0.

    Returns
    -------
    array, shape (..., N)
        r(v), 0 where a token is impossible.
    """
    if weight == -1:
        return reference.copy()
    possible, ratio = ratios(target, reference)
    with np.errstate(over="ignore"):
        return np.where(possible, reference * ratio ** ((1 + weight) / temperature), 0.0)


def rectified_rates(
    target: np.ndarray, reference: np.ndarray, weight: float, gamma0: float | None = None
) -> np.ndarray:
    """Rates of the rule "rectified", r(v) = p_z(v|x)^(1+w) p(v|x)^gamma0: two coefficients that need not sum to one.

    At w = -1: p(v|x)^gamma0 on the reference's support. Where the two conditionals agree the hazard is
    sum_v p(v|x)^(1+w+gamma0), not 1. Source: the masked counterpart of rectified guidance (ReCFG), arXiv:2410.18737.

    Parameters
    ----------
    target, reference : array, shape (..., N)
        Conditionals p_z(v|x) and p(v|x).
    weight : float
        w >= -1.
    gamma0 : float, optional
        Finite, of either sign; None means -w, the rate product.

    Returns
    -------
    array, shape (..., N)
        r(v), 0 where a token is impossible.

    Raises
    ------
    InputError
        Rates that underflow float64 in some context, where the chain would stop.
    """
    power = -weight if gamma0 is None else gamma0
    towards = reference if weight == -1 else target
    possible = (towards > 0) & (reference > 0)
    first, second = (np.log(np.where(possible, p, 1.0)) for p in (towards, reference))
    with np.errstate(over="ignore"):
        rate = np.where(possible, np.exp((1 + weight) * first + power * second), 0.0)
    if ((rate == 0).all(axis=-1) & possible.any(axis=-1)).any():
        _checks.fail(
            f"rates underflow float64 at w = {weight:g}, gamma0 = {power:g}: the chain would stop",
            "p_z^(1+w) p^gamma0 is above 1e-323 for some token of every context",
            "take gamma0 closer to -w",
        )
    return rate


def spherical_rates(target: Any, reference: Any, weight: Any, cap: float | None = None) -> Any:
    """Rates of the rule "spherical", in proportion to s_v^2 and summing to 1.

    s = (sin(theta + tau) sqrt(p_z) - sin(tau) sqrt(p)) / sin(theta).

    Square roots of conditionals are unit vectors, at the angle theta with cos theta = sum_v sqrt(p_z p); s goes
    along their great circle, from sqrt(p) at w = -1 over sqrt(p_z) at w = 0 and on by tau = w theta, or by
    tau = min(w theta, cap). A token whose amplitude sinks below zero has left the orthant and stays out. The last ones
    inside are those of the largest ratio p_z/p, and once they would leave, the law rests on them, shared in
    proportion to p. None leaves before pi/2 past sqrt(p_z): a cap below that keeps the law off this edge.

    Source: the masked counterpart of angle-domain guidance, arXiv:2506.11039, whose cap is pi/3; docs/rules.md.

    Parameters
    ----------
    target, reference : array or tensor, shape (..., N)
        Conditionals p_z(v|x) and p(v|x).
    weight : float, or a tensor that holds a number
        w >= -1.
    cap : float, optional
        Largest angle tau, in (0, pi].

    Returns
    -------
    array or tensor, shape (..., N)
        r(v), 0 where a token is out.
    """
    if weight == -1:
        return reference * 1.0
    xp = namespace(reference)
    possible = (target > 0) & (reference > 0)
    a, b = xp.sqrt(reference), xp.sqrt(target)
    theta = _angle(a, b)
    turn = weight * theta if cap is None else (weight * theta).clip(None, cap)
    sine = xp.sin(theta)
    along, away = xp.cos(turn + theta / 2) / xp.cos(theta / 2), quotient(xp.sin(turn), sine, weight)
    inside = xp.where(possible, (along * b + away * (b - a)).clip(0.0), 0.0)  # = s, exact where a = b
    ratio = xp.where(possible, target / xp.where(possible, reference, 1.0), 1.0)
    largest = xp.amax(ratio, -1)[..., None].clip(1.0)
    edge = pi / 2 + xp.arctan2(xp.sqrt(largest) - xp.cos(theta), sine)
    last = xp.where(possible & (ratio >= largest * (1 - RATIO_TOLERANCE)), a, 0.0)
    within = (theta + turn < edge) & (inside > 0).any(-1)[..., None]
    law = xp.where(within, inside, last) ** 2
    return quotient(law, law.sum(-1)[..., None], 0.0)


def _angle(a: Any, b: Any) -> Any:
    """Angle of unit vectors (..., N), (..., 1); accurate for small ones too."""
    xp = namespace(a)
    norms = (xp.sqrt((v**2).sum(-1)[..., None]) for v in (b - a, b + a))
    return 2 * xp.arctan2(*norms)


def log_spherical(log_target: Any, log_reference: Any, weight: Any, cap: float | None = None) -> Any:
    """log of :func:`spherical_rates`, from log p_z and log p, (..., N), numpy or torch; -inf where a token is out."""
    xp = namespace(log_reference)
    with np.errstate(divide="ignore"):
        return xp.log(spherical_rates(xp.exp(log_target), xp.exp(log_reference), weight, cap))


def log_powers(log_target: Any, log_reference: Any, a: float, b: float) -> Any:
    """log of p_z^a p^b from log p_z and log p, (..., N), numpy or torch; NaN may stand where a token is impossible."""
    return b * log_reference if a == 0 else a * log_target + b * log_reference


def log_normalized(log_rate: Any) -> Any:
    """log of r / sum_v r(v), (..., N), numpy or torch; -inf stays, and rows without a possible token."""
    xp = namespace(log_rate)
    largest = xp.amax(log_rate, -1)[..., None]
    largest = xp.where(largest > -inf, largest, 0.0)
    total = xp.exp(log_rate - largest).sum(-1)[..., None]
    return log_rate - largest - xp.log(xp.where(total > 0, total, 1.0))


def ratios(target: np.ndarray, reference: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Where both are positive, and target/reference there (1 elsewhere)."""
    possible = (target > 0) & (reference > 0)
    return possible, np.divide(target, reference, out=np.ones_like(target), where=possible)


def log_product(target: np.ndarray, reference: np.ndarray, weight: float) -> np.ndarray:
    """log p_z^(1+w) p^(-w); -inf where either is zero."""
    possible, ratio = ratios(target, reference)
    return np.where(possible, np.log(np.where(possible, target, 1.0)) + weight * np.log(ratio), -inf)


def softmax(log_rate: np.ndarray) -> np.ndarray:
    """exp(log_rate) divided by its sum over the last axis; zero where all are impossible."""
    largest = log_rate.max(axis=-1, keepdims=True)
    rate = np.exp(log_rate - np.where(np.isfinite(largest), largest, 0.0))
    return quotient(rate, rate.sum(axis=-1, keepdims=True), 0.0)


def quotient(above: Any, below: Any, otherwise: Any) -> Any:
    """above/below where below > 0, a constant elsewhere."""
    xp = namespace(below)
    if xp is not np:
        return xp.where(below > 0, above / xp.where(below > 0, below, 1.0), otherwise)
    shape = np.broadcast_shapes(above.shape, below.shape)
    return np.divide(above, below, out=np.full(shape, float(otherwise)), where=below > 0)
