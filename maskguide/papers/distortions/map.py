"""The map of schedules w(s) = w0 + Omega s: where the ODE and the SDE keep a class's variance.

log(Var/c) from the closed forms over a grid of (w0, Omega), the line I = 0 on which the ODE's variance is the class's,
the curve on which the SDE's is, and samples on both. Source: Ventura et al.; docs/gaussian-distortions.md.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from math import log, sqrt
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.closed_forms import ode_moments, sde_moments
from ...gaussian.mixture import Mixture
from ...gaussian.noise import variance_exploding
from ...gaussian.path_integrals import LinearWeight
from ...gaussian.samplers import sample
from .schedules import DYNAMICS, exploding_times, neutral_slope, schedule_map

METHOD = {"ode": "heun", "sde": "euler-maruyama"}
STARTS = (-1.0, -0.75, -0.5, -0.25)  # w0 of the neutral schedules that are listed
COPIES, STEPS = 8, 400


@dataclass(frozen=True)
class Neutral:
    """The schedule of one w0 that leaves a class its variance under one dynamics.

    Attributes
    ----------
    dynamics : "ode" or "sde"
    start, slope : w0 and Omega
    mean : of the guided class, whose own is mu
    other : log(Var/c) of the other dynamics under this schedule
    sampled, error : log(Var/c) measured, and its standard error
    """

    dynamics: str
    start: float
    slope: float
    mean: float
    other: float
    sampled: float
    error: float


@dataclass(frozen=True)
class MapStudy:
    """Settings and results of :func:`study`.

    Attributes
    ----------
    starts, slopes : (A,), (B,)
    log_ratio : (A, B) for "ode" and "sde": log(Var/c); NaN where w(s) falls below -1
    neutral : (A,) for "ode" and "sde": the Omega with log(Var/c) = 0; NaN where no schedule of the map's kind has it
    rows : neutral schedules, sampled
    """

    c: float
    u: float
    mean: float
    horizon: float
    seed: int
    starts: np.ndarray
    slopes: np.ndarray
    log_ratio: dict[str, np.ndarray]
    neutral: dict[str, np.ndarray]
    rows: tuple[Neutral, ...]

    def to_dict(self) -> dict[str, Any]:
        """Plain data."""
        return asdict(self)

    def text(self) -> str:
        """The neutral schedules, with what was found."""
        head = f"Schedules w(s) = w0 + Omega s up to s = {self.horizon:g}; class N({self.mean:g}, {self.c:g}), total"
        lines = [f"{head} N(0, {self.u:g})", f"{'':6}{'w0':>7}{'Omega':>9}{'mean':>9}{'log(Var/c), sampled':>24}"
                 f"{'with the other dynamics':>26}"]  # fmt: skip
        for r in self.rows:
            lines.append(f"{r.dynamics:6}{r.start:>7g}{r.slope:>9.4f}{r.mean:>9.4f}{r.sampled:>15.4f} +-{r.error:.4f}"
                         f"{r.other:>26.4f}")  # fmt: skip
        slope = -neutral_slope(self.c, self.u, self.horizon, -1.0)
        lines.append(f"The ODE keeps the variance on the line Omega = {slope:.4f} w0: what is positive with much noise")
        lines.append("has to be negative near data. The SDE has a curve of its own, further up.")
        return "\n".join(lines)


def num_units(quick: bool = False) -> int:
    """How often `advance` is called."""
    return len(DYNAMICS) * (1 + len(STARTS))


def study(
    c: float = 1.0,
    u: float = 2.0,
    mean: float = 1.0,
    horizon: float = 10.0,
    *,
    starts: Any = None,
    slopes: Any = None,
    seed: int = 0,
    quick: bool = False,
    advance: Callable[[], Any] | None = None,
) -> MapStudy:
    """Map of log(Var/c), neutral schedules of both dynamics, samples of them. Source: docs/gaussian-distortions.md.

    Parameters
    ----------
    c, u : float
        Variance of the class and of the total in one direction, 0 < c < u: guidance then takes variance.
    mean : float
        Class mean.
    horizon : float
        Finite noise variance T at which the noised class starts.
    starts, slopes : sequence of float, optional
        Increasing: w0, at least -1, and Omega, the axes of the map; by default w0 from -1 to 1 and Omega from -2/T to
        14/T.
    seed : int
        0 <= seed < 2^64.
    quick : bool
        A coarse map and few samples.
    advance : callable, optional
        Called after each unit of work, :func:`num_units` in all.

    Returns
    -------
    MapStudy
        The map and the neutral schedules, as text, plain data and figures.

    Raises
    ------
    InputError
        Variances that are not 0 < c < u, a horizon that is not finite, axes that do not increase, w0 below -1.

    Examples
    --------
    >>> found = study(quick=True)
    >>> round(float(found.neutral["ode"][0]), 4)
    0.5112
    """
    if not 0 < _checks.real(c, "c") < _checks.real(u, "u") < np.inf:
        _checks.fail(f"c = {c:g}, u = {u:g}", "0 < c < u < inf: a class is narrower than the total", "change them")
    if not 0 < _checks.real(horizon, "horizon") < np.inf:
        _checks.fail(f"horizon = {horizon:g}", "0 < horizon < inf, the noise variance at the start", "try 10")
    if not np.isfinite(_checks.real(mean, "mean")):
        _checks.fail(f"mean = {mean:g}", "a class mean is finite", "give a number")
    _checks.seed(seed)
    side = 21 if quick else 81
    starts = _axis(np.linspace(-1, 1, side) if starts is None else starts, "starts", -1.0)
    slopes = _axis(np.linspace(-2, 14, side) / horizon if slopes is None else slopes, "slopes", -np.inf)
    done = advance or (lambda: None)
    maps = {name: done() or schedule_map(c, u, horizon, starts, slopes, name).log_ratio for name in DYNAMICS}
    neutral = {name: np.array([_neutral(name, c, u, horizon, a) for a in starts]) for name in DYNAMICS}
    count = 500 if quick else 5000
    rows = [done() or _row(name, a, c, u, mean, horizon, count, seed) for name in DYNAMICS for a in STARTS]
    return MapStudy(c, u, mean, horizon, seed, starts, slopes, maps, neutral, tuple(rows))


def _axis(values: Any, name: str, least: float) -> np.ndarray:
    axis = np.asarray(values, dtype=float)
    if axis.ndim != 1 or len(axis) < 2 or not np.isfinite(axis).all() or (np.diff(axis) <= 0).any():
        _checks.fail(f"{name} = {_checks.short(values)}", "two or more increasing numbers", "np.linspace makes them")
    if axis[0] < least:
        _checks.fail(f"{name} begin at {axis[0]:g}", f"w0 >= {least:g}, as every weight", "begin later")
    return axis


def _neutral(dynamics: str, c: float, u: float, horizon: float, start: float) -> float:
    """The Omega at which the variance is c; NaN where w(s) would fall below -1."""
    if dynamics == "ode" or start == 0:
        slope = neutral_slope(c, u, horizon, start) + 0.0  # no -0
        return slope if start + slope * horizon >= -1 else np.nan
    from scipy.optimize import brentq

    log_ratio = lambda slope: _log_ratio(dynamics, c, u, horizon, start, slope)  # noqa: E731
    low, high = -(1 - 1e-12) * (1 + start) / horizon, 1 / horizon
    if log_ratio(low) <= 0:
        return np.nan
    while log_ratio(high) > 0:
        high *= 2
    return float(brentq(log_ratio, low, high))  # type: ignore[arg-type]


def _log_ratio(dynamics: str, c: float, u: float, horizon: float, start: float, slope: float) -> float:
    moments = DYNAMICS[dynamics](c, u, 0.0, LinearWeight(start, slope), horizon)
    return log(moments.variance / c)


def _row(
    dynamics: str, start: float, c: float, u: float, mean: float, horizon: float, count: int, seed: int
) -> Neutral:
    slope = _neutral(dynamics, c, u, horizon, start)
    weight = LinearWeight(start, slope)
    run = sample(Mixture([[mean] * COPIES], c), Mixture([[0.0] * COPIES], u), lambda t: weight(horizon * t),
                 method=METHOD[dynamics], process=variance_exploding(horizon), times=exploding_times(horizon, c, STEPS),
                 count=count, seed=seed, initial="class")  # fmt: skip
    moments, other = (ode_moments, "sde") if dynamics == "ode" else (sde_moments, "ode")
    return Neutral(dynamics, start, slope, float(moments(c, u, mean, weight, horizon).mean),
                   _log_ratio(other, c, u, horizon, start, slope), log(run.x.var(ddof=1) / c),
                   sqrt(2 / (run.x.size - 1)))  # fmt: skip
