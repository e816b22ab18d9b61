"""Whether the draws of a batch depend on each other, whatever their law is."""

from __future__ import annotations

import numpy as np

from .evidence import bernoulli_interval
from .sequential import IndependenceTest

SURE = 5.0  # standard deviations; only to name what has been rejected already


class Matches:
    """Equal neighbours in batches, against the mean over all orders of the same draws."""

    def __init__(self) -> None:
        self.excess, self.variance = 0.0, 0.0

    def update(self, tokens: np.ndarray) -> None:
        """Add a batch, tokens (n, D) in the order they were returned."""
        excess, variance = excess_matches(tokens)
        self.excess, self.variance = self.excess + excess, self.variance + variance

    @property
    def unusual(self) -> bool:
        """Whether the order of the draws is not that of independent draws of *any* law."""
        return abs(self.excess) > SURE * max(np.sqrt(self.variance), 1.0)


def excess_matches(tokens: np.ndarray) -> tuple[float, float]:
    """Equal neighbours of a batch less their mean over all orders of the same draws, and its variance (nearly)."""
    pairs = len(tokens) // 2
    if not pairs:
        return 0.0, 0.0
    counts = np.unique(tokens, axis=0, return_counts=True)[1]
    chance = float((counts * (counts - 1)).sum()) / (len(tokens) * (len(tokens) - 1))
    equal = (tokens[: 2 * pairs : 2] == tokens[1 : 2 * pairs : 2]).all(axis=1).sum()
    return float(equal - pairs * chance), pairs * chance * (1 - chance)


def dependent(test: IndependenceTest, counts: np.ndarray) -> bool:
    """Whether pairs match more or less often than independent draws of the law that was *seen*, in counts.

    So a wrong law of independent draws is not called dependence.
    """
    n = counts.sum()
    match = float((counts * (counts - 1)).sum() / (n * (n - 1)))
    margin = 4 / np.sqrt(n)  # what `match` itself may be off by
    found = test.collisions.values()
    limits = [bernoulli_interval(int(pairs.counts[1]), pairs.n, pairs.alpha) for pairs in found]
    return any(match < low - margin or match > high + margin for low, high in limits)
