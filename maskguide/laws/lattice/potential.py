"""The potential of the grouped layout of :mod:`.layout`, tile by tile. Numba loads when this module does.

A tile is all the states that show the same in their first coordinates; it stays in the cache from the marginals of
the two laws to the potential. Tiles do not need each other.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

import numpy as np
from numba import int64, njit, uint64

from ..._compiled.powers import half_power, power
from ..._compiled.vectors import alike, keep
from .sweep_steps import ONE, SIXTEEN, TWO, ZERO, plus_children


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
        while members & bit:
            bit >>= ONE
        behind = members & (bit - ONE)
        stride = (offsets[behind + ONE] - offsets[behind]) * lanes
        to, source = offsets[members] * lanes, offsets[members | bit] * lanes
        if size == TWO and lanes == ONE and n >= SIXTEEN:
            for i in range(ZERO, n, SIXTEEN):
                keep(plus_children(alike(0.0), values, source, i, stride), values, to + i)
            continue
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
def powers(target, unconditional, high, low):
    """unconditional := (target / unconditional)^(high + low); what it is where the target is zero does not matter."""
    twice = int64(2 * high)
    if 0 < twice <= 5 and twice == 2 * (high + low):
        for i in range(uint64(target.size)):
            unconditional[i] = half_power(target[i] / unconditional[i], twice)
    else:
        for i in range(uint64(target.size)):
            unconditional[i] = power(target[i] / unconditional[i], high, low)


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
def tile(over, under, target, unconditional, inner, size, low, exponent, limits):
    """over := the potential of the layout `inner`, from the two laws on its last block; returns what `multiply` does.

    An empty unconditional law: the potential is the target itself; `under` is then one, otherwise room for that law.
    """
    last = uint64(over.size - target.size)
    for i in range(uint64(target.size)):
        over[last + i] = target[i]
    marginals(over, inner, size, low)
    if unconditional.size:
        for i in range(uint64(unconditional.size)):
            under[last + i] = unconditional[i]
        marginals(under, inner, size, low)
        powers(over, under, exponent[0], exponent[1])
    return multiply(over, under, limits[0], limits[1])


@njit(cache=True, nogil=True)
def fill(values, offsets, size, low, target, unconditional, outer, inner, exponent, limits, begin, end):
    """The potential of the tiles begin .. end - 1: all states that show the same in their first coordinates.

    A tile is a state of the first coordinates; `target` and `unconditional` hold the laws of the `low` others in it,
    a row a tile. `outer` and `inner` are the layouts of either part. Returns the sums of `multiply`.
    """
    if begin == end:
        return 0, 0
    under = np.ones(inner[-1])
    if len(outer) == 2:
        return tile(values, under, target, unconditional, inner, size, low, exponent, limits)
    full, lost, beyond, over = uint64(len(inner) - 2), 0, 0, np.empty(inner[-1])
    row = inner[full + ONE] - inner[full]
    for prefix in range(uint64(len(outer) - 1)):
        for number in range(max(outer[prefix], uint64(begin)), min(outer[prefix + ONE], uint64(end))):
            here = slice(number * row, (number + ONE) * row)
            other = unconditional[here] if unconditional.size else unconditional
            found = tile(over, under, target[here], other, inner, size, low, exponent, limits)
            lost, beyond = lost + found[0], beyond + found[1]
            for members in range(full + ONE):
                first, n = inner[members], inner[members + ONE] - inner[members]
                place = offsets[prefix << uint64(low) | members] + (number - outer[prefix]) * n
                for i in range(n):
                    values[place + i] = over[first + i]
    return lost, beyond
