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
    """The trajectories of recorded samples, to be asked for states, hazards and posteriors at any clock.

    Attributes `process` and `samples` are those given; `reveal_clock` (n, D) is the clock of each coordinate's reveal,
    -1 for given tokens and inf for masks that are left.

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
        if not samples.info.only_reveals:
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
        """Place of each coordinate in the order of reveals, from 0, shape (n, D); equal for those of one step.

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
        """States of all trajectories at a clock.

        Parameters
        ----------
        clock : float
            u in [0, inf].

        Returns
        -------
        integer array, shape (n, D)
            Tokens, N where the mask is still there. A step's reveals happen at its end.

        Raises
        ------
        InputError
            A clock that is negative or NaN.
        """
        u = float(_checks.clocks(clock))
        shown = (self.reveal_clock <= u) & ~self._left
        return np.where(shown, self.samples.tokens, self.process.vocab_size)

    def masks(self, clocks: ArrayLike) -> np.ndarray:
        """Number of masked coordinates of each trajectory at each clock.

        Parameters
        ----------
        clocks : array_like, shape (T,)
            Clocks u in [0, inf].

        Returns
        -------
        integer array, shape (T, n)
            0..D.
        """
        return self._at(clocks, lambda states, _: (states == self.process.vocab_size).sum(axis=1)).astype(int)

    def exit_rates(self, clocks: ArrayLike) -> np.ndarray:
        """Guided exit rate R(x_u) of each trajectory's state at each clock, at the weight that holds there.

        Parameters
        ----------
        clocks : array_like, shape (T,)
            Clocks u in [0, inf].

        Returns
        -------
        array, shape (T, n)
            Per unit of the clock; 0 once nothing is masked.
        """

        def total(states: np.ndarray, u: float) -> np.ndarray:
            return np.exp(self.process.log_rates(states, self._weight(u))).sum(axis=(1, 2))

        return self._at(clocks, total)

    def class_posterior(self, clocks: ArrayLike) -> np.ndarray:
        """Probability p(z | x_u) of the target class given what each trajectory has revealed at each clock.

        Parameters
        ----------
        clocks : array_like, shape (T,)
            Clocks u in [0, inf].

        Returns
        -------
        array, shape (T, n)
            In [0, 1]; the prior of the target at u = 0.

        Raises
        ------
        InputError
            A problem that does not know its marginals, such as a network.
        """
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
        schedule = self.process.guidance.schedule
        return schedule.weights[int(schedule.piece(clock))]

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
