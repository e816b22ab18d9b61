"""One-dimensional flows: how far guidance pushes a sample out, and where it must stop.

- two Gaussians N(+-1, 1): one equation, dx/dv = 1 + w (1 - tanh(v x)), whose end grows like sqrt(w) without bound;
- two intervals: samples of a class of bounded support are pushed to the edge that faces away from the other class.

Source: fine-grained analysis of guidance (Chidambaram et al.); docs/gaussian-distortions.md.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ... import _checks

FAR, NEAR = 1e3, 1e-12  # noise variances between which the flow between intervals runs, in units of the edge squared


def tanh_flow(weight: float, start: float = 0.0) -> float:
    """x(1) of dx/dv = 1 + w (1 - tanh(v x)), x(0) = start: guided sampling of N(1, 1) against 1/2 N(+-1, 1).

    v = e^{-t} of the Ornstein-Uhlenbeck process, from noise (v = 0) to data (v = 1).

    >>> round(tanh_flow(1.0), 4)
    1.5638
    """
    w = _checks.weight(weight)
    return float(_solve(lambda v, x: 1 + w * (1 - np.tanh(v * x)), (0.0, 1.0), np.array([float(start)]))[0])


def interval_flow(start: Any, weight: float, inner: float = 0.5, outer: float = 1.0) -> np.ndarray:
    """End points of the guided probability-flow ODE for a class uniform on [inner, outer].

    The other class is its mirror image, both of weight 1/2; variance-exploding noise from s = 1e3 to 1e-12 (times
    outer squared).

    Parameters
    ----------
    start : (n,) array
        Standard normal numbers: x starts at their multiple sqrt(s).
    weight : float
    inner, outer : float
        0 <= inner < outer.

    Returns
    -------
    (n,) array; what lies beyond outer does so by multiples of the last noise deviation
    """
    w = _checks.weight(weight)
    if not 0 <= inner < outer < np.inf:
        _checks.fail(f"interval [{inner:g}, {outer:g}]", "0 <= inner < outer < inf", "swap or change them")
    high, low = FAR * outer**2, NEAR * outer**2

    def rate(log_s: float, x: np.ndarray) -> np.ndarray:
        s = np.exp(log_s)
        mass, own = _interval(x, s, inner, outer)
        other_mass, other = _interval(-x, s, inner, outer)
        missing = 1 / (1 + np.exp(np.clip(mass - other_mass, -700, 700)))
        return -0.5 * s * (own + w * missing * (own + other))

    x = np.sqrt(high) * np.atleast_1d(np.asarray(start, dtype=float))
    return _solve(rate, (np.log(high), np.log(low)), x)


def _interval(x: np.ndarray, s: float, inner: float, outer: float) -> tuple[np.ndarray, np.ndarray]:
    """Log mass and score at x of the uniform law on [inner, outer] with noise of variance s."""
    from scipy.special import log_ndtr

    far = x > (inner + outer) / 2  # by symmetry only points left of the middle are computed
    a = (inner - np.where(far, inner + outer - x, x)) / np.sqrt(s)
    width = (outer - inner) / np.sqrt(s)
    right = log_ndtr(-a)
    mass = right + np.log1p(-np.exp(log_ndtr(-a - width) - right))
    edge = np.exp(-0.5 * a**2 - mass) * -np.expm1(-width * (a + width / 2)) / np.sqrt(2 * np.pi * s)
    return mass, np.where(far, -edge, edge)


def _solve(rate: Any, span: tuple[float, float], start: np.ndarray) -> np.ndarray:
    from scipy.integrate import solve_ivp

    return solve_ivp(rate, span, start, method="DOP853", rtol=1e-11, atol=1e-12).y[:, -1]
