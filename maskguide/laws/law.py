"""Law: exact probabilities on tokens or on the lattice, with the figures people ask of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import _checks
from ..problems.regions import regions
from ..problems.table import TableProblem


@dataclass(frozen=True)
class Law:
    """An exact law, or several at different clocks. Source: docs/theory.md, section 2.

    Attributes
    ----------
    probs : array
        (N,)*D for completed states only, (N+1,)*D on the lattice (last index of each axis = mask), or
        (T,) in front of either when the clock has shape (T,).
    problem : TableProblem
        What the law is about.
    clock : array of shape () or (T,)
        inf for a terminal law.
    method : str
        The algorithm that computed it.
    error : float
        Estimated absolute (L1) error; 0 means round-off of sums of positive terms only.
    """

    probs: np.ndarray
    problem: TableProblem
    clock: np.ndarray
    method: str
    error: float = 0.0

    @property
    def length(self) -> int:
        """Number of coordinates D."""
        return self.problem.length

    @property
    def has_mask(self) -> bool:
        """Whether the axes include the mask, length N+1 rather than N."""
        return self.probs.shape[-1] == self.problem.vocab_size + 1

    @property
    def masked_probability(self) -> np.ndarray:
        """Probability that a coordinate is still masked, shape () or (T,): the total variation to the terminal law."""
        return _masked_mass(self.probs, self.problem) if self.has_mask else np.zeros(self.clock.shape)

    def marginal(self, *coordinates: int) -> np.ndarray:
        """The law of some coordinates, in the order of their axes.

        Parameters
        ----------
        *coordinates : int
            0 <= i < D each.

        Returns
        -------
        array, shape (N,)*k or (N+1,)*k for k coordinates
            With (T,) in front for T clocks.

        Raises
        ------
        InputError
            A coordinate outside 0..D-1.
        """
        for c in coordinates:
            if not 0 <= c < self.length:
                _checks.fail(f"coordinate {c}", f"0 <= coordinate < D = {self.length}", "count from 0")
        lead = self.probs.ndim - self.length
        drop = tuple(lead + i for i in range(self.length) if i not in coordinates)
        return self.probs.sum(axis=drop)

    def mean(self) -> np.ndarray:
        """Mean E[x_i] of the token indices, shape (D,). Completed laws only."""
        self._needs_completed("mean")
        return np.array([self.marginal(i) @ np.arange(self.problem.vocab_size) for i in range(self.length)])

    def covariance(self) -> np.ndarray:
        """Covariances Cov(x_i, x_j) of the token indices, shape (D, D). Completed laws only."""
        self._needs_completed("covariance")
        tokens = np.indices(self.probs.shape).reshape(self.length, -1) - self.mean()[:, None]
        return (tokens * self.probs.ravel()) @ tokens.T

    def entropy(self) -> np.ndarray:
        """Entropy -sum p log p in nats, shape () or (T,)."""
        flat = self._flat()
        return 0.0 - (flat * np.log(np.where(flat > 0, flat, 1.0))).sum(axis=-1)

    def tv(self, other: Law | np.ndarray) -> np.ndarray:
        """Total variation distance to a law of the same shape, half the L1 distance.

        Parameters
        ----------
        other : Law or array of the shape of probs
            Another law of the same states.

        Returns
        -------
        array, shape () or (T,)
            In [0, 1].

        Raises
        ------
        InputError
            A law of another shape.
        """
        probs = other.probs if isinstance(other, Law) else np.asarray(other)
        if probs.shape != self.probs.shape:
            _checks.fail(
                f"laws of shapes {self.probs.shape} and {probs.shape}", "equal shapes", "compare like with like"
            )
        axes = tuple(range(self.probs.ndim - self.length, self.probs.ndim))
        return 0.5 * np.abs(self.probs - probs).sum(axis=axes)

    def region_weights(self) -> dict[str, float]:
        """Probability of each region of :func:`maskguide.regions`, a dict by name. Completed laws only.

        Raises
        ------
        InputError
            A law with masks or at several clocks.
        """
        self._needs_completed("region_weights")
        return {name: float(self.probs[inside].sum()) for name, inside in regions(self.problem).items()}

    def _flat(self) -> np.ndarray:
        return self.probs.reshape(*self.probs.shape[: self.probs.ndim - self.length], -1)

    def _needs_completed(self, what: str) -> None:
        if self.has_mask or self.probs.ndim != self.length:
            _checks.fail(
                f"{what} of a law of shape {self.probs.shape}",
                f"{what} is defined for one law on completed states, (N,)*D",
                "take terminal_law, or one clock and the tokens below N",
            )


def _masked_mass(probs: np.ndarray, problem: TableProblem) -> np.ndarray:
    # Summed over the masked states themselves: 1 - (completed mass) would lose the tail.
    lead = probs.ndim - problem.length
    flat = probs.reshape(*probs.shape[:lead], -1)
    return flat[..., masked_states(problem).ravel()].sum(axis=-1)


def masked_states(problem: TableProblem) -> np.ndarray:
    """Boolean (N+1,)*D: states with at least one mask."""
    return (np.indices((problem.vocab_size + 1,) * problem.length) == problem.vocab_size).any(axis=0)
