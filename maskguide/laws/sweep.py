"""One pass over the lattice in order of reveals: the resolvent of the chain, and its jump chain.

Masks only disappear, so (sI - Q) is triangular: v (sI - Q) = q0 is solved by one sweep from the fully
masked state to the completed ones,

    v(y) = ( q0(y) + sum over revealed i of v(parent_i y) r(parent_i y -> y) ) / (s + R(y)).

States are visited in blocks by their revealed set; within a block everything is vectorised.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ..process import Rates


def revealed_sets(length: int) -> Iterator[tuple[bool, ...]]:
    """All subsets of the coordinates as flags, every set after its own subsets."""
    for bits in range(2**length):
        yield tuple(bool(bits >> i & 1) for i in range(length))


def block(revealed: tuple[bool, ...], vocab_size: int) -> tuple[slice, ...]:
    """Index of the states whose revealed set this is; masked axes keep length 1."""
    return tuple(slice(0, vocab_size) if r else slice(vocab_size, vocab_size + 1) for r in revealed)


def inflow(flow: np.ndarray, rates: Rates, revealed: tuple[bool, ...]) -> np.ndarray | float:
    """sum over revealed i of flow(parent_i) * rate(parent_i -> .) on the block; flow may have leading axes."""
    total: np.ndarray | float = 0.0
    for i, is_revealed in enumerate(revealed):
        if is_revealed:
            parent = (*revealed[:i], False, *revealed[i + 1 :])
            edge = rates.edges[i][
                (*block(parent, rates.vocab_size)[:i], slice(None), *block(parent, rates.vocab_size)[i + 1 :])
            ]
            total = total + flow[(..., *block(parent, rates.vocab_size))] * edge
    return total


def resolvent(rates: Rates, shift: np.ndarray, start: np.ndarray, exit: np.ndarray | None = None) -> np.ndarray:
    """start (sI - Q)^{-1} for every shift s, shape shift.shape + lattice.

    `exit` replaces R(x) on the diagonal: pass R - lambda for the resolvent at s - lambda without
    cancellation. Zero diagonal entries (completed states at s = 0) must not occur.
    """
    diagonal = rates.exit if exit is None else exit
    pole = shift.reshape(*shift.shape, *(1,) * rates.length)
    values = np.zeros((*shift.shape, *rates.exit.shape), dtype=np.result_type(shift, float))
    for revealed in revealed_sets(rates.length):
        here = block(revealed, rates.vocab_size)
        values[(..., *here)] = (start[here] + inflow(values, rates, revealed)) / (pole + diagonal[here])
    return values


def visits(rates: Rates, start: np.ndarray) -> np.ndarray:
    """P(the chain ever visits x), shape (N+1,)*D: the jump chain, r/R, swept once.

    On completed states this is the terminal law.
    """
    arrival = start.copy()
    flow = np.zeros_like(arrival)
    for revealed in revealed_sets(rates.length):
        here = block(revealed, rates.vocab_size)
        arrival[here] += inflow(flow, rates, revealed)
        if not all(revealed):
            np.divide(arrival[here], rates.exit[here], out=flow[here], where=rates.exit[here] > 0)
    return arrival


def all_masked(rates: Rates) -> np.ndarray:
    """The start of every chain: probability one on the fully masked state."""
    start = np.zeros_like(rates.exit)
    start[(-1,) * rates.length] = 1.0
    return start
