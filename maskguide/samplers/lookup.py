"""Lookup tables of the chain, shared by the engines, so that every engine draws the same tokens.

A state is one integer, its C-order index on the (N+1)^D lattice; revealing coordinate i as v adds
(v - N) * stride_i. All draws compare a float64 cumulative sum with one 53-bit uniform: the token is the
first whose cumulative probability exceeds it, so a token of probability zero is never drawn.
"""

from __future__ import annotations

import numpy as np

from .. import _checks
from ..process import GuidedProcess


def strides(process: GuidedProcess) -> np.ndarray:
    """What a unit of each coordinate adds to the state index, (D,) int64."""
    return (process.vocab_size + 1) ** np.arange(process.length - 1, -1, -1, dtype=np.int64)


def cumulative_law(rates: np.ndarray) -> np.ndarray:
    """Cumulative sums along the last axis divided by their total; exactly 1 from the last possible entry on."""
    total = np.cumsum(rates, axis=-1)
    return np.divide(total, total[..., -1:], out=np.ones_like(total), where=total[..., -1:] > 0)


def rate_table(process: GuidedProcess, weight: float) -> np.ndarray:
    """Rates (S, D, N): row x, masked coordinate i, token v; zero where i is revealed."""
    size, length = process.vocab_size, process.length
    _checks.lattice_fits(size, length, 24 * size * length, "sampling tables on the lattice")
    table = np.zeros((*process.shape, length, size))
    for i, edge in enumerate(process.rates(weight).edges):
        masked = (*(slice(None) for _ in range(i)), slice(-1, None))
        table[masked][..., i, :] = np.expand_dims(np.moveaxis(edge, i, -1), i)
    return table.reshape(-1, length, size)
