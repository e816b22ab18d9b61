"""What the compiled sweeps over the grouped layout are given: a named tuple for each set of arrays."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Blocks(NamedTuple):
    """A layout: where the blocks start, N and D."""

    offsets: np.ndarray
    vocab_size: int
    length: int


class ChainArrays(NamedTuple):
    """The arrays of a :class:`.layout.GroupedChain`."""

    potential: np.ndarray
    weights: np.ndarray
    weight_offsets: np.ndarray
    exits: np.ndarray


class RateProduct(NamedTuple):
    """What a potential is made of: the two laws, a row a cache block, and the exponent in two parts."""

    target: np.ndarray
    unconditional: np.ndarray
    high: float
    low: float
