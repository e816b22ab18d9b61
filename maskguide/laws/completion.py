"""The completion time: the clock at which the last mask disappears, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import inf, isinf

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..process import GuidedProcess, Rates
from .decay import tv_decay
from .lattice.sweep import block, revealed_sets
from .transient import transient_law


@dataclass(frozen=True)
class CompletionTime:
    """The law of T, the clock at which the last mask disappears: P(T > u) = TV(q_u, q_inf).

    Clocks are u = -log m(t); a time of a noise schedule becomes one by ``schedule.clock(t)``. For a rule of
    unit hazards T is the largest of D standard exponentials, whatever the weight.
    """

    process: GuidedProcess

    def survival(self, clock: ArrayLike) -> np.ndarray:
        """P(T > u), clock's shape: :func:`maskguide.tv_decay`."""
        return tv_decay(self.process, clock)

    def mean(self) -> float:
        """E[T], from one backward sweep: the expected remaining time is h(x) = (1 + sum_y r(x->y) h(y)) / R(x)."""
        return self._moments[0]

    def variance(self) -> float:
        """Var[T], from a second backward sweep, with h in the place of 1."""
        first, second = self._moments
        return second - first**2

    def quantile(self, probability: ArrayLike) -> np.ndarray:
        """The clock u with P(T <= u) = q, for every q in [0, 1]; 0 gives 0 and 1 gives inf.

        Found by bisection and interpolation (Brent) on log P(T > u), to about 1e-11 relative.
        """
        levels = _levels(probability)
        return np.array([self._quantile(float(q)) for q in levels.ravel()]).reshape(levels.shape)

    @cached_property
    def _moments(self) -> tuple[float, float]:
        """E[T] and E[T^2] = integrals of S(u) and 2 u S(u) over the segments on which rates are constant.

        With A = -Q on the masked states, q and q' the law where a segment of length L starts and ends, h = A^-1 1
        and g = A^-1 h: the integral of S is (q - q') h, that of (u - start) S is q g - q' (g + L h).
        """
        segments, first, second = self.process.segments, 0.0, 0.0
        for segment, (start, end) in zip(segments, self._segment_laws(), strict=True):
            rates, length = self.process.rates(segment.weight), segment.end - segment.start
            h = remaining(rates, np.ones_like(rates.exit))
            g = remaining(rates, h)
            area = float(((start - end) * h).sum())
            late = 0.0 if isinf(length) else float((end * (g + length * h)).sum())
            first += area
            second += 2 * (segment.start * area + float((start * g).sum()) - late)
        return first, second

    def _segment_laws(self):
        clocks = [s.start for s in self.process.segments]
        laws = list(transient_law(self.process, clocks).probs)
        return zip(laws, [*laws[1:], np.zeros_like(laws[0])], strict=True)

    def _quantile(self, q: float) -> float:
        from scipy.optimize import brentq

        if q in (0.0, 1.0):
            return inf if q else 0.0
        goal, late = np.log1p(-q), max(1.0, self.mean())

        def excess(clock: float) -> float:
            return float(tv_decay(self.process, clock, log=True)) - goal

        while excess(late) > 0:
            late *= 2
        return float(brentq(excess, 0.0, late, xtol=1e-15, rtol=1e-13))  # type: ignore[arg-type]

    def __repr__(self) -> str:
        return f"CompletionTime(mean={self.mean():.6g}, process={self.process!r})"


def completion_time(process: GuidedProcess) -> CompletionTime:
    """When the last mask disappears: ``.mean()``, ``.variance()``, ``.quantile(q)``, ``.survival(u)``, all exact.

    Weight schedules are included: the moments are then added up over their segments.

    Parameters
    ----------
    process : GuidedProcess

    Returns
    -------
    CompletionTime

    Examples
    --------
    >>> from maskguide import Guidance, GuidedProcess, zoo
    >>> time = completion_time(GuidedProcess(zoo.get("squares-2d"), Guidance("normalized", 2.0)))
    >>> round(time.mean(), 12), round(time.variance(), 12)      # 1 + 1/2 and 1 + 1/4 for D = 2
    (1.5, 1.25)

    Source: docs/theory.md section 2.3.
    """
    if not isinstance(process, GuidedProcess):
        _checks.fail(f"a {type(process).__name__}", "completion_time(process)", "build a GuidedProcess first")
    process.needs_table("completion time")
    return CompletionTime(process)


def remaining(rates: Rates, reward: np.ndarray) -> np.ndarray:
    """E[integral of reward(x_u) until completion | x], lattice shape: h(x) = (reward(x) + sum_y r(x->y) h(y)) / R(x).

    One backward sweep, all terms positive; 0 on completed states and where the chain never goes (R = 0).
    """
    values = np.zeros_like(rates.exit)
    for revealed in reversed(list(revealed_sets(rates.length))[:-1]):
        here = block(revealed, rates.vocab_size)
        total = reward[here].copy()
        for i in (i for i, is_revealed in enumerate(revealed) if not is_revealed):
            child = block((*revealed[:i], True, *revealed[i + 1 :]), rates.vocab_size)
            edge = rates.edges[i][(*here[:i], slice(None), *here[i + 1 :])]
            total += (edge * values[child]).sum(axis=i, keepdims=True)
        exit = rates.exit[here]
        np.divide(total, exit, out=values[here], where=exit > 0)
    return values


def _levels(value: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        _checks.fail(f"probability is {_checks.short(value)}", "a number or several in [0, 1]", "give numbers")
    bad = ~((array >= 0) & (array <= 1))
    if bad.any():
        _checks.fail(f"probability holds {array[bad].flat[0]:g}", "0 <= q <= 1", "0.5 is the median")
    return array
