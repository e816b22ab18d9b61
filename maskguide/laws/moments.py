"""Mean, variance and quantiles of the completion time T, to relative accuracy.

At one weight by two backward sweeps, all terms positive. Over the segments of a schedule by sweeps, too; but where a
segment ends long before its slow contexts would, its share is a small difference of large numbers. Then

    E[T] = integral of P(T > u) du,
    Var[T] = 2 integral over u < E[T] of (E[T] - u) P(T <= u) du + 2 integral over u > E[T] of (u - E[T]) P(T > u) du

are summed numerically, positive terms again, in variables in which a segment's fastest and slowest scales are equally
wide: u - start = e^x, or length / (1 + e^-x). There P(T > u) is analytic for |Im x| < pi/2, so that trapezoids err by
e^{-2 pi theta/h} cos(theta)^-D for every theta below: a dozen nodes for every factor of ten.
"""

from __future__ import annotations

import itertools
import warnings
from collections.abc import Iterator
from math import cos, exp, inf, isinf, log, pi, sqrt

import numpy as np

from .. import _checks
from ..process import GuidedProcess, Rates
from .decay import late_rate, log_completed, tv_decay
from .lattice.sweep import block, revealed_sets
from .lattice.tails import Tail
from .transient import transient_law

ACCURACY = 1e-10  # relative, of what is returned without a warning
ROUND_OFF = 2e-14  # relative, of sums of positive terms
UNIT = 2.0**-52
SURVIVAL_ERROR = 1e-11  # relative, of `tv_decay`
ANGLE, DIGITS = 1.2, 28.0  # theta, and the logarithm of what the trapezoids may be off by
LEAST_LOG = -1e4  # of a probability, in the place of that of zero
SHORTEST = -34.0  # log of the shortest scale, relative to the median of T


def moments(process: GuidedProcess) -> tuple[float, float]:
    """E[T] and Var[T]; an AccuracyWarning where the variance is off by more than 1e-10 of itself."""
    if len(process.segments) == 1:
        rates = process.rates()
        mean = remaining(rates, np.ones_like(rates.exit))
        return float(mean[process.start]), float(_variances(rates, mean)[process.start])
    first, second, errors = _by_sweeps(process)
    variance = second - first**2
    if errors[0] <= ACCURACY * first and errors[1] <= ACCURACY * variance:
        return first, variance
    return _by_quadrature(process)


def remaining(rates: Rates, reward: np.ndarray) -> np.ndarray:
    """E[integral of reward(x_u) until completion | x], lattice shape: h(x) = (reward(x) + sum_y r(x->y) h(y)) / R(x).

    One backward sweep, all terms positive; 0 on completed states and where the chain never goes (R = 0).
    """
    values = np.zeros_like(rates.exit)
    for here, children in _backwards(rates):
        total = reward[here].copy()
        for i, child, edge in children:
            total += (edge * values[child]).sum(axis=i, keepdims=True)
        np.divide(total, rates.exit[here], out=values[here], where=rates.exit[here] > 0)
    return values


def _variances(rates: Rates, mean: np.ndarray) -> np.ndarray:
    """Var[T | x], lattice shape: that of the wait and of the mean after it, and what is left: all terms positive."""
    reward = np.zeros_like(mean)
    for here, children in _backwards(rates):
        wait = np.divide(1.0, rates.exit[here], out=np.zeros_like(mean[here]), where=rates.exit[here] > 0)
        reward[here] = wait
        for i, child, edge in children:
            reward[here] += (edge * (mean[child] - (mean[here] - wait)) ** 2).sum(axis=i, keepdims=True)
    return remaining(rates, reward)


def _backwards(rates: Rates) -> Iterator[tuple[tuple[slice, ...], list]]:
    """Blocks of masked states, children before parents, each with (coordinate, children, rates) of its reveals."""
    for revealed in reversed(list(revealed_sets(rates.length))[:-1]):
        here, children = block(revealed, rates.vocab_size), []
        for i in (i for i, is_revealed in enumerate(revealed) if not is_revealed):
            child = block((*revealed[:i], True, *revealed[i + 1 :]), rates.vocab_size)
            children.append((i, child, rates.edges[i][(*here[:i], slice(None), *here[i + 1 :])]))
        yield here, children


def _by_sweeps(process: GuidedProcess) -> tuple[float, float, tuple[float, float]]:
    """E[T], E[T^2] = integrals of S(u) and 2 u S(u) over the segments, and bounds of their errors.

    With A = -Q on the masked states, q and q' the law where a segment of length L starts and ends, h = A^-1 1
    and g = A^-1 h: the integral of S is (q - q') h, that of (u - start) S is q g - q' (g + L h).
    """
    first = second = wrong = wrong_too = 0.0
    laws, errors = _starts(process)
    for k, segment in enumerate(process.segments):
        (start, end), error = laws[k : k + 2], max(errors[k : k + 2])
        rates, length = process.rates(segment.weight), segment.end - segment.start
        h = remaining(rates, np.ones_like(rates.exit))
        g = remaining(rates, h)
        later = np.zeros_like(g) if isinf(length) else g + length * h
        area, late, early = float(((start - end) * h).sum()), float((end * later).sum()), float((start * g).sum())
        first += area
        second += 2 * (segment.start * area + early - late)
        lost = ROUND_OFF * float(((start + end) * h).sum()) + error * float(h.max())
        wrong += lost
        wrong_too += 2 * (segment.start * lost + ROUND_OFF * (early + late) + error * float((g + later).max()))
    return first, second, (wrong, wrong_too + 2 * first * wrong)


def quantile(process: GuidedProcess, probability: float) -> float:
    """The clock u with P(T <= u) = q, by bisection and interpolation (Brent) in log u.

    On log P(T > u), or on log P(T <= u) where that is the smaller one.
    """
    from scipy.optimize import brentq

    if probability in (0.0, 1.0):
        return inf if probability else 0.0
    early, worst = probability < 0.5, [0.0]

    def excess(log_clock: float) -> float:
        clock = np.exp([log_clock])
        if not early:
            return float(np.log1p(-probability) - tv_decay(process, clock, log=True)[0])
        logs, error = log_completed(process, clock)
        worst.append(error)
        return max(float(logs[0]), LEAST_LOG) - log(probability)

    low, high, step = 0.0, 0.0, 1.0
    while excess(low) > 0:
        low, step = low - step, 2 * step
    while excess(high) < 0:
        high, step = high + step, 2 * step
    clock = exp(float(brentq(excess, low, high, xtol=1e-13, rtol=1e-13)))  # type: ignore[arg-type]
    if max(worst) > ACCURACY * probability:
        slope = (excess(log(clock) + 0.01) - excess(log(clock) - 0.01)) / 0.02
        if (off := max(worst) / (probability * slope)) > ACCURACY:
            _warn(f"the clock at which T is complete with probability {probability:g}", off)
    return clock


def _warn(what: str, error: float) -> None:
    warnings.warn(f"{what} may be off by {error:.1g} of its value", _checks.AccuracyWarning, stacklevel=5)


def _starts(process: GuidedProcess) -> tuple[list[np.ndarray], list[float]]:
    """The law where each segment starts and, last, that of no masks left, on masked states at least; its L1 errors."""
    law = transient_law(process, [segment.start for segment in process.segments])
    if law.error == 0:
        return [*law.probs, np.zeros(process.shape)], [0.0] * (len(law.probs) + 1)
    laws, errors, start = [law.probs[0]], [0.0], None
    for segment in process.segments[:-1]:
        tail = Tail.of(process, segment.weight, start)
        start = tail.end(segment.end - segment.start)
        laws.append(tail.chain.layout.to_lattice(start.law) * exp(start.log_mass))
        errors.append(start.error * exp(start.log_mass))
    return [*laws, np.zeros(process.shape)], [*errors, 0.0]


# Numerically ------------------------------------------------------------------------------------------


def _by_quadrature(process: GuidedProcess) -> tuple[float, float]:
    scale = quantile(process, 0.5)
    u, weights = _nodes(process, scale)
    mean = float(weights @ tv_decay(process, u))
    u, weights = _nodes(process, scale, mean)
    late = u > mean
    logs, error = log_completed(process, u[~late])
    below = 2 * float((weights * (mean - u))[~late] @ np.exp(logs))
    variance = below + 2 * float((weights * (u - mean))[late] @ tv_decay(process, u[late]))
    off = error * mean**2 / variance + UNIT * mean / sqrt(variance) + SURVIVAL_ERROR
    if off > ACCURACY:
        _warn("the variance of the completion time, which is small beside its mean squared,", off)
    return mean, variance


def _nodes(process: GuidedProcess, scale: float, cut: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Clocks and weights of the integral over [0, inf), smooth between segments and at one cut."""
    step = 2 * pi * ANGLE / (DIGITS - process.length * log(cos(ANGLE)))
    ends = sorted({0.0, cut, *(segment.start for segment in process.segments)})
    parts = [_between(start, end, scale, step) for start, end in itertools.pairwise(ends)]
    parts.append(_beyond(process, ends[-1], scale, step))
    u, weights = (np.concatenate(part) for part in zip(*parts, strict=True))
    return u, weights


def _between(start: float, end: float, scale: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    length = end - start
    x = np.arange(min(SHORTEST, SHORTEST + log(scale / length)), -SHORTEST, step)
    return start + length / (1 + np.exp(-x)), step * length / (2 + np.exp(x) + np.exp(-x))


def _beyond(process: GuidedProcess, start: float, scale: float, step: float) -> tuple[np.ndarray, np.ndarray]:
    """Up to where what is left, D P(T > u) / late rate, cannot be seen."""
    rate = late_rate(process)[0]
    left = float(tv_decay(process, start, log=True)) + log(process.length / (rate * scale)) - SHORTEST
    length = np.exp(np.arange(SHORTEST + log(scale), log(max(left / rate, scale)) + step, step))
    return start + length, step * length
