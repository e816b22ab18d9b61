"""Independent draws from a given law by the alias method: one comparison a draw, however many states."""

from __future__ import annotations

import numpy as np

from .. import _random
from .._compiled.jit import njit
from .task import EXACT

BLOCK = 2**20  # draws at a time


@njit(cache=True)
def alias_table(law):
    """(threshold, alias) of Walker's method in Vose's form: column k gives k if V < threshold[k], else alias[k].

    Source: Vose, "A linear algorithm for generating random numbers with a given distribution", IEEE TSE 17 (1991).
    """
    size = law.size
    threshold, alias = law * (size / law.sum()), np.arange(size)
    small, large = np.empty(size, dtype=np.int64), np.empty(size, dtype=np.int64)
    smalls = larges = 0
    for k in range(size):
        if threshold[k] < 1.0:
            small[smalls], smalls = k, smalls + 1
        else:
            large[larges], larges = k, larges + 1
    while smalls and larges:
        less, more = small[smalls - 1], large[larges - 1]
        smalls -= 1
        alias[less] = more
        threshold[more] -= 1.0 - threshold[less]
        if threshold[more] < 1.0:
            larges -= 1
            small[smalls], smalls = more, smalls + 1
    likely = np.argmax(law)
    for k in range(smalls):  # round-off left them a hair below one; impossible states must not be drawn all the same
        threshold[small[k]] = 1.0 if law[small[k]] > 0 else 0.0
        alias[small[k]] = likely
    return threshold, alias


def draw(law: np.ndarray, count: int, seed: int) -> np.ndarray:
    """Tokens (count, D) int32 from a law (N,)*D; states of probability zero are never drawn."""
    threshold, alias = alias_table(np.ascontiguousarray(law, dtype=np.float64).ravel())
    states = np.empty(count, dtype=np.int64)
    for first in range(0, count, BLOCK):
        trajectories = np.arange(first, min(first + BLOCK, count), dtype=np.int64)
        u, v = _random.two_draws(*_random.split_seed(seed), trajectories, 0, EXACT)
        column = (u * _random.TWO_TO_MINUS_53 * law.size).astype(np.int64)
        states[first : first + BLOCK] = np.where(v * _random.TWO_TO_MINUS_53 < threshold[column], column, alias[column])
    return np.stack(np.unravel_index(states, law.shape), axis=1).astype(np.int32)
