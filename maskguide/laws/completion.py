"""The completion time: the clock at which the last mask disappears, exactly."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..process import GuidedProcess
from .decay import tv_decay
from .moments import moments, quantile


@dataclass(frozen=True)
class CompletionTime:
    """The law of T, the clock at which the last mask disappears: P(T > u) = TV(q_u, q_inf).

    Clocks are u = -log m(t); a time of a noise schedule becomes one by ``schedule.clock(t)``. For a rule of
    unit hazards T is the largest of D standard exponentials, whatever the weight. Source: docs/theory.md, section 2.3.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.
    """

    process: GuidedProcess

    def survival(self, clock: ArrayLike) -> np.ndarray:
        """Probability P(T > u) that a mask is left at clock u: :func:`maskguide.tv_decay`.

        Parameters
        ----------
        clock : array_like, any shape
            u in [0, inf].

        Returns
        -------
        array, shape of clock
            From 1 at u = 0 to 0 at u = inf.

        Raises
        ------
        InputError
            Clocks that are negative or NaN.
        """
        return tv_decay(self.process, clock)

    def mean(self) -> float:
        """Mean E[T], in units of the clock."""
        return self._moments[0]

    def variance(self) -> float:
        """Variance of T, in units of the clock squared."""
        return self._moments[1]

    def quantile(self, probability: ArrayLike) -> np.ndarray:
        """Quantiles of T: the clock u with P(T <= u) = q.

        Parameters
        ----------
        probability : array_like, any shape
            q in [0, 1].

        Returns
        -------
        array, shape of probability
            Clocks; 0 for q = 0 and inf for q = 1.

        Raises
        ------
        InputError
            A probability outside [0, 1].

        Warns
        -----
        AccuracyWarning
            P(T <= u) is not known well enough: a small q on a lattice that is too large for sums of positive terms.
        """
        levels = _levels(probability)
        return np.array([quantile(self.process, float(q)) for q in levels.ravel()]).reshape(levels.shape)

    @cached_property
    def _moments(self) -> tuple[float, float]:
        return moments(self.process)

    def __repr__(self) -> str:
        return f"CompletionTime(mean={self.mean():.6g}, process={self.process!r})"


def completion_time(process: GuidedProcess) -> CompletionTime:
    """When the last mask disappears: ``.mean()``, ``.variance()``, ``.quantile(q)``, ``.survival(u)``, all exact.

    Weight schedules are included. Moments and quantiles have relative errors below 1e-10, however small or large
    they are; an AccuracyWarning says so where that cannot be had. Source: docs/theory.md, section 2.3.

    Parameters
    ----------
    process : GuidedProcess
        Of a table.

    Returns
    -------
    CompletionTime
        The law of that clock.

    Raises
    ------
    InputError
        Another argument, or a problem that is no table.

    Examples
    --------
    >>> from maskguide import Guidance, GuidedProcess, zoo
    >>> time = completion_time(GuidedProcess(zoo.get("squares-2d"), Guidance("normalized", 2.0)))
    >>> round(time.mean(), 12), round(time.variance(), 12)      # 1 + 1/2 and 1 + 1/4 for D = 2
    (1.5, 1.25)
    """
    if not isinstance(process, GuidedProcess):
        _checks.fail(f"a {type(process).__name__}", "completion_time(process)", "build a GuidedProcess first")
    process.needs_table("completion time")
    return CompletionTime(process)


def _levels(value: ArrayLike) -> np.ndarray:
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        _checks.fail(f"probability is {_checks.short(value)}", "a number or several in [0, 1]", "give numbers")
    bad = ~((array >= 0) & (array <= 1))
    if bad.any():
        _checks.fail(f"probability holds {array[bad].flat[0]:g}", "0 <= q <= 1", "0.5 is the median")
    return array
