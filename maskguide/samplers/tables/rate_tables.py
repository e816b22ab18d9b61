"""The chain's rates in tables for the compiled kernels: masked coordinates only, each state's numbers in one row.

States are grouped by their revealed set (coordinate i is bit i), within a set in C order of the revealed tokens. The
row of a state with m masks is m hazards, then for each masked coordinate the cumulative law of its token without the
last entry, which is always 1: m N numbers, so D N (N+1)^(D-1) in all.
"""

from __future__ import annotations

import numpy as np

from ... import _checks
from ..._caching import cached_on_first
from ..._compiled.memory import CACHE_LINE, aligned
from ...process import GuidedProcess
from ..lookup import cumulative_law
from .state import RateTables


@cached_on_first(2)
def rate_tables(process: GuidedProcess, weights: tuple[float, ...]) -> RateTables:
    """The rows at some weights."""
    size, length = process.vocab_size, process.length
    _checks.lattice_fits(size, length, 8 * size * length * (len(weights) + 1), "sampling tables on the lattice")
    counts = [size ** (k + 1) * (length - k) for k in map(int.bit_count, range(2**length))]
    offsets = np.concatenate([[0], np.cumsum(counts)]).astype(np.uint64)
    rows = _aligned(len(weights), int(offsets[-1]))
    for k, weight in enumerate(weights):
        edges = process.rates(weight).edges
        for members in range(2**length - 1):
            rates = _rates(edges, members)
            here = rows[k, offsets[members] : offsets[members + 1]].reshape(len(rates), -1)
            here[:, : rates.shape[1]] = rates.sum(axis=2)
            here[:, rates.shape[1] :] = cumulative_law(rates)[..., :-1].reshape(len(rates), -1)
    powers = size ** np.arange(length + 1, dtype=np.uint64)
    return RateTables(np.uint64(size), powers, offsets, rows.ravel(), np.uint64(rows.shape[1]))


def _rates(edges: tuple[np.ndarray, ...], members: int) -> np.ndarray:
    """Rates (N^k, m, N) out of the states with a revealed set."""
    length, size = len(edges), edges[0].shape[0]
    masked = [i for i in range(length) if not members >> i & 1]
    rates = np.empty((size ** (length - len(masked)), len(masked), size))
    for q, i in enumerate(masked):
        block = edges[i][tuple(size if j in masked and j != i else slice(size) for j in range(length))]
        rates[:, q] = np.moveaxis(block, i - q, -1).reshape(-1, size)
    return rates


def _aligned(weights: int, numbers: int) -> np.ndarray:
    """An empty array whose rows start on cache lines."""
    padded = -(-numbers // CACHE_LINE) * CACHE_LINE
    return aligned(weights * padded).reshape(weights, padded)
