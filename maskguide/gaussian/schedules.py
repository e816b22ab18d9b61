r"""Guidance weights over the noise level t: functions w(t), t = 1 noise and t = 0 data, omega(t) = 1 + w(t).

Each but `ramp`, `linear` and `switched` has the mean omega over 0 <= t <= 1 that it is named by; :func:`on_grid`
makes any of them piecewise constant on a time grid with sum_n omega_n dt_n equal to the mean asked for. A
`WeightSchedule` of the masked side is a schedule here too: its level m is t.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import cos, isfinite, pi
from typing import Any

import numpy as np

from .. import _checks
from ..guidance import WeightSchedule
from ..guidance.weight_schedule import COINCIDE

Weight = float | WeightSchedule | Callable[[float], float]


@dataclass(frozen=True)
class ScaleSchedule:
    """A named scale omega(t); calling it gives the weight w(t) = omega(t) - 1. Source: docs/gaussian-stages.md.

    Attributes
    ----------
    name : str
        What it is called in tables.
    scale : callable
        t in [0, 1] -> omega(t) >= 0.
    jumps : tuple of floats
        Times at which omega or its slope jumps.
    """

    name: str
    scale: Callable[[float], float]
    jumps: tuple[float, ...] = ()

    def __call__(self, t: float) -> float:
        """The weight w(t)."""
        return self.scale(t) - 1


def constant(omega: float) -> ScaleSchedule:
    """Constant scale omega at every t.

    Parameters
    ----------
    omega : float
        Mean scale 1 + w over t, at least 0.

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        A scale below 0, that is a weight below -1.
    """
    scale = _scale(omega)
    return ScaleSchedule("constant", lambda t: scale)


def interval(omega: float, low: float = 0.15, high: float = 0.78) -> ScaleSchedule:
    """Guidance in an interval: 1 outside (low, high), inside 1 + (omega - 1) / (high - low), so that the mean is omega.

    Parameters
    ----------
    omega : float
        Mean scale 1 + w over t, at least 0.
    low, high : float
        0 <= low < high <= 1.

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        An interval that is none, or a scale below 0.
    """
    if not 0 <= low < high <= 1:
        _checks.fail(f"interval ({low}, {high})", "0 <= low < high <= 1", "(0.15, 0.78) is usual")
    inside = _scale(1 + (_scale(omega) - 1) / (high - low))
    return ScaleSchedule("interval", lambda t: inside if low < t <= high else 1.0, (high, low))


def triangle(omega: float) -> ScaleSchedule:
    """Triangle: from 1 at t = 1 up to 2 omega - 1 at t = 1/2 and back to 1 at t = 0.

    Parameters
    ----------
    omega : float
        Mean scale 1 + w over t, at least 0.

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        A scale below 0, that is a weight below -1.
    """
    _scale(2 * _scale(omega) - 1)
    return ScaleSchedule("triangle", lambda t: 1 + 2 * (omega - 1) * (1 - abs(2 * t - 1)), (0.5,))


def step_up(omega: float, share: float = 0.25) -> ScaleSchedule:
    """Step up: omega / 3 for the first part of the way from noise, then omega; its mean is (1 - 2 share / 3) omega.

    Parameters
    ----------
    omega : float
        Largest scale 1 + w, at least 0.
    share : float
        The first part of the way, in [0, 1].

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        A share outside [0, 1], or a scale below 0.
    """
    return _step("step-up", _scale(omega) / 3, omega, share)


def step_down(omega: float, share: float = 0.25) -> ScaleSchedule:
    """Step down: omega for the first part of the way from noise, then omega / 3; its mean is (1 + 2 share) / 3 omega.

    Parameters
    ----------
    omega : float
        Largest scale 1 + w, at least 0.
    share : float
        The first part of the way, in [0, 1].

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        A share outside [0, 1], or a scale below 0.
    """
    return _step("step-down", omega, _scale(omega) / 3, share)


def early_late(early: float, late: float, switch: float = 0.5) -> ScaleSchedule:
    """Two scales, one before and one after a time.

    Parameters
    ----------
    early, late : float
        Scales 1 + w >= 0 for t > switch and for t <= switch.
    switch : float
        In [0, 1].

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        A switch outside [0, 1], or a scale below 0.
    """
    return _step("early-late", _scale(early), _scale(late), 1 - switch)


def ramp(start: float, end: float) -> ScaleSchedule:
    """Linear scale from noise to data.

    Parameters
    ----------
    start, end : float
        Scales 1 + w >= 0 at t = 1 and at t = 0.

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        A scale below 0, that is a weight below -1.
    """
    start, end = _scale(start), _scale(end)
    return ScaleSchedule("ramp", lambda t: end + (start - end) * t)


def linear(offset: float, slope: float) -> ScaleSchedule:
    """Linear weight w = offset + slope t: with -1 <= offset < 0 < slope it has a negative window at low noise.

    Parameters
    ----------
    offset, slope : float
        offset >= -1 and offset + slope >= -1.

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        A weight below -1.
    """
    for end in (offset, offset + slope):
        _checks.weight(end)
    return ScaleSchedule("linear", lambda t: 1 + offset + slope * t)


def switched(positive: float, negative: float, switch: float) -> ScaleSchedule:
    """Positive weight early, negative weight late.

    Parameters
    ----------
    positive, negative : float
        w >= 0 for t > switch, then -1 <= w <= 0.
    switch : float
        In [0, 1].

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        Weights of the wrong sign or below -1, a switch outside [0, 1].
    """
    if not -1 <= negative <= 0 <= positive:
        _checks.fail(f"weights {positive}, {negative}", "-1 <= negative <= 0 <= positive", "early is positive")
    return _step("switched", 1 + _checks.weight(positive), 1 + negative, 1 - switch)


def cosine(omega: float) -> ScaleSchedule:
    """Cosine: 1 + (omega - 1)(1 + cos(pi t)), from 1 at noise to 2 omega - 1 at data.

    Parameters
    ----------
    omega : float
        Mean scale 1 + w over t, at least 0.

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        A scale below 0, that is a weight below -1.
    """
    _scale(2 * _scale(omega) - 1)
    return ScaleSchedule("cosine", lambda t: 1 + (omega - 1) * (1 + cos(pi * t)))


def beta(omega: float, a: float = 2.0, b: float = 2.0) -> ScaleSchedule:
    """Beta density: 1 + (omega - 1) times the density of Beta(a, b) at t.

    Parameters
    ----------
    omega : float
        Mean scale 1 + w over t, at least 0.
    a, b : float
        At least 1, finite.

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        a or b below 1, or a scale below 0.
    """
    if not (a >= 1 and b >= 1 and isfinite(a + b)):
        _checks.fail(f"a = {a}, b = {b}", "a, b >= 1, finite", "a = b = 2 is a parabola")
    from scipy.special import beta as normaliser

    factor = (_scale(omega) - 1) / float(normaliser(a, b))
    return ScaleSchedule("beta", lambda t: 1 + factor * t ** (a - 1) * (1 - t) ** (b - 1))


def tabulated(times: Any, weights: Any) -> ScaleSchedule:
    """Learned weights: linear between given points, constant beyond the ends.

    Parameters
    ----------
    times : array_like, shape (M,)
        Increasing.
    weights : array_like, shape (M,)
        w >= -1 at these times.

    Returns
    -------
    ScaleSchedule
        Called with t in [0, 1] it gives the weight w = omega(t) - 1.

    Raises
    ------
    InputError
        Times that do not increase, another number of weights, a weight below -1.
    """
    at, value = np.asarray(times, dtype=float), np.asarray([_checks.weight(w) for w in weights])
    if at.shape != value.shape or at.size < 1 or (np.diff(at) <= 0).any() or not np.isfinite(at).all():
        _checks.fail("times and weights do not match", "as many weights as increasing times", "sort them by time")
    return ScaleSchedule("tabulated", lambda t: 1 + float(np.interp(t, at, value)))


def on_grid(weight: Weight, times: Any, omega: float | None = None) -> WeightSchedule:
    """A weight made piecewise constant on a grid: omega_n at the middle of step n.

    Parameters
    ----------
    weight : number, WeightSchedule, or callable
        w, or t -> w.
    times : array_like, shape (K+1,)
        Strictly decreasing inside [0, 1].
    omega : float, optional
        A mean scale: every omega_n is multiplied so that sum_n omega_n dt_n = omega sum_n dt_n.

    Returns
    -------
    WeightSchedule
        K pieces.

    Raises
    ------
    InputError
        Times that do not decrease, weights below -1, a mean scale of zero that should be rescaled.
    """
    grid = decreasing(times)
    scales = np.array([1 + weight_at(weight, t) for t in (grid[:-1] + grid[1:]) / 2])
    if omega is not None:
        mean = scales @ -np.diff(grid) / (grid[0] - grid[-1])
        if mean <= 0:
            _checks.fail(f"mean scale {mean:g}", "it is positive to be rescaled", "leave omega out")
        scales = scales * (_scale(omega) / mean)
    return WeightSchedule(list(grid[1:-1]), list(scales - 1))


def decreasing(times: Any) -> np.ndarray:
    """A checked time grid from noise to data.

    Parameters
    ----------
    times : array_like, shape (K+1,)
        Strictly decreasing inside [0, 1], at least two times.

    Returns
    -------
    array, shape (K+1,)
        The same in float64.

    Raises
    ------
    InputError
        Times that are none.
    """
    grid = np.asarray(times, dtype=float)
    if grid.ndim != 1 or grid.size < 2 or not (np.diff(grid) < 0).all() or grid[0] > 1 or grid[-1] < 0:
        rule = "at least two times, 1 >= t_0 > ... > t_K >= 0"
        _checks.fail(f"times {_checks.short(grid)}", rule, "use numpy.linspace(1, 0, steps + 1)")
    return grid


def weight_at(weight: Weight, t: float, before: float | None = None) -> float:
    """The weight at a time, checked: finite and at least -1.

    Parameters
    ----------
    weight : number, WeightSchedule, or callable
        w, or t -> w.
    t : float
        In [0, 1].
    before : float, optional
        Start of a step that ends at t: at a jump the piece that this step is in holds.

    Returns
    -------
    float
        w >= -1.

    Raises
    ------
    InputError
        A weight that is not finite or below -1.
    """
    if not callable(weight) and not isinstance(weight, WeightSchedule):
        return _checks.weight(weight)
    if before is not None and t in jumps(weight):
        apart = 3 * COINCIDE if isinstance(weight, WeightSchedule) else 0.0  # closer, its edge would coincide with t
        t = float(np.nextafter(t * (1 + np.sign(before - t) * apart), before))
    return weight.at(t) if isinstance(weight, WeightSchedule) else _checks.weight(weight(t))


def jumps(weight: Weight) -> tuple[float, ...]:
    """Times at which a weight or its slope jumps, as far as they are known.

    Parameters
    ----------
    weight : number, WeightSchedule, or callable
        w, or t -> w; a callable lists them in `jumps`.

    Returns
    -------
    tuple of floats
        Empty for a number.
    """
    return weight.edges if isinstance(weight, WeightSchedule) else getattr(weight, "jumps", ())


def _scale(omega: float) -> float:
    """A scale omega = 1 + w >= 0."""
    return 1 + _checks.weight(_checks.real(omega, "omega") - 1)


def _step(name: str, first: float, then: float, share: float) -> ScaleSchedule:
    if not 0 <= share <= 1:
        _checks.fail(f"share of the way {share}", "0 <= share <= 1", "0.25 is a quarter of the steps")
    return ScaleSchedule(name, lambda t: first if t > 1 - share else then, (1 - share,))
