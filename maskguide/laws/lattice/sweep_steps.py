"""The steps of compiled sweeps over the grouped layout of :mod:`.layout`: from parents, and to them.

A block A holds the N^k states whose revealed set is A, digits in the order of the coordinates. Towards a parent
(one coordinate less) or a child (one more) a digit of stride N^j is dropped or inserted; `stride` below is that,
times `width` when every state carries that many values. Nothing is compiled anew for other N or D.

Indices are unsigned (no wrap-around to check), and the inner steps are vectors: numba leaves such short loops scalar.
For N = 2 blocks of sixteen states and more are swept sixteen at a time: all parents, then all children, in registers.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from numba import uint64

from ..._compiled.jit import njit
from ..._compiled.vectors import WIDTH, add, fetch, plus, plus_pairs, plus_repeated

ZERO, ONE, TWO, FOUR, EIGHT, SIXTEEN = uint64(0), uint64(1), uint64(2), uint64(4), uint64(8), uint64(WIDTH)
AHEAD = uint64(64)  # states: how far ahead of the sums memory is asked for
FAST = {"reassoc", "nsz"}  # sums may be reordered; infinities and NaN keep their meaning


@njit(cache=True, forceinline=True)
def plus_children(total, values, first, i, stride):
    """Total + both children of the states i .. i + 15 of a block, N = 2; the new digit has this stride."""
    if stride >= SIXTEEN:
        place = first + i + (i & ~(stride - ONE))
        fetch(values, place + AHEAD)
        fetch(values, place + stride + AHEAD)
        return plus(plus(total, values, place), values, place + stride)
    place = first + TWO * i
    if stride == ONE:
        return plus_pairs(total, values, place, 1)
    if stride == TWO:
        return plus_pairs(total, values, place, 2)
    if stride == FOUR:
        return plus_pairs(total, values, place, 4)
    return plus_pairs(total, values, place, 8)


@njit(cache=True, forceinline=True)
def plus_parent(total, values, first, i, stride):
    """Total + the parents of the states i .. i + 15 of a block, N = 2; the digit dropped has this stride."""
    half = first + (i >> ONE)
    if stride == ONE:
        return plus_repeated(total, values, half, 1)
    if stride == TWO:
        return plus_repeated(total, values, half, 2)
    if stride == FOUR:
        return plus_repeated(total, values, half, 4)
    if stride == EIGHT:
        return plus_repeated(total, values, half, 8)
    place = first + ((i & (stride - ONE)) | ((i >> ONE) & ~(stride - ONE)))
    fetch(values, place + AHEAD)
    return plus(total, values, place)


@njit(cache=True, forceinline=True)
def relatives(near, offsets, members, size, length):
    """Where the parents and the children of a block begin, and the strides of the children's new digits.

    They fill the rows of `near`; returns how many parents and children there are. The parents' digits have the
    strides 1, N, N^2, ...
    """
    above, below, bit, stride = ZERO, ZERO, ONE, ONE
    for _ in range(length):
        if members & bit:
            near[0, above] = offsets[members ^ bit]
            above += ONE
            stride *= size
        else:
            near[1, below], near[2, below] = offsets[members | bit], stride
            below += ONE
        bit <<= ONE
    return above, below


@njit(cache=True)
def add_parent(to, values, first, size, stride):
    """to[(i N + v) stride + j] += values[first + i stride + j]: what one parent sends to a block."""
    n, whole, a, b = uint64(to.size), stride - stride % EIGHT, ZERO, first
    if stride == ONE:
        for i in range(n // size):
            q = values[first + i]
            for v in range(size):
                to[i * size + v] += q
        return
    while a < n:
        for _ in range(size):
            for j in range(ZERO, whole, EIGHT):
                add(to, a + j, values, b + j)
            for j in range(whole, stride):
                to[a + j] += values[b + j]
            a += stride
        b += stride


@njit(cache=True, fastmath=FAST)
def add_child(to, values, first, size, stride):
    """to[i stride + j] += sum over v of values[first + (i N + v) stride + j]: a digit summed out."""
    n, whole, b = uint64(to.size), stride - stride % EIGHT, first
    if stride == ONE:
        for i in range(n):
            total = 0.0
            for v in range(size):
                total += values[first + i * size + v]
            to[i] += total
        return
    for a in range(ZERO, n, stride):
        for _ in range(size):
            for j in range(ZERO, whole, EIGHT):
                add(to, a + j, values, b + j)
            for j in range(whole, stride):
                to[a + j] += values[b + j]
            b += stride


@njit(cache=True)
def add_parents(to, values, offsets, members, size, width):
    """Everything the parents of the block `members` send to it."""
    stride, left = uint64(width), members
    while left:
        bit = left & (~left + ONE)
        left ^= bit
        add_parent(to, values, offsets[members ^ bit] * width, size, stride)
        stride *= size


@njit(cache=True)
def add_weighted_parents(to, values, offsets, weights, weight_offsets, members, size, width):
    """`add_parents` with a rate on every edge; weights of a block: one value a state for each revealed digit."""
    stride, left, place = ONE, members, weight_offsets[members]
    n = uint64(to.size) // width
    while left:
        bit = left & (~left + ONE)
        left ^= bit
        first = offsets[members ^ bit]
        for i in range(n // (size * stride)):
            for v in range(size):
                for j in range(stride):
                    y, x = (i * size + v) * stride + j, first + i * stride + j
                    rate = weights[place + y]
                    if rate > 0:
                        for k in range(width):
                            to[y * width + k] += rate * values[x * width + k]
        place += n
        stride *= size
