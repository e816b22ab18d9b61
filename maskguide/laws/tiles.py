"""The potential of the grouped layout of :mod:`.layout`, tile by tile. Numba loads when this module does.

A tile is all the states that show the same in their first coordinates; it stays in the cache from the marginals of
the two laws to the potential. Tiles do not need each other.
"""

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint64

from .powers import half_power, power

ONE, TWO = uint64(1), uint64(2)


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def marginals(values, offsets, size, length):
    """Fill a grouped array whose last block holds a law: every other block is that law with digits summed out.

    Every state carries equally many values. Of the digits to sum out the first is taken, for its stride is the longest.
    """
    size, last = uint64(size), ONE << uint64(length)
    lanes = uint64(values.size) // offsets[last]
    for below in range(TWO, last + ONE):
        members = last - below
        bit, n = last >> ONE, (offsets[members + ONE] - offsets[members]) * lanes
        stride = n
        while members & bit:
            bit >>= ONE
            stride //= size
        to, source = offsets[members] * lanes, offsets[members | bit] * lanes
        if stride == ONE:
            for a in range(n):
                total = 0.0
                for v in range(size):
                    total += values[source + a * size + v]
                values[to + a] = total
            continue
        for a in range(to, to + n, stride):
            for j in range(stride):
                values[a + j] = values[source + j] + values[source + stride + j]
            for v in range(TWO, size):
                for j in range(stride):
                    values[a + j] += values[source + v * stride + j]
            source += size * stride


@njit(cache=True, nogil=True, error_model="numpy")
def powers(target, mixture, high, low):
    """mixture := (target / mixture)^(high + low); what it is where the target is zero does not matter."""
    twice = int64(2 * high)
    if 0 < twice <= 5 and twice == 2 * (high + low):
        for i in range(uint64(target.size)):
            mixture[i] = half_power(target[i] / mixture[i], twice)
    else:
        for i in range(uint64(target.size)):
            mixture[i] = power(target[i] / mixture[i], high, low)


@njit(cache=True, nogil=True)
def multiply(target, factor, least, most):
    """target *= factor; products below `least` become zero.

    Returns how many positive ones did, and how many products are not below `most`.
    """
    lost, beyond = 0, 0
    for i in range(uint64(target.size)):
        product = target[i] * factor[i] if target[i] > 0 else 0.0
        lost += target[i] > 0 and product < least
        beyond += not product <= most
        target[i] = product if product >= least else 0.0
    return lost, beyond


@njit(cache=True, nogil=True)
def fill(values, offsets, size, low, target, mixture, outer, inner, exponent, limits, begin, end):
    """The potential of the tiles begin .. end - 1: all states that show the same in their first coordinates.

    A tile is a state of the first coordinates; target and mixture hold the law of the `low` others in it, a row
    a tile. `outer` and `inner` are the layouts of either part. Returns the sums of `multiply`.
    """
    full = len(inner) - 2
    row, lost, beyond = uint64(inner[full + 1] - inner[full]), 0, 0
    over, under = np.empty(inner[-1]), np.ones(inner[-1])
    for prefix in range(uint64(len(outer) - 1)):
        for tile in range(outer[prefix], outer[prefix + ONE]):
            if tile < uint64(begin) or tile >= uint64(end):
                continue
            for i in range(row):
                over[inner[full] + i] = target[tile * row + i]
            marginals(over, inner, size, low)
            if mixture.size:
                for i in range(row):
                    under[inner[full] + i] = mixture[tile * row + i]
                marginals(under, inner, size, low)
                powers(over, under, exponent[0], exponent[1])
            found = multiply(over, under, limits[0], limits[1])
            lost, beyond = lost + found[0], beyond + found[1]
            for members in range(uint64(full + 1)):
                first, n = inner[members], inner[members + ONE] - inner[members]
                place = offsets[prefix << uint64(low) | members] + (tile - outer[prefix]) * n
                for i in range(n):
                    values[place + i] = over[first + i]
    return lost, beyond
