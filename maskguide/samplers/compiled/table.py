"""Tables: rates of every state are looked up."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from ..._compiled.jit import compiled
from ...process import GuidedProcess
from ..lookup import rate_table, strides


class TableArrays(NamedTuple):
    """Rates (J, S, D, N) and hazards (J, S, D) at J weights; strides (D,) of the state's index."""

    rates: np.ndarray
    hazards: np.ndarray
    strides: np.ndarray


def table_arrays(process: GuidedProcess | None, weights: tuple[float, ...] = ()) -> TableArrays:
    """The rates of a process on a table, or nothing."""
    if process is None:
        return TableArrays(np.zeros((0, 0, 0, 0)), np.zeros((0, 0, 0)), np.zeros(0, dtype=np.int64))
    rates = np.array([rate_table(process, w) for w in weights])
    return TableArrays(rates, rates.sum(axis=3), strides(process))


@compiled
def state_index(table, tokens):
    """C-order index of a state on the lattice."""
    total = 0
    for i in range(tokens.size):
        total += tokens[i] * table.strides[i]
    return total
