"""CountLaw: exact probabilities of token counts, with the figures people ask of them."""

from __future__ import annotations

from dataclasses import dataclass
from math import lgamma

import numpy as np

from ... import _checks
from ...problems.exchangeable import ExchangeableProblem


@dataclass(frozen=True)
class CountLaw:
    """An exact law of token counts, or several at different clocks.

    Sequences with equal counts, and equal masks, are equally likely, so this is the law of the sequences too.
    Source: docs/large-dimension.md.

    Attributes
    ----------
    probs : array
        (D+1,)*(N-1) for completed sequences: the counts of tokens 1..N-1. (D+1,)*N at finite clocks: the number k
        of revealed coordinates, then the counts of tokens 1..N-1 among them. (T,) in front for T clocks.
    problem : ExchangeableProblem
        What the law is about.
    clock : array of shape () or (T,)
        inf for a terminal law.
    method : str
        The algorithm that computed it.
    error : float
        Estimated absolute (L1) error, meant as an upper bound; 0 means round-off of sums of positive terms only.
    """

    probs: np.ndarray
    problem: ExchangeableProblem
    clock: np.ndarray
    method: str
    error: float = 0.0

    @property
    def length(self) -> int:
        """Number of coordinates D."""
        return self.problem.length

    @property
    def has_mask(self) -> bool:
        """Whether the first axis of counts is the number of revealed coordinates."""
        return self.probs.ndim - self.clock.ndim == self.problem.vocab_size

    @property
    def masked_probability(self) -> np.ndarray:
        """Probability that a coordinate is still masked, shape () or (T,): the total variation to the terminal law."""
        if not self.has_mask:
            return np.zeros(self.clock.shape)
        return self._flat(np.moveaxis(self.probs, self.clock.ndim, -1)[..., :-1]).sum(axis=-1)

    def fraction_mean(self) -> np.ndarray:
        """Mean share E[c_v / D] of every token v, shape () or (T,) followed by (N,); masks count as no token."""
        fractions = self._fractions()
        return self._flat(self.probs) @ fractions.T

    def fraction_covariance(self) -> np.ndarray:
        """Covariances Cov(c_v, c_w) / D^2 of the shares of tokens, shape () or (T,) followed by (N, N).

        For N = 2, [1, 1] is the variance of the mean.
        """
        deviation = self._fractions() - self.fraction_mean()[..., None]
        return np.einsum("...s,...vs,...ws->...vw", self._flat(self.probs), deviation, deviation)

    def entropy(self) -> np.ndarray:
        """Entropy -sum p log p of the counts, in nats, shape () or (T,)."""
        flat = self._flat(self.probs)
        return 0.0 - (flat * np.log(np.where(flat > 0, flat, 1.0))).sum(axis=-1)

    def sequence_entropy(self) -> np.ndarray:
        """Entropy of the whole sequences, with their masks, in nats, shape () or (T,).

        That of the counts + E log(number of arrangements).
        """
        return self.entropy() + self._flat(self.probs) @ self._log_arrangements()

    def tv(self, other: CountLaw) -> np.ndarray:
        """Total variation distance to another law of counts, half the L1 distance; on sequences it is the same.

        Parameters
        ----------
        other : CountLaw
            Of the same shape.

        Returns
        -------
        array, shape () or (T,)
            In [0, 1].

        Raises
        ------
        InputError
            A law of another shape.
        """
        if other.probs.shape != self.probs.shape:
            _checks.fail(
                f"laws of shapes {self.probs.shape} and {other.probs.shape}", "equal shapes", "compare like with like"
            )
        return 0.5 * self._flat(np.abs(self.probs - other.probs)).sum(axis=-1)

    def _counts(self) -> np.ndarray:
        """c_0, ..., c_{N-1} and the masks of every state, (N + 1, states); negative beyond the simplex."""
        axes = np.indices((self.length + 1,) * (self.problem.vocab_size - (not self.has_mask)))
        flat = axes.reshape(len(axes), -1)
        revealed, tokens = (flat[0], flat[1:]) if self.has_mask else (np.full(flat.shape[1], self.length), flat)
        return np.stack([revealed - tokens.sum(axis=0), *tokens, self.length - revealed])

    def _fractions(self) -> np.ndarray:
        return self._counts()[:-1] / self.length

    def _log_arrangements(self) -> np.ndarray:
        logs = np.array([lgamma(n + 1) for n in range(self.length + 1)])
        return logs[-1] - logs[np.maximum(self._counts(), 0)].sum(axis=0)

    def _flat(self, values: np.ndarray) -> np.ndarray:
        return values.reshape(*self.clock.shape, -1)
