"""The law at a clock from twelve resolvents, in one pass over the grouped layout of :mod:`.layout`.

A state gathers its parents, is divided by s + R and leaves its share in the law while its twelve numbers are in
registers. What a completed state receives is Re sum_k c_k/z_k h_k over its parents, one real number each: neither
completed states nor those with one mask are ever stored. Numba loads when this module does.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from functools import lru_cache

import numpy as np
from numba import njit, uint64

from .. import _checks
from . import rational
from .lanes import NODES, WIDTH, alike, interleaved, keep, over, plus, total
from .layout import Chain

ZERO, ONE, TWO = uint64(0), uint64(1), uint64(2)
LANES = uint64(WIDTH)
LINE = 8  # numbers in a line of cache
SMALL = 80_000  # rows of lanes, 16 MB: as much is always there


def law(chain: Chain, clock: float, start: np.ndarray) -> np.ndarray:
    """Start exp(uQ) on the grouped states, by the rational approximation of :mod:`.rational`; see `fill_law`."""
    groups = chain.layout
    rows = _rows(groups.vocab_size, groups.length)
    found = np.empty(groups.states)
    fill_law(
        found, _room(int(rows[-1])), groups.offsets, rows, groups.vocab_size, groups.length, chain.potential,
        chain.exit, start, clock, *_lanes(groups.length),
    )  # fmt: skip
    if start.size:
        found[groups.completed] += start[groups.completed]
    return found


@lru_cache(maxsize=16)
def _lanes(length: int) -> np.ndarray:
    """(3, 24) lanes of z, conj(c) and conj(c/z) at clock 1; nodes that are not needed have c = 0."""
    points, weights, _ = rational.unit(length)
    nodes = np.zeros((3, NODES), complex)
    nodes[0] = 1.0
    nodes[:, : points.size] = points, weights.conj(), (weights / points).conj()
    return interleaved(nodes)


def _room(rows: int) -> np.ndarray:
    """Memory for the lanes of some states, from the start of a line of cache: vectors across two lines are slow."""
    if rows > SMALL:
        _checks.fits_in_memory(8 * WIDTH * rows, f"resolvents on {rows:,} states", "use fewer coordinates")
    values = np.empty(WIDTH * rows + LINE)
    return values[-(values.ctypes.data // 8) % LINE :]


@lru_cache(maxsize=16)
def _rows(vocab_size: int, length: int) -> np.ndarray:
    """Where the lanes of every block start: those with two masks or more, one block after the other."""
    members = np.bitwise_count(np.arange(2**length, dtype=np.uint64)).astype(np.uint64)
    sizes = np.where(length - members.astype(int) >= 2, np.uint64(vocab_size) ** members, np.uint64(0))
    return np.concatenate([[np.uint64(0)], np.cumsum(sizes, dtype=np.uint64)])


@njit(cache=True)
def trailing(size, digits):
    """How many zeros i + 1 ends with, for i = 0 .. size^digits - 1."""
    found, step = np.zeros(size**digits, np.uint8), size
    for _ in range(digits):
        for i in range(step - ONE, uint64(found.size), step):
            found[i] += 1
        step *= size
    return found


@njit(cache=True)
def add_with_digit(to, block, size, stride):
    """to[(i N + v) stride + j] += block[i stride + j] for every v."""
    a = ZERO
    for b in range(ZERO, uint64(block.size), stride):
        for _ in range(size):
            for j in range(stride):
                to[a + j] += block[b + j]
            a += stride


@njit(cache=True)
def of_start(start, state, potential):
    """The start's probability of a state over its potential."""
    return start[state] / potential if start.size and potential > 0 else 0.0


@njit(cache=True)
def fill_law(law, values, offsets, rows, size, length, potential, exits, start, clock, points, shares, ends):
    """law := G Re sum_k c_k/u h_k, h = u start (z_k I - uQ)^{-1} / G, on every state; h = 0 where G is.

    values: room for 24 numbers a state that `rows` gives a place to; points, shares, ends: lanes of z, conj(c) and
    conj(c/z), as at u = 1: rounded together with u they would cost digits, and the rates, times u, do not. The start
    is grouped, or empty when all is masked; its completed states stay and are not added.
    """
    size, length = uint64(size), uint64(length)
    full = (ONE << length) - ONE
    scale, zeros = 1.0 / clock, trailing(size, length - ONE)
    parents, jump = np.empty(length + ONE, np.uint64), np.empty(length + ONE, np.uint64)
    sums, completed = np.empty(size ** (length - ONE)), np.zeros(size**length)
    for members in range(full):
        first, n, row = offsets[members], offsets[members + ONE] - offsets[members], rows[members] * LANES
        last = (full ^ members) & ((full ^ members) - ONE) == ZERO
        left, k, step = members, ZERO, LANES
        while left:  # where y's parent lies, less y: it moves back once all tokens of the digit have been
            bit = left & (~left + ONE)
            left ^= bit
            parents[k], jump[k] = rows[members ^ bit] * LANES, step
            step *= size
            k += ONE
        siblings = size if k else ONE
        for i in range(n // siblings):
            y, end = i * siblings, (i + ONE) * siblings
            while y + ONE < end:  # two tokens of the last digit at a time
                here, there = potential[first + y], potential[first + y + ONE]
                one = plus(alike(of_start(start, first + y, here)), values, parents[0] + i * LANES)
                two = plus(alike(of_start(start, first + y + ONE, there)), values, parents[0] + i * LANES)
                for j in range(ONE, k):
                    parent = parents[j] + y * LANES
                    one, two = plus(one, values, parent), plus(two, values, parent + LANES)
                one = over(one, points, clock * exits[first + y], clock) if here > 0 else alike(0.0)
                two = over(two, points, clock * exits[first + y + ONE], clock) if there > 0 else alike(0.0)
                law[first + y] = here * total(one, shares) * scale
                law[first + y + ONE] = there * total(two, shares) * scale
                if last:
                    sums[y], sums[y + ONE] = total(one, ends), total(two, ends)
                else:
                    keep(one, values, row + y * LANES)
                    keep(two, values, row + (y + ONE) * LANES)
                y += TWO
            if y < end:  # an odd one, or the fully masked state
                here = potential[first + y]
                mass = 1.0 if members == ZERO and not start.size else of_start(start, first + y, here)
                lanes = alike(mass)
                if k:
                    lanes = plus(lanes, values, parents[0] + i * LANES)
                for j in range(ONE, k):
                    lanes = plus(lanes, values, parents[j] + y * LANES)
                lanes = over(lanes, points, clock * exits[first + y], clock) if here > 0 else alike(0.0)
                law[first + y] = here * total(lanes, shares) * scale
                if last:
                    sums[y] = total(lanes, ends)
                else:
                    keep(lanes, values, row + y * LANES)
            digit = uint64(zeros[i]) + ONE
            if digit < k:
                parents[digit] -= jump[digit]
        if last:
            stride, bit = ONE, ONE
            while members & bit:
                stride *= size
                bit <<= ONE
            add_with_digit(completed, sums[:n], size, stride)
    for y in range(uint64(completed.size)):
        law[offsets[full] + y] = potential[offsets[full] + y] * completed[y]
