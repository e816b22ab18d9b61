"""The steps of compiled sweeps over the grouped layout of :mod:`.layout`: from parents, and to them.

A block A holds the N^k states whose revealed set is A, digits in the order of the coordinates. Towards a parent
(one coordinate less) or a child (one more) a digit of stride N^j is dropped or inserted; `stride` below is that,
times the number of lanes when every state carries several values. Nothing is compiled anew for other N or D.

Indices are unsigned (no wrap-around to check), and the inner steps are vectors of eight: numba leaves such short
loops scalar.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from numba import njit, uint64

from .vectors import add, add_binary_children, add_binary_parents, add_sum, add_twice

ZERO, ONE, TWO, FOUR, EIGHT = uint64(0), uint64(1), uint64(2), uint64(4), uint64(8)
FAST = {"reassoc", "nsz"}  # sums may be reordered; infinities and NaN keep their meaning


@njit(cache=True)
def add_parent(to, values, first, size, stride):
    """to[(i N + v) stride + j] += values[first + i stride + j]: what one parent sends to a block."""
    high, whole = uint64(to.size) // (size * stride), stride - stride % EIGHT
    if size == TWO and whole == stride and stride & (stride - ONE) == ZERO:
        above = ~(stride - ONE)  # for a stride that is a power of two this drops the digits below
        for i in range(ZERO, uint64(to.size) // TWO, EIGHT):
            add_twice(to, i + (i & above), i + (i & above) + stride, values, first + i)
        return
    a, b = ZERO, first
    for _ in range(high):
        for _ in range(size):
            for j in range(ZERO, whole, EIGHT):
                add(to, a + j, values, b + j)
            for j in range(whole, stride):
                to[a + j] += values[b + j]
            a += stride
        b += stride


@njit(cache=True)
def add_last_digit(to, values, first, size):
    """`add_parent` for stride 1."""
    for i in range(uint64(to.size) // size):
        q = values[first + i]
        for v in range(size):
            to[i * size + v] += q


@njit(cache=True)
def add_parents(to, values, offsets, members, size, lanes):
    """Everything the parents of the block `members` send to it."""
    stride, left = uint64(lanes), members
    if size == TWO and lanes == ONE and to.size >= 8:  # strides 1, 2 and 4 at once
        b0 = left & (~left + ONE)
        left ^= b0
        b1 = left & (~left + ONE)
        left ^= b1
        b2 = left & (~left + ONE)
        left ^= b2
        p0, p1, p2 = offsets[members ^ b0], offsets[members ^ b1], offsets[members ^ b2]
        for i in range(ZERO, uint64(to.size) // TWO, FOUR):
            add_binary_parents(to, TWO * i, values, p0 + i, p1 + i, p2 + i)
        stride = EIGHT
    while left:
        bit = left & (~left + ONE)
        left ^= bit
        first = offsets[members ^ bit] * lanes
        if stride == ONE:
            add_last_digit(to, values, first, size)
        else:
            add_parent(to, values, first, size, stride)
        stride *= size


@njit(cache=True, fastmath=FAST)
def add_child(to, values, first, size, stride):
    """to[i stride + j] += sum over v of values[first + (i N + v) stride + j]: a digit summed out."""
    n = uint64(to.size)
    if size == TWO and stride < EIGHT and n >= EIGHT:
        for i in range(ZERO, n, EIGHT):
            add_binary_children(to, i, values, first + TWO * i, stride)
    elif size == TWO and stride % EIGHT == 0:
        above = ~(stride - ONE)
        for i in range(ZERO, n, EIGHT):
            add_sum(to, i, values, first + i + (i & above), first + i + (i & above) + stride)
    elif stride == ONE:
        for i in range(n):
            total = 0.0
            for v in range(size):
                total += values[first + i * size + v]
            to[i] += total
    else:
        whole, b = stride - stride % EIGHT, first
        for a in range(ZERO, n, stride):
            for _ in range(size):
                for j in range(ZERO, whole, EIGHT):
                    add(to, a + j, values, b + j)
                for j in range(whole, stride):
                    to[a + j] += values[b + j]
                b += stride


@njit(cache=True)
def add_children(to, values, offsets, members, size, length):
    """Sum over the children of every state of the block."""
    stride, bit = ONE, ONE
    for _ in range(length):
        if members & bit:
            stride *= size
        else:
            add_child(to, values, offsets[members | bit], size, stride)
        bit <<= ONE


@njit(cache=True)
def add_weighted_parents(to, values, offsets, weights, weight_offsets, members, size, lanes):
    """`add_parents` with a rate on every edge; weights of a block: one value a state for each revealed digit."""
    stride, left, place = ONE, members, weight_offsets[members]
    n = uint64(to.size) // lanes
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
                        for k in range(lanes):
                            to[y * lanes + k] += rate * values[x * lanes + k]
        place += n
        stride *= size
