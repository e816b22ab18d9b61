"""What an engine is asked to draw, and what it gives back: one shape for every method, problem and engine.

How randomness is spent, the same in every engine, so that they agree token for token. A draw is two 53-bit
uniforms (U, V) addressed by (seed, trajectory, draw, stream), see :mod:`maskguide._random`:

    CLOCKS       g D + i       coordinate i's waiting time E = -log(1 - U), of unit rate, and its token's V. g counts
                               how often i was masked again (0 without remasking)
    INSIDE       k D + i       step k: a provisional leap that is thrown away later (theta-rk2's first leap), reveal
                               if U < chance, token by V
    PROPOSALS    k D + i       step k: a decoder's proposed token by U; V for the position (Gumbel noise, ties)
    REMASK       k D + i       step k: coordinate i is masked again if U < sigma
    CORRECTIONS  k C + j       correction j of C after step k: position floor(U |revealed|), token by V
    JUMPS        j             event j of first-hitting (U level, V position; token by CLOCKS' V of that coordinate) and
                               of uniformization (U waiting time, V which jump or none)

A coordinate is revealed when its hazards, summed over time, exceed E: in a step with reveal probability p that is
-log(1 - p), for tau-leaping Z h, for Gillespie's exact chain the integral of Z itself (the next-reaction method).
Waiting times have no memory, so this is the method's own law, at one draw a coordinate instead of one a step; and
methods, weights and grids that share a seed share E and V: their trajectories can be compared one by one.

A token is the first whose cumulative probability, in float64, exceeds V: what has probability zero is never drawn.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields
from functools import cached_property

import numpy as np

from .. import _random
from ..methods import Method, Step, ancestral
from ..process import GuidedProcess

CLOCKS, INSIDE, PROPOSALS, REMASK, CORRECTIONS, JUMPS, RESAMPLING, EXACT = range(8)


@dataclass(frozen=True)
class Task:
    """Trajectories to draw, apart from how many.

    Attributes
    ----------
    process : GuidedProcess
    method : Method
        With its parameters set.
    steps : tuple of Step
        Of the time grid; empty for exact methods.
    seed : int
    antithetic : bool
        Trajectories 2k and 2k + 1 use U and 1 - U of the draws of trajectory k.
    record : bool
        Keep the clock of every reveal.
    threads : int or None
        numba only.
    device : str
        torch only.
    """

    process: GuidedProcess
    method: Method
    steps: tuple[Step, ...]
    seed: int
    antithetic: bool = False
    record: bool = False
    threads: int | None = None
    device: str = "cpu"

    def __post_init__(self) -> None:
        if self.method.needs_unit_hazards:
            ancestral.check_rule(self.process, self.weights, self.method.name)

    @cached_property
    def weights(self) -> tuple[float, ...]:
        """The weights that occur, each once, in order."""
        return tuple(dict.fromkeys(part.weight for part in self.steps or self.process.segments))

    @property
    def key(self) -> tuple[int, int]:
        """The seed as Philox key."""
        return _random.split_seed(self.seed)


@dataclass(frozen=True)
class Batch:
    """Trajectories first, ..., first + n - 1 of a task.

    Attributes
    ----------
    tokens : (n, D) int32
        N where a mask is left.
    completion_clock : (n,) float64
        Clock of the last reveal; for steps the clock of the step's end; inf for a step to data, and where masks are
        left; 0 if nothing was masked.
    jumps : (n,) int32
        Exact methods: reveals. Steps: the steps in which some coordinate changed.
    largest_hazard_step : float or None
        Steps: the largest Z_i h a masked coordinate met, over steps of finite length.
    clipped : int or None
        Methods that clip: how many reveal probabilities above one were, over all steps, coordinates and trajectories.
    reveal_clock : (n, D) float64 or None
        Recorded: clock of each coordinate's (last) reveal; nan for given tokens and for masks that are left.
    log_weights, log_normalizers : (n,), (P,) float64 or None
        Of weighted particles.
    """

    tokens: np.ndarray
    completion_clock: np.ndarray
    jumps: np.ndarray
    largest_hazard_step: float | None = None
    clipped: int | None = None
    reveal_clock: np.ndarray | None = None
    log_weights: np.ndarray | None = None
    log_normalizers: np.ndarray | None = None

    @classmethod
    def joined(cls, parts: Sequence[Batch]) -> Batch:
        """Batches one after another."""
        combine, found = {"largest_hazard_step": max, "clipped": sum}, {}
        for name in (field.name for field in fields(cls)):
            column = [getattr(part, name) for part in parts]
            found[name] = None if column[0] is None else combine.get(name, np.concatenate)(column)
        return cls(**found)
