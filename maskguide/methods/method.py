"""What a sampling method is: its step as a formula, its declared order, when to use it, its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from math import inf

import numpy as np

from ..guidance import Guidance
from ..schedules import NoiseSchedule


@dataclass(frozen=True)
class Step:
    """One step of a time grid, from level m(t) to m(t') < m(t).

    Attributes
    ----------
    start, end : float
        Clocks u = -log m of its two ends; end is inf when t' = 0.
    weight : float
        w at the level where the step starts.
    """

    start: float
    end: float
    weight: float

    @property
    def length(self) -> float:
        """h = u' - u."""
        return self.end - self.start

    @property
    def fraction(self) -> float:
        """a = 1 - m(t')/m(t) = 1 - e^{-h}: the chance that an unguided mask is revealed."""
        return float(-np.expm1(-self.length))


@dataclass(frozen=True)
class Method:
    """A way to draw from the guided chain.

    Attributes
    ----------
    name : str
    order : int or None
        TV error against the number of steps K is O(K^-order); None for exact methods.
    reveal : callable or None
        (hazards Z (..., D), step) -> probability that a masked coordinate is revealed within the step, each
        independently, its token drawn in proportion to its rates. None when the method has no steps.
    use : str
        When to use it.
    source : str
    """

    name: str
    order: int | None
    reveal: Callable[[np.ndarray, Step], np.ndarray] | None
    use: str
    source: str

    @property
    def is_exact(self) -> bool:
        """Whether samples follow the chain's own law, with no discretisation."""
        return self.order is None


def steps(guidance: Guidance, grid: np.ndarray, schedule: NoiseSchedule) -> Iterator[Step]:
    """The steps of a checked time grid, each with the weight at the level where it starts."""
    levels = schedule.masking(grid)
    clocks = np.where(levels > 0, -np.log(np.where(levels > 0, levels, 1.0)), inf) + 0.0
    for level, start, end in zip(levels[:-1], clocks[:-1], clocks[1:], strict=True):
        yield Step(float(start), float(end), guidance.schedule.at(float(level)))
