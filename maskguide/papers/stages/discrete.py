r"""The discrete counterpart of the stages: a class of two modes on D bits, by exact laws.

The class is a weak and a strong mode, product laws that show their own bit (0 or 1) with probability `fidelity` at
each place; the rest of the mixture is uniform. The level m of masking is the noise level t, and a schedule w(t) is
used as w(m). Of the guided chain the following are exact, no samples being drawn:

    mode of a finished state    the likelier component there (its basin)
    mode masses                 sums of the terminal law over basins
    within-mode entropy         sum_k P(k) H(law given basin k), in nats
    told                        the likelier component of the revealed bits has probability >= 0.9
    locked                      all completions lie in one basin: no guidance can change it
    revealed                    expected share of revealed bits; 1 - m without guidance

Derivations and measured numbers: docs/gaussian-stages.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.schedules import Weight, jumps, on_grid
from ...guidance import Guidance, WeightSchedule
from ...laws.terminal import terminal_law
from ...laws.transient import transient_law
from ...problems.mixture import ProductMixture
from ...process import GuidedProcess
from .measures import DECIDED

PIECES = 40  # of a schedule that is not piecewise constant


@dataclass(frozen=True)
class DiscreteLaw:
    """Final law of one schedule: mass of each mode, entropy within each, and P(mode)-weighted mean of these."""

    mass: np.ndarray
    entropy: np.ndarray
    within: float


@dataclass(frozen=True)
class DiscreteStages:
    """At each masking level: P(mode told), P(locked), expected share of revealed bits."""

    levels: np.ndarray
    told: np.ndarray
    locked: np.ndarray
    revealed: np.ndarray


class MaskedModes:
    """A class of two modes against a uniform rest.

    Parameters
    ----------
    length : int
        D, odd: the majority tells the mode.
    weak : float
        Weight of the mode of zeros within the class, 0 < weak < 1.
    fidelity : float
        Probability that a bit is its mode's own, above 1/2 and below 1.
    prior : float
        Weight of the class in the mixture, 0 < prior < 1. Small: the unconditional law is uniform, as N(0, I) is
        against a Gaussian class.

    Examples
    --------
    >>> MaskedModes().final(0.0).mass.round(4), MaskedModes().final(4.0).mass.round(4)
    (array([0.279, 0.721]), array([0.0315, 0.9685]))
    """

    def __init__(self, length: int = 5, weak: float = 0.25, fidelity: float = 0.8, prior: float = 0.01):
        if _checks.integer(length, "length", 1) % 2 == 0:
            _checks.fail(f"length = {length}", "an odd number of bits: the majority tells the mode", "add one")
        for name, value, low in (("weak", weak, 0.0), ("fidelity", fidelity, 0.5), ("prior", prior, 0.0)):
            if not low < _checks.real(value, name) < 1:
                _checks.fail(f"{name} = {value}", f"{low:g} < {name} < 1", "choose a number between")
        own = np.array([[fidelity, 1 - fidelity], [1 - fidelity, fidelity], [0.5, 0.5]])
        self.weights = np.array([weak, 1 - weak])
        rows = np.repeat(own[:, None], length, axis=1)
        weights = [*(prior * self.weights), 1 - prior]
        self.problem = ProductMixture(rows, weights, [0, 0, 1], class_names=["two modes", "uniform"]).table()
        self._rows = own[:2]

    def process(self, weight: Weight = 0.0, rule: str = "normalized") -> GuidedProcess:
        """The guided chain; schedules that are not piecewise constant are made so on PIECES equal steps of m."""
        return GuidedProcess(self.problem, Guidance(rule, piecewise(weight) if callable(weight) else weight))

    def final(self, weight: Weight = 0.0, rule: str = "normalized") -> DiscreteLaw:
        """Mode masses and entropies of the terminal law."""
        law = terminal_law(self.process(weight, rule)).probs
        inside = [law[self.basin == k] for k in range(2)]
        mass = np.array([part.sum() for part in inside])
        entropy = np.array([_entropy(part) for part in inside])
        return DiscreteLaw(mass, entropy, float(mass @ entropy))

    def stages(self, weight: Weight = 0.0, rule: str = "normalized", levels: Any = 21) -> DiscreteStages:
        """How far the chain has come at masking levels m, from 1 down; a number is that many equal steps and 0."""
        m = np.linspace(1, 0, levels) if np.ndim(levels) == 0 else np.asarray(levels, dtype=float)
        with np.errstate(divide="ignore"):
            laws = transient_law(self.process(weight, rule), -np.log(m) + 0.0).probs.reshape(len(m), -1)
        told, locked = (self.posterior.max(0) >= DECIDED).ravel(), self.locked.ravel()
        return DiscreteStages(m, laws @ told, laws @ locked, laws @ (1 - self._masks.ravel() / self.problem.length))

    @cached_property
    def posterior(self) -> np.ndarray:
        """P(component | revealed bits, class) on the lattice, (2, 3, ..., 3)."""
        seen = np.append(self._rows, np.ones((2, 1)), axis=1)
        laws = [reduce(np.multiply.outer, [row] * self.problem.length) for row in seen]
        joint = [weight * law for weight, law in zip(self.weights, laws, strict=True)]
        return np.array(joint) / np.sum(joint, axis=0)

    @cached_property
    def basin(self) -> np.ndarray:
        """The likelier component of each finished state, (2, ..., 2)."""
        return self.posterior[(slice(None), *(slice(0, 2),) * self.problem.length)].argmax(0)

    @cached_property
    def locked(self) -> np.ndarray:
        """Whether all completions of a lattice state are in one basin, (3, ..., 3)."""
        highest, lowest = self.basin, self.basin
        for axis in range(self.problem.length):
            highest = np.append(highest, highest.max(axis, keepdims=True), axis)
            lowest = np.append(lowest, lowest.min(axis, keepdims=True), axis)
        return highest == lowest

    @property
    def _masks(self) -> np.ndarray:
        return (np.indices((3,) * self.problem.length) == 2).sum(0)


def piecewise(weight: Weight, pieces: int = PIECES) -> WeightSchedule:
    """A schedule as steps: its value in the middle of each of `pieces` parts and at its jumps; equal steps are one."""
    grid = np.union1d(np.linspace(0, 1, pieces + 1), jumps(weight))[::-1]
    steps = on_grid(weight, grid)
    change = np.flatnonzero(np.diff(steps.weights))
    return WeightSchedule([steps.edges[i] for i in change], [steps.weights[i] for i in (*change, -1)])


def _entropy(part: np.ndarray) -> float:
    """Entropy of a part of a law, divided by its mass."""
    from scipy.special import xlogy

    total = part.sum()
    return float(np.log(total) - xlogy(part, part).sum() / total) if total > 0 else 0.0
