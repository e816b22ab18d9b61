r"""Mean and variance of guided Gaussians, direction by direction: probability-flow ODE, reverse SDE, tilted law.

Variance-exploding noise of variance s. In one direction the class is N(mu, c), the total N(0, u), and

    s_w(x) = (1 + w) s_c - w s_u = -(1 + w)(x - mu) / (c + s) + w x / (u + s)

is affine in x, so a Gaussian stays one. From s = T (the horizon, inf by default) down to 0

    ODE   dx = -1/2 s_w ds          SDE   dx = -s_w ds + noise of variance |ds|

Everything is a function of one exponent and of the place v = sqrt(c / (c + s)), from v_T to 1:

    E(s) = int_0^s w [1/(c + s') - 1/(u + s')] ds',        I = E(T)
    ODE   mean = mu int (1 + w) e^{-E/2} dv   + v_T e^{-I/2} m_T      var = v_T^2 e^{-I} V_T
    SDE   mean = mu int (1 + w) e^{-E} 2v dv  + v_T^2 e^{-I} m_T      var = c int e^{-2E} 2v dv + v_T^4 e^{-2I} V_T

with m_T, V_T the mean and variance at the horizon; the class's own are mu and c + T, for which the ODE's
variance is c e^{-I}. Derivations: docs/gaussian-distortions.md. Source: Ventura et al..
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _checks
from .path_integrals import LinearWeight, checked_levels, kept_share, path_integrals

Schedule = float | Callable[[np.ndarray], Any]
LARGEST = 300.0  # constant weight up to which scipy's 2F1 keeps its digits


@dataclass(frozen=True)
class Moments:
    """Mean and variance of guided samples, direction by direction.

    Attributes
    ----------
    mean : array, shape (d,) or a number
        In each direction.
    variance : array, shape (d,) or a number
        In each direction.
    """

    mean: Any
    variance: Any


def ode_moments(
    c: Any, u: Any, mu: Any, weight: Schedule, horizon: float = np.inf, start: Moments | None = None
) -> Moments:
    """Final mean and variance of guided samples under the probability-flow ODE. Source: docs/gaussian-distortions.md.

    For a constant weight from horizon = inf: var = c (c/u)^w, mean = (1 + w) mu 2F1(1, -w/2; 3/2; 1 - c/u).

    Parameters
    ----------
    c, u : float or array_like, shape (d,)
        Variance of the class and of the total law in each direction, positive.
    mu : float or array_like, shape (d,)
        Class mean in each direction; the total law is centred.
    weight : float or callable
        Constant w >= -1, or s -> w(s) for noise variances s of any shape. A callable with jumps lists them in `breaks`.
    horizon : float
        Noise variance T at which sampling starts, in (0, inf].
    start : Moments, optional
        Law at the horizon, by default that of the noised class, N(mu, c + T); it needs a finite horizon.

    Returns
    -------
    Moments
        Of the samples.

    Raises
    ------
    InputError
        A variance that is not positive, a weight below -1, a schedule on which the quadrature does not converge.

    Examples
    --------
    >>> float(ode_moments(1.0, 2.0, 1.0, weight=2).variance)
    0.25
    """
    c, u, mu = _direction(c, u, mu, horizon)
    arrived, relative = _start(c, mu, horizon, start)
    integrals, left, share = _integrals(c, u, weight, horizon), exponent(c, u, weight, horizon), kept_share(c, horizon)
    mean = mu * integrals[0] + np.sqrt(share) * np.exp(-left / 2) * arrived
    return Moments(mean[()], (c * relative * np.exp(-left))[()])


def sde_moments(
    c: Any, u: Any, mu: Any, weight: Schedule, horizon: float = np.inf, start: Moments | None = None
) -> Moments:
    """Final mean and variance of guided samples under the reverse SDE. Source: docs/gaussian-distortions.md.

    For a constant weight from horizon = inf, with L = log(c/u) and phi(x) = (e^x - 1)/x:
    var = c phi((1 + 2w) L) / phi(L), mean = (1 + w) mu phi((1 + w) L) / phi(L).

    Parameters
    ----------
    c, u : float or array_like, shape (d,)
        Variance of the class and of the total law in each direction, positive.
    mu : float or array_like, shape (d,)
        Class mean in each direction; the total law is centred.
    weight : float or callable
        Constant w >= -1, or s -> w(s) for noise variances s of any shape. A callable with jumps lists them in `breaks`.
    horizon : float
        Noise variance T at which sampling starts, in (0, inf].
    start : Moments, optional
        Law at the horizon, by default that of the noised class, N(mu, c + T); it needs a finite horizon.

    Returns
    -------
    Moments
        Of the samples.

    Raises
    ------
    InputError
        A variance that is not positive, a weight below -1, a schedule on which the quadrature does not converge.

    Examples
    --------
    >>> round(float(sde_moments(1.0, 2.0, 1.0, weight=1).variance), 4)
    0.5833
    """
    c, u, mu = _direction(c, u, mu, horizon)
    arrived, relative = _start(c, mu, horizon, start)
    integrals, left, share = _integrals(c, u, weight, horizon), exponent(c, u, weight, horizon), kept_share(c, horizon)
    mean = mu * integrals[1] + share * np.exp(-left) * arrived
    variance = c * (integrals[2] + relative * share * np.exp(-2 * left))
    return Moments(mean[()], variance[()])


def tilted_moments(c: Any, u: Any, mu: Any, weight: float) -> Moments:
    """Mean and variance of the law proportional to p_c^(1+w) p_u^(-w). Source: docs/gaussian-distortions.md.

    var = 1 / ((1 + w)/c - w/u), mean = mu var (1 + w)/c.

    Parameters
    ----------
    c, u : float or array_like, shape (d,)
        Variance of the class and of the total law in each direction, positive.
    mu : float or array_like, shape (d,)
        Class mean in each direction; the total law is centred.
    weight : float
        w >= -1.

    Returns
    -------
    Moments
        Of the tilted law.

    Raises
    ------
    InputError
        (1 + w)/c <= w/u: the tilted density cannot be normalised.
    """
    c, u, mu = _direction(c, u, mu, np.inf)
    w = _checks.weight(weight)
    precision = (1 + w) / c - w / u
    if not (precision > 0).all():
        _checks.fail(
            f"the tilted precision (1 + w)/c - w/u is {precision.min():g}",
            "it is positive; it always is where c <= u",
            "a smaller weight",
        )
    return Moments((mu * (1 + w) / c / precision)[()], (1 / precision)[()])


def exponent(c: Any, u: Any, weight: Schedule, horizon: float = np.inf) -> Any:
    """I = int_0^T w(s) [1/(c + s) - 1/(u + s)] ds: the ODE multiplies the class's variance by e^{-I}.

    Constant: I = w log[(c + T) u / ((u + T) c)]; :class:`LinearWeight` adds
    slope [u log(1 + T/u) - c log(1 + T/c)]; other callables by quadrature. Source: docs/gaussian-distortions.md.

    Parameters
    ----------
    c, u : float or array_like, shape (d,)
        Variance of the class and of the total law in each direction, positive.
    weight : float or callable
        Constant w >= -1, or s -> w(s) for noise variances s of any shape. A callable with jumps lists them in `breaks`.
    horizon : float
        Noise variance T at which sampling starts, in (0, inf].

    Returns
    -------
    array, shape (d,), or a number
        I in each direction.

    Raises
    ------
    InputError
        A variance that is not positive, a weight below -1, a schedule on which the quadrature does not converge.
    """
    c, u, _ = _direction(c, u, 0.0, horizon)
    if isinstance(weight, LinearWeight):
        lowest = min(_checks.weight(weight.start), weight.start + weight.slope * horizon if weight.slope else 0)
        checked_levels(np.array(lowest), horizon)
        slope = u * np.log1p(horizon / u) - c * np.log1p(horizon / c) if weight.slope else 0.0
        return (weight.start * _log_ratio(c, u, horizon) + weight.slope * slope)[()]
    if callable(weight):
        return path_integrals(c, u, weight, horizon)[3][()]
    return (_checks.weight(weight) * _log_ratio(c, u, horizon))[()]


def recfg_factor(omega: Any, c: Any = 1.0, u: Any = 2.0) -> Any:
    """Factor phi(omega) by which the probability-flow ODE moves the class mean at scale omega = 1 + w.

    phi = omega 2F1(1, (1 - omega)/2; 3/2; 1 - c/u). For q(x|c) = N(c, 1), c ~ N(0, 1), as in ReCFG (arXiv:2410.18737),
    the total variance is 2: phi(1) = 1, phi(3) = 2.

    Parameters
    ----------
    omega : float or array_like, any shape
        Scale 1 + w >= 0.
    c, u : float or array_like, any shape
        Variance of the class and of the total law, positive.

    Returns
    -------
    array, broadcast shape, or a number
        phi.

    Raises
    ------
    InputError
        A variance that is not positive, a scale that is not finite or negative.
    """
    return np.vectorize(lambda scale: ode_moments(c, u, 1.0, scale - 1).mean)(omega)[()]


def _integrals(c: np.ndarray, u: np.ndarray, weight: Schedule, horizon: float) -> np.ndarray:
    """The three integrals over v of the module's head: (3, ...).

    Constant w: e^{-E} = [(c + (u - c) v^2)/u]^w. With 2v dv the primitive is elementary; the first is a 2F1, and
    loses digits where (c/u)^{w/2} is large.
    """
    if callable(weight):
        return path_integrals(c, u, weight, horizon)[:3]
    if weight > LARGEST:
        return path_integrals(c, u, lambda s: weight + 0 * s, horizon)[:3]
    w, turn = _checks.weight(weight), _log_ratio(c, u, horizon)
    fading = np.sqrt(kept_share(c, horizon)) * np.exp(-w * turn / 2)
    first = (1 + w) * (_plain(c, u, w, 0.0) - fading * _plain(c, u, w, horizon))
    scale = u / c * _reach(u, horizon) / _rise(turn)
    return np.stack([first, (1 + w) * scale * _rise(-(1 + w) * turn), scale * _rise(-(1 + 2 * w) * turn)])


def _plain(c: np.ndarray, u: np.ndarray, w: float, s: float) -> np.ndarray:
    """int_0^1 [1 - x + x v^2]^{w/2} dv = 2F1(1, -w/2; 3/2; x), x = (u - c)/(u + s); for x < 0 by Pfaff's identity."""
    from scipy.special import hyp2f1

    x = (u - c) / (u + s)
    inside, beyond = np.maximum(x, 0), np.minimum(x, 0)
    pfaff = (1 - beyond) ** (w / 2) * hyp2f1(0.5, -w / 2, 1.5, beyond / (beyond - 1))
    return np.where(x < 0, pfaff, hyp2f1(1.0, -w / 2, 1.5, inside))


def _rise(x: np.ndarray) -> np.ndarray:
    """phi(x) = (e^x - 1)/x, 1 at 0."""
    flat = np.abs(x) < 1e-300
    return np.where(flat, 1.0, np.expm1(x) / np.where(flat, 1.0, x))


def _reach(u: np.ndarray, horizon: float) -> np.ndarray | float:
    """T / (u + T)."""
    return horizon / (u + horizon) if horizon < np.inf else 1.0


def _log_ratio(c: np.ndarray, u: np.ndarray, horizon: float) -> np.ndarray:
    """log[(c + T) u / ((u + T) c)]."""
    return np.log1p((u - c) / c * _reach(u, horizon))


def _direction(c: Any, u: Any, mu: Any, horizon: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    c, u, mu = np.broadcast_arrays(*(np.asarray(a, dtype=float) for a in (c, u, mu)))
    for name, value in (("class variance c", c), ("total variance u", u)):
        if not ((value > 0) & (value < np.inf)).all():
            _checks.fail(f"{name} holds {np.min(value):g}", "0 < variance < inf", "give variances, not deviations")
    if not np.isfinite(mu).all():
        _checks.fail("mu is not finite", "a class mean is a number", "drop the direction")
    if not _checks.real(horizon, "horizon") > 0:
        _checks.fail(f"horizon = {horizon}", "a noise variance 0 < T <= inf", "the default is inf")
    return c, u, mu


def _start(c: np.ndarray, mu: np.ndarray, horizon: float, start: Moments | None) -> tuple[Any, Any]:
    """Mean at the horizon, and variance there divided by c + T."""
    if start is None:
        return mu, 1.0
    if horizon == np.inf:
        _checks.fail("a start at horizon = inf", "a law at a finite noise variance", "give a finite horizon")
    return np.asarray(start.mean, dtype=float), np.asarray(start.variance, dtype=float) / (c + horizon)
