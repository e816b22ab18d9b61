"""What a sampling method is: its step as a formula, its declared order, when to use it, its source."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, fields, replace
from math import inf
from typing import Any

import numpy as np

from .. import _checks
from .._arrays import namespace
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
    index, total : int
        The step is number `index` (from 0) of `total`.
    """

    start: float
    end: float
    weight: float
    index: int = 0
    total: int = 1

    @property
    def length(self) -> float:
        """Clock time h = u' - u that the step takes."""
        return self.end - self.start

    @property
    def fraction(self) -> float:
        """a = 1 - m(t')/m(t) = 1 - e^{-h}: the chance that an unguided mask is revealed."""
        return float(-np.expm1(-self.length))


TRIAL = Step(0.4, 0.9, 0.0)  # on which declarations are held against formulas

# A function of hazards Z (..., D) and a step, (..., D); formulas take numpy arrays and torch tensors alike.
Reveal = Callable[[Any, Step], Any]


@dataclass(frozen=True, kw_only=True)
class Method:
    """A way to draw from the guided chain: the formula of its step, its order, what it needs, and where it comes from.

    Fields that a kind of method adds, such as theta, are its parameters. Source: docs/sampling.md, docs/extending.md.

    Attributes
    ----------
    name : str
        What the method is called in `sample` and on the command line.
    order : int or None
        TV error against the number of steps K is O(K^-order), on problems with smooth rates; None when the
        method is exact, and when K does not lead it to the chain's own law.
    use : str
        When to use it.
    keeps : str
        Which law it has or tends to, and at which w.
    source : str
        The paper, or the page of docs/, that it comes from.
    is_exact : bool
        Samples follow the chain's own law, with no discretisation.
    reveal : callable or None
        (hazards Z (..., D), step) -> probability that a masked coordinate is revealed within the step, each
        independently, its token drawn in proportion to its rates. None when the method is not of that kind.
    spent : callable or None
        (hazards, step) -> -log(1 - reveal), where there is a better formula for it than that one.
    clipped : callable or None
        (hazards, step) -> what the method cuts off, where its formula gives a probability above one.
    freezes_rates : bool
        Declares reveal = 1 - exp(-Z h): a step is the chain itself with its rates frozen.
    gain : callable or None
        a -> g for numbers (...,), a the fraction of a step: declares that a step multiplies the chance to stay masked
        by max(0, 1 + g Z) where g < 0, by 1 / (1 + g Z) where g > 0. Compiled engines draw methods that declare their
        form in one of these two ways; every method with `reveal` runs on torch.
    needs_unit_hazards : bool
        Refused where a hazard Z_i(x) differs from one.
    needs_bound : bool
        Refused where no bound on R(x) is known.
    remasks : bool
        Revealed tokens may change: a step may mask them again, or draw them anew.
    is_whole : bool
        Drawn all at once, without a path of the chain: there is nothing to record, and no grid.

    Raises
    ------
    InputError
        `reveal` is not what `freezes_rates` or `gain` declare.
    """

    name: str
    order: int | None
    use: str
    keeps: str
    source: str
    is_exact: bool = False
    reveal: Reveal | None = None
    spent: Reveal | None = None
    clipped: Reveal | None = None
    freezes_rates: bool = False
    gain: Callable[[np.ndarray], np.ndarray] | None = None
    needs_unit_hazards: bool = False
    needs_bound: bool = False
    remasks: bool = False
    is_whole: bool = False

    def __post_init__(self) -> None:
        if self.reveal is not None and (self.freezes_rates or self.gain is not None):
            hazards = np.ones(1) if self.needs_unit_hazards else np.array([0.25, 1.0, 2.5])
            found, declared = self.reveal(hazards, TRIAL), self._declared(hazards, TRIAL)
            if not np.allclose(found, declared, rtol=1e-9, atol=0):
                _checks.fail(
                    f"{self.name!r} reveals with probability {found[-1]:.6g} where it declares {declared[-1]:.6g}",
                    "freezes_rates declares 1 - exp(-Z h), gain declares max(0, 1 + g Z) or 1 / (1 + g Z) to be left",
                    "leave the declaration out (freezes_rates=False, gain=None): the method then runs on torch",
                )

    def _declared(self, hazards: np.ndarray, step: Step) -> np.ndarray:
        """The reveal probability by `freezes_rates` or `gain`."""
        if self.gain is None:
            return -np.expm1(-hazards * step.length)
        change = 1 + hazards * self.gain(np.array([step.fraction]))
        return 1 - np.where(change < 1, change.clip(0), 1 / change)

    @property
    def ranks_positions(self) -> bool:
        """Whether the coordinates that a step reveals are chosen by what their conditionals are."""
        return False

    @property
    def fixes_counts(self) -> bool:
        """Whether the number of reveals of a step is given beforehand, whatever the hazards."""
        return False

    @property
    def needs_all_rates(self) -> bool:
        """Whether a step takes the rates of all masked coordinates and tokens, not of the revealed ones only."""
        return False

    @property
    def parameters(self) -> dict[str, Any]:
        """The method's own parameters with their values, such as theta."""
        common = {field.name for field in fields(Method)}
        return {f.name: getattr(self, f.name) for f in fields(self) if f.name not in common and f.repr}

    def hazard_spent(self, hazards: Any, step: Step) -> Any:
        """What a step takes off a mask's waiting time: -log(1 - p) for a step that reveals with probability p.

        Parameters
        ----------
        hazards : array or tensor, shape (..., D)
            Z_i(x) of masked coordinates.
        step : Step
            Its length and weight.

        Returns
        -------
        array or tensor, shape (..., D)
            At least 0; inf where the step reveals for sure.
        """
        assert self.reveal is not None
        return self.spent(hazards, step) if self.spent else hazard_of(self.reveal(hazards, step))

    def with_parameters(self, **parameters: Any) -> Method:
        """The method with some of its parameters changed.

        Parameters
        ----------
        **parameters
            By name, such as theta=0.5.

        Returns
        -------
        Method
            A changed copy.

        Raises
        ------
        InputError
            An unknown name, or a value out of range.
        """
        for name in parameters:
            if not self.parameters:
                _checks.fail(f"{name!r} given to {self.name!r}", f"{self.name!r} has no parameters", "leave it out")
            _checks.choice(name, self.parameters, f"parameter of {self.name!r}")
        return replace(self, **parameters)


def hazard_of(probability: Any) -> Any:
    """-log(1 - p); inf where p = 1."""
    with np.errstate(divide="ignore"):
        return -namespace(probability).log1p(-probability)


def steps(guidance: Guidance, grid: np.ndarray, schedule: NoiseSchedule) -> Iterator[Step]:
    """The steps of a time grid, each with the weight at the level where it starts.

    Parameters
    ----------
    guidance : Guidance
        Whose weight each step has.
    grid : array, shape (K+1,)
        Times, checked: strictly decreasing from 1.
    schedule : NoiseSchedule
        Turns times into levels and clocks.

    Yields
    ------
    Step
        K of them, in order.
    """
    levels = schedule.masking(grid)
    clocks = np.where(levels > 0, -np.log(np.where(levels > 0, levels, 1.0)), inf) + 0.0
    for k, (level, start, end) in enumerate(zip(levels[:-1], clocks[:-1], clocks[1:], strict=True)):
        yield Step(float(start), float(end), guidance.schedule.at(float(level)), k, len(grid) - 1)
