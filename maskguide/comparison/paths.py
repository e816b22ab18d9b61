"""Along recorded trajectories: states at any clock, order of reveals, hazards and class posterior.

A trajectory of a chain that only reveals is its final tokens and the clock of every reveal, so nothing else is
stored (8 D bytes a trajectory, ``sample(..., record=True)``); everything below is computed when asked for.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from .. import _checks
from ..problems.conditionals import ExactDenoiser
from ..process import GuidedProcess
from ..samplers.samples import Samples

ROWS_IN_BYTES = 64 * 2**20  # of conditionals held at once


class Paths:
    """The trajectories of recorded samples.

    Parameters
    ----------
    process : GuidedProcess
        The one that was sampled.
    samples : Samples
        Drawn with ``record=True``, by a method that never masks again.

    Raises
    ------
    InputError
        Samples without reveal clocks, of another shape than the process, or of a remasking method.
    """

    def __init__(self, process: GuidedProcess, samples: Samples):
        clocks = samples.info.reveal_clock
        if clocks is None:
            _checks.fail("samples without reveal clocks", "paths need them", "sample(..., record=True)")
        if (given := samples.tokens.shape[1]) != process.length:
            _checks.fail(
                f"samples of {given} coordinates", f"D = {process.length}", "give the process that was sampled"
            )
        if samples.info.provenance.method in ("remdm", "predictor-corrector"):
            _checks.fail(
                f"samples by {samples.info.provenance.method!r}",
                "paths of methods that only reveal",
                "use another method",
            )
        self.process, self.samples = process, samples
        given = np.isnan(clocks) & (samples.tokens < process.vocab_size)
        self.reveal_clock = np.where(given, -1.0, np.where(np.isnan(clocks), np.inf, clocks))
        self._left = samples.tokens == process.vocab_size

    def order(self) -> np.ndarray:
        """(n, D): place of each coordinate in the order of reveals, from 0; equal for those of one step.

        -1 for given tokens, D for masks that are left.
        """
        order = np.argsort(self.reveal_clock, axis=1, kind="stable")
        clocks = np.take_along_axis(self.reveal_clock, order, axis=1)
        later = np.concatenate([np.zeros_like(clocks[:, :1], dtype=bool), clocks[:, 1:] > clocks[:, :-1]], axis=1)
        places = np.maximum.accumulate(np.where(later, np.arange(clocks.shape[1]), 0), axis=1)
        ranks, given = np.empty_like(order), self.reveal_clock < 0
        np.put_along_axis(ranks, order, places, axis=1)
        return np.where(given, -1, np.where(self._left, self.process.length, ranks - given.sum(axis=1, keepdims=True)))

    def states(self, clock: float) -> np.ndarray:
        """(n, D): tokens at clock u, N where the mask is still there. A step's reveals happen at its end."""
        u = float(_checks.clocks(clock))
        shown = (self.reveal_clock <= u) & ~self._left
        return np.where(shown, self.samples.tokens, self.process.vocab_size)

    def masks(self, clocks: ArrayLike) -> np.ndarray:
        """(T, n): number of masked coordinates at each clock."""
        return self._at(clocks, lambda states, _: (states == self.process.vocab_size).sum(axis=1)).astype(int)

    def exit_rates(self, clocks: ArrayLike) -> np.ndarray:
        """(T, n): R(x_u), the guided hazard, at the weight that holds at clock u."""

        def total(states: np.ndarray, u: float) -> np.ndarray:
            return np.exp(self.process.log_rates(states, self._weight(u))).sum(axis=(1, 2))

        return self._at(clocks, total)

    def class_posterior(self, clocks: ArrayLike) -> np.ndarray:
        """(T, n): p(z | x_u), the probability of the target class given what is revealed."""
        problem = self.process.problem
        if not isinstance(problem, ExactDenoiser):
            _checks.fail(f"class posterior of {problem!r}", "it needs log_marginal", "use a table, mixture or chain")
        prior = np.log(problem.prior[problem.target])

        def posterior(states: np.ndarray, _: float) -> np.ndarray:
            target, unconditional = (problem.log_marginal(states, label) for label in (problem.target, None))
            impossible = np.isneginf(unconditional)
            return np.exp(np.where(impossible, -np.inf, prior + target - np.where(impossible, 0.0, unconditional)))

        return self._at(clocks, posterior)

    def _weight(self, clock: float) -> float:
        segments = self.process.segments  # an edge belongs to what follows it, as in WeightSchedule.at
        return next((s for s in segments if clock < s.end), segments[-1]).weight

    def _at(self, clocks: ArrayLike, quantity) -> np.ndarray:
        times = np.atleast_1d(_checks.clocks(clocks))
        rows = max(1, ROWS_IN_BYTES // (8 * self.process.length * self.process.vocab_size))
        n = len(self.samples)
        _checks.fits_in_memory(8 * n * times.size, "values along paths", "ask for fewer clocks")
        values = np.empty((times.size, n))
        for k, u in enumerate(times):
            states = self.states(float(u))
            for first in range(0, n, rows):
                values[k, first : first + rows] = quantity(states[first : first + rows], float(u))
        return values
