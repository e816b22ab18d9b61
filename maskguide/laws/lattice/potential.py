"""The potential of the grouped layout of :mod:`.layout`, by cache blocks. Numba loads when this module does.

A cache block is all the states that show the same in their first coordinates: it stays in the cache from the marginals
of the two laws to the potential. Cache blocks do not need each other.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

import numpy as np
from numba import int64, uint64

from ..._compiled.elementary import half_power, power
from ..._compiled.jit import njit
from ..._compiled.vectors import alike, keep
from .arrays import Blocks, RateProduct
from .sweep_steps import ONE, SIXTEEN, TWO, ZERO, plus_children


@njit(cache=True, nogil=True, fastmath={"reassoc", "nsz"})
def marginals(values, blocks):
    """Fill a grouped array whose last block holds a law: every other block is that law with digits summed out.

    Every state carries equally many values. Of the digits to sum out the first is taken, for its stride is the longest.
    """
    blocks = Blocks(*blocks)
    size, offsets, last = uint64(blocks.vocab_size), blocks.offsets, ONE << uint64(blocks.length)
    width = uint64(values.size) // offsets[last]
    for below in range(TWO, last + ONE):
        members = last - below
        bit, n = last >> ONE, (offsets[members + ONE] - offsets[members]) * width
        while members & bit:
            bit >>= ONE
        behind = members & (bit - ONE)
        stride = (offsets[behind + ONE] - offsets[behind]) * width
        to, source = offsets[members] * width, offsets[members | bit] * width
        if size == TWO and width == ONE and n >= SIXTEEN:
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
def cache_block(over, under, inner, product, limits):
    """over := the potential of the layout `inner`, from the two laws on its last block; returns what `multiply` does.

    An empty unconditional law: the potential is the target itself; `under` is then one, otherwise room for that law.
    """
    target, unconditional, high, low = product
    last = uint64(over.size - target.size)
    for i in range(uint64(target.size)):
        over[last + i] = target[i]
    marginals(over, inner)
    if unconditional.size:
        for i in range(uint64(unconditional.size)):
            under[last + i] = unconditional[i]
        marginals(under, inner)
        powers(over, under, high, low)
    return multiply(over, under, limits[0], limits[1])


@njit(cache=True, nogil=True)
def fill(values, blocks, outer, inner, product, limits, begin, end):
    """The potential of the cache blocks begin .. end - 1: all states that show the same in their first coordinates.

    values: of the layout `blocks`; outer, inner: offsets of the layouts of the first coordinates and of the others. A
    cache block is a state of the first; the laws of `product` are the joint ones with the others, a row a cache block.
    Potentials outside the two limits are not used. Returns the sums of `multiply`.
    """
    if begin == end:
        return 0, 0
    (target, unconditional, high, low), blocks = RateProduct(*product), Blocks(*blocks)
    under, full, digits = np.ones(inner[-1]), uint64(len(inner) - 2), 0
    if len(outer) == 2:
        return cache_block(values, under, blocks, product, limits)
    while full >> uint64(digits):  # of the inner states
        digits += 1
    lost, beyond, over = 0, 0, np.empty(inner[-1])
    row, within = inner[full + ONE] - inner[full], Blocks(inner, blocks.vocab_size, digits)
    for prefix in range(uint64(len(outer) - 1)):
        begins, ends = outer[prefix], outer[prefix + ONE]
        for number in range(max(begins, uint64(begin)), min(ends, uint64(end))):
            here = slice(number * row, (number + ONE) * row)
            other = unconditional[here] if unconditional.size else unconditional
            found = cache_block(over, under, within, RateProduct(target[here], other, high, low), limits)
            lost, beyond = lost + found[0], beyond + found[1]
            for members in range(full + ONE):
                first, n = inner[members], inner[members + ONE] - inner[members]
                place = blocks.offsets[prefix << uint64(digits) | members] + (number - begins) * n
                for i in range(n):
                    values[place + i] = over[first + i]
    return lost, beyond
