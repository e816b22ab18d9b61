"""Distortions of guidance: which schedules leave a class its own variance, and at what price in separability.

Maps over w(s) = w0 + omega s with the line I = 0, and the negative window that does least harm; all from the closed
forms of :mod:`.closed_forms`. Classes in large numbers: :mod:`.random_means`.

Derivations and measured numbers: docs/gaussian-distortions.md. Source: Ventura et al..
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from math import log
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.closed_forms import Moments, exponent, ode_moments, sde_moments
from ...gaussian.methods import GaussianMethod
from ...gaussian.methods import method as find
from ...gaussian.path_integrals import LinearWeight, WindowWeight
from ...gaussian.steps import Field

DYNAMICS = {"ode": ode_moments, "sde": sde_moments}
SWITCHES = 48


@dataclass(frozen=True)
class ScheduleMap:
    """log(Var/c) over schedules w0 + omega s; NaN where w(s) falls below -1.

    Attributes
    ----------
    starts : (A,)
        w0.
    slopes : (B,)
        omega.
    log_ratio : (A, B)
    neutral : (A,)
        The slope at which the ODE's variance is the class's own: the line I = 0, through the origin.
    """

    starts: np.ndarray
    slopes: np.ndarray
    log_ratio: np.ndarray
    neutral: np.ndarray


def schedule_map(
    c: float, u: float, horizon: float, starts: Any, slopes: Any, dynamics: str = "ode"
) -> ScheduleMap:  # fmt: skip
    """log(Var/c) of one direction under every w(s) = w0 + omega s, from the noised class at s = horizon.

    Parameters
    ----------
    c, u : float
        Class and total variance.
    horizon : float
        Finite T.
    starts, slopes : (A,) and (B,) arrays
    dynamics : "ode" or "sde"
    """
    moments = DYNAMICS[_checks.choice(dynamics, DYNAMICS, "dynamics")]
    starts, slopes = np.asarray(starts, dtype=float), np.asarray(slopes, dtype=float)
    log_ratio = np.full((starts.size, slopes.size), np.nan)
    for i, j in np.ndindex(log_ratio.shape):
        if starts[i] + slopes[j] * horizon >= -1:
            found = moments(c, u, 0.0, LinearWeight(starts[i], slopes[j]), horizon)
            log_ratio[i, j] = log(found.variance / c)
    return ScheduleMap(starts, slopes, log_ratio, np.array([neutral_slope(c, u, horizon, a) for a in starts]))


def neutral_slope(c: float, u: float, horizon: float, start: float) -> float:
    """The omega with I = 0 at w0 = start: -w0 log[(c+T)u/((u+T)c)] / [u log(1 + T/u) - c log(1 + T/c)]."""
    return -start * float(exponent(c, u, 1.0, horizon) / exponent(c, u, LinearWeight(0.0, 1.0), horizon))


def stepped_moments(
    field: Field, method: str | GaussianMethod, times: np.ndarray, mean: float, variance: float
) -> Moments:
    """Mean and variance after a sampler's own steps, without draws, for Gaussians of one dimension.

    Each step is affine in (x, z) then; three points tell its shift, slope and noise.

    Parameters
    ----------
    field : Field
        Guided field of two mixtures of one component each, d = 1.
    method : str or GaussianMethod
    times : (K + 1,) decreasing
    mean, variance : float
        Of the law at the first time.
    """
    step = find(method).step
    x, z = np.array([[0.0], [1.0], [0.0]]), np.array([[0.0], [0.0], [1.0]])
    for t, s in pairwise(times):
        at = step(field, x, float(t), float(s), z)[:, 0]
        slope, noise = at[1] - at[0], at[2] - at[0]
        mean, variance = at[0] + slope * mean, slope**2 * variance + noise**2
    return Moments(float(mean), float(variance))


def exploding_times(horizon: float, least: float, steps: int) -> np.ndarray:
    """Times t = s/horizon of a variance-exploding process, from 1 to 0, equal steps of log(least + s)."""
    s = np.geomspace(least + horizon, least, _checks.integer(steps, "steps", 1) + 1) - least
    s[0], s[-1] = horizon, 0.0
    return s / horizon


def separability(c: Any, mu: Any, moments: Moments) -> float:
    """Deviations between a guided class and the border to its mirror image, along the classes' own discriminant.

    z = sum_j mu_j m_j / c_j over the root of sum_j mu_j^2 V_j / c_j^2; the classifier between N(mu, c) and N(-mu, c)
    is right on a share Phi(z) of the samples. The class itself has z^2 = sum_j mu_j^2 / c_j.
    """
    c, mu = np.asarray(c, dtype=float), np.asarray(mu, dtype=float)
    return float(np.sum(mu * moments.mean / c) / np.sqrt(np.sum(mu**2 * moments.variance / c**2)))


@dataclass(frozen=True)
class Window:
    """What :func:`best_window` found.

    Attributes
    ----------
    weight : WindowWeight
    distortion : float
        Root mean square of log(V_j/c_j) over the directions, and `constant_distortion` without the window.
    separability : float
        z with the window; `class_separability` is that of the class law itself.
    """

    weight: WindowWeight
    distortion: float
    constant_distortion: float
    separability: float
    class_separability: float


def best_window(
    c: Any, u: Any, mu: Any, early: float, horizon: float = np.inf, gain: float = 1.0, switches: Any = None
) -> Window:
    """The negative window (late, switch) that brings the ODE's variances nearest the class's, separability kept.

    w(s) = early above the switch and late in [-1, early] below. With the switch fixed log(V_j/c_j) is affine in
    late, so the best late is a projection; where its :func:`separability` is too small, late rises until it is not.
    Switches are searched on a grid; of equally good ones (in one direction all restore the variance) the one that
    separates best.

    Parameters
    ----------
    c, u, mu : (d,) arrays
    early : float
        Weight outside the window, positive.
    horizon : float
        T, finite or inf.
    gain : float
        Separability that must be left, relative to that of the class law; without guidance it is 1.
    switches : array, optional
        Noise variances to try; by default 48, spaced geometrically from 1e-2 min(c) to 1e2 max(u), below T.

    Raises
    ------
    InputError
        Not even the constant weight `early` separates that well.
    """
    c, u, mu = np.broadcast_arrays(*(np.atleast_1d(np.asarray(a, dtype=float)) for a in (c, u, mu)))
    own, most = separability(c, mu, Moments(mu, c)), separability(c, mu, ode_moments(c, u, mu, early, horizon))
    if most < gain * own:
        _checks.fail(
            f"the constant weight {early:g} has separability {most:.4g}",
            f"at least gain = {gain:g} times that of the class law, {own:.4g}",
            "a larger weight, or a smaller gain",
        )
    found = [_window(c, u, mu, early, horizon, s, gain * own) for s in _switches(c, u, horizon, switches)]
    rms, z, weight = min(found, key=lambda f: (round(f[0], 9), -f[1]))
    return Window(weight, rms, _rms(exponent(c, u, early, horizon)), z, own)


def _window(c, u, mu, early, horizon, switch, least) -> tuple[float, float, WindowWeight]:
    """The best late weight at one switch: (distortion, separability, schedule)."""
    from scipy.optimize import brentq

    inside = exponent(c, u, 1.0, switch)
    outside = early * (exponent(c, u, 1.0, horizon) - inside)
    window = lambda late: WindowWeight(early, float(late), float(switch))  # noqa: E731
    z = lambda late: separability(c, mu, ode_moments(c, u, mu, window(late), horizon))  # noqa: E731
    late = np.clip(-(inside @ outside) / (inside @ inside), -1, early)
    if z(late) < least:
        late = brentq(lambda x: z(x) - least, late, early)
    return _rms(outside + late * inside), z(late), window(late)


def _switches(c: np.ndarray, u: np.ndarray, horizon: float, switches: Any) -> np.ndarray:
    tried = np.geomspace(1e-2 * c.min(), 1e2 * u.max(), SWITCHES) if switches is None else np.asarray(switches)
    return tried[tried < horizon]


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(values**2)))
