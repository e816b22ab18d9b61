"""Two-stage leaps: a tau-leap to a point inside the step, then one with rates combined from both points.

    theta-trapezoidal   second leap from x*, over the rest of the step, at (a1 r(x*) - a2 r(x))_+,
                        a1 = 1 / (2 theta (1 - theta)),  a2 = a1 - 1
    theta-rk2           second leap from x, over the whole step, at ((1 - 1/(2 theta)) r(x) + r(x*) / (2 theta))_+

x* is a tau-leap from x over theta h. The rates of a coordinate that x* has revealed are zero there.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _checks
from .method import Method, Step

SPLITS = ("clock", "level")


@dataclass(frozen=True, kw_only=True)
class TwoStage(Method):
    """A method of two leaps a step: to a point inside the step, then on at rates combined from both points.

    Source: Ren et al., arXiv:2502.00234; docs/theory.md, section 2.6.

    Attributes
    ----------
    theta : float
        Where the point inside the step lies: in (0, 1), or (0, 1] for theta-rk2.
    split : str
        "clock": after theta h. "level": where m has fallen by theta of its fall in the step,
        h* = -log(1 - theta a). A step to data (h = inf) is split by the level in either case.

    Raises
    ------
    InputError
        theta out of range, or another split.
    """

    theta: float = 0.5
    split: str = "clock"
    may_be_one = False

    def __post_init__(self) -> None:
        theta = _checks.real(self.theta, "theta")
        _checks.choice(self.split, SPLITS, "split")
        if not (0 < theta < 1 or (theta == 1 and self.may_be_one)):
            rule = f"0 < theta {'<=' if self.may_be_one else '<'} 1"
            _checks.fail(f"theta = {theta:g} for {self.name!r}", rule, "theta = 0.5 is the midpoint")
        object.__setattr__(self, "theta", theta)

    @property
    def needs_all_rates(self) -> bool:
        """Always: the second leap combines the rates of two states."""
        return True

    def first_length(self, step: Step) -> float:
        """Clock time h* from the start of a step to the point inside it.

        Parameters
        ----------
        step : Step
            Its length h and fraction a.

        Returns
        -------
        float
            0 < h* <= h.
        """
        if self.split == "clock" and np.isfinite(step.length):
            return self.theta * step.length
        with np.errstate(divide="ignore"):
            return float(-np.log1p(-self.theta * step.fraction))

    def second_length(self, step: Step) -> float:
        """Clock time of the second leap.

        Parameters
        ----------
        step : Step
            Its length h.

        Returns
        -------
        float
            Clock time of the second leap.
        """
        raise NotImplementedError

    def combined(self, before: Any, after: Any) -> Any:
        """Rates of the second leap from r(x) and r(x*), entry by entry.

        Parameters
        ----------
        before, after : array or tensor, shape (..., N)
            r(x) and r(x*).

        Returns
        -------
        array or tensor, shape (..., N)
            Rates >= 0 of the second leap.
        """
        raise NotImplementedError


@dataclass(frozen=True, kw_only=True)
class Trapezoidal(TwoStage):
    """The second leap leaves from x* and takes the rest of the step."""

    def second_length(self, step: Step) -> float:
        """Clock time h - h* of the second leap: the rest of the step.

        Parameters
        ----------
        step : Step
            Its length h.

        Returns
        -------
        float
            Clock time of the second leap.
        """
        return step.length - self.first_length(step)

    def combined(self, before: Any, after: Any) -> Any:
        """Rates of the second leap, (a1 r(x*) - a2 r(x))_+.

        Parameters
        ----------
        before, after : array or tensor, shape (..., N)
            r(x) and r(x*).

        Returns
        -------
        array or tensor, shape (..., N)
            Rates >= 0 of the second leap.
        """
        later = 1 / (2 * self.theta * (1 - self.theta))
        return (later * after - (later - 1) * before).clip(0.0)


@dataclass(frozen=True, kw_only=True)
class RungeKutta(TwoStage):
    """The second leap leaves from x again and takes the whole step."""

    may_be_one = True

    def second_length(self, step: Step) -> float:
        """Clock time h of the second leap: the whole step.

        Parameters
        ----------
        step : Step
            Its length h.

        Returns
        -------
        float
            Clock time of the second leap.
        """
        return step.length

    def combined(self, before: Any, after: Any) -> Any:
        """Rates of the second leap, ((1 - 1/(2 theta)) r(x) + r(x*)/(2 theta))_+.

        Parameters
        ----------
        before, after : array or tensor, shape (..., N)
            r(x) and r(x*).

        Returns
        -------
        array or tensor, shape (..., N)
            Rates >= 0 of the second leap.
        """
        share = 1 / (2 * self.theta)
        return ((1 - share) * before + share * after).clip(0.0)


PAPER = "Ren et al., arXiv:2502.00234"

THETA_TRAPEZOIDAL = Trapezoidal(
    name="theta-trapezoidal",
    order=2,
    use="few steps where rates change smoothly from context to context: two evaluations a step, second order",
    keeps="tends to the chain's own law, every rule and w; at second order only while a1 r(x*) >= a2 r(x), since "
    "the positive part costs an order where a reveal cuts a rate by more (theta = 1/2: to less than half)",
    source=f"{PAPER}, theta-trapezoidal; docs/theory.md section 2.6",
)

THETA_RK2 = RungeKutta(
    name="theta-rk2",
    order=1,
    use="for comparison only: on masked chains its order is one, and a step to data may leave masks",
    keeps="tends to the chain's own law, every rule and w; second order is claimed, first is what the exact law shows",
    source=f"{PAPER}, theta-RK-2; docs/theory.md section 2.6",
)
