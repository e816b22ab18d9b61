"""The resolvent of the chain in plain numpy: what the compiled sweeps are held against."""

import numpy as np

from maskguide.laws.lattice.sweep import block, inflow, revealed_sets


def resolvent(rates, shifts, start):
    """start (sI - Q)^{-1} for every shift s, shape shifts.shape + lattice.

    (sI - Q) is triangular: v(y) = (start(y) + sum over revealed i of v(parent_i) r(parent_i -> y)) / (s + R(y)).
    """
    pole = shifts.reshape(*shifts.shape, *(1,) * rates.length)
    values = np.zeros((*shifts.shape, *rates.exit.shape), dtype=complex)
    for revealed in revealed_sets(rates.length):
        here = block(revealed, rates.vocab_size)
        values[(..., *here)] = (start[here] + inflow(values, rates, revealed)) / (pole + rates.exit[here])
    return values
