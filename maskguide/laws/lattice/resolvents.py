"""The law at a clock from ten or twelve resolvents, in one pass over the grouped layout of :mod:`.layout`.

A state gathers its parents, is divided by s + R and leaves its share in the law while its numbers are in
registers. What a completed state receives is Re sum_k c_k/z_k h_k over its parents, one real number each: neither
completed states nor those with one mask are ever stored. Numba loads when this module does.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import numpy as np
from numba import uint64

from ... import _checks
from ..._compiled.complex_vectors import alike, divisors, interleaved, keep, over, plus, times, total
from ..._compiled.jit import njit
from ..._compiled.memory import aligned
from . import rational
from .arrays import ChainArrays
from .layout import GroupedChain
from .rational import NEGATIVE

ZERO, ONE, TWO = uint64(0), uint64(1), uint64(2)
FASTEST = 1e60  # a rate whose fourth power is a float64


class Poles(NamedTuple):
    """Poles and residues of a rational approximation, in the order of complex vectors.

    points: z as of `divisors`; shares, ends: conj(c) and conj(c/z).
    """

    points: np.ndarray
    shares: np.ndarray
    ends: np.ndarray


class PlacedBlocks(NamedTuple):
    """Blocks, where their states are on the lattice, and where the complex vectors of each block start."""

    offsets: np.ndarray
    vocab_size: int
    length: int
    places: np.ndarray
    rows: np.ndarray


def law(chain: GroupedChain, clock: float, start: np.ndarray) -> tuple[np.ndarray, int]:
    """Start exp(uQ), (states,) in the order of the lattice, by :mod:`.rational`, and how many entries are wrong."""
    groups, (nodes, poles) = chain.layout, _poles(chain.layout.length)
    places, rows = groups.places(), _rows(groups.vocab_size, groups.length)
    found, vectors = np.empty(groups.states), room_for(int(rows[-1]), 2 * len(nodes))
    blocks = *groups.blocks, places, rows
    wrong = fill_law(found, vectors, blocks, chain.arrays, start, clock, nodes, poles)
    if start.size:
        found[places[groups.completed]] += start[groups.completed]
    return found, wrong


@lru_cache(maxsize=16)
def _poles(length: int) -> tuple[tuple[int, ...], tuple[np.ndarray, ...]]:
    """As many zeros as poles, and the :class:`Poles` at clock 1; those that are not needed have c = 0."""
    points, weights, _ = rational.unit(length)
    nodes = np.zeros((3, 10 if points.size <= 10 else 12), complex)
    nodes[0] = 1.0
    nodes[:, : points.size] = points, weights.conj(), (weights / points).conj()
    return (0,) * nodes.shape[1], (divisors(nodes[0]), *interleaved(nodes[1:]))


def room_for(rows: int, width: int) -> np.ndarray:
    """Memory for the complex vectors of some states."""
    _checks.fits_in_memory(8 * width * rows, "resolvents", "use fewer coordinates")
    return aligned(width * rows)


@lru_cache(maxsize=16)
def _rows(vocab_size: int, length: int) -> np.ndarray:
    """Where the vectors of every block start: those with two masks or more, one block after the other."""
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


@njit(cache=True, forceinline=True)
def share(vector, points, rate, factor):
    """Factor * vector / (points + rate); the points are nothing beside the fastest rates."""
    return over(vector, points, rate, factor) if rate < FASTEST else times(vector, factor / rate)


@njit(cache=True, forceinline=True)
def put(law, place, value):
    """Set an entry, to zero where round-off made it negative; whether that is more than round-off."""
    law[place] = value if value > 0 else 0.0
    return not value >= -NEGATIVE


@njit(cache=True)
def fill_law(law, vectors, blocks, chain, start, clock, nodes, poles):
    """law := G Re sum_k c_k/u h_k, h = u start (z_k I - uQ)^{-1} / G, on every state; h = 0 where G is.

    Round-off below zero is set to zero. Returns how many entries are further below, or no numbers.

    vectors: room for those of each state that `blocks.rows` gives a place to; nodes: their number, as the length of a
    tuple. The poles are those at u = 1: rounded together with u they would cost digits, and the rates, times u, do not.
    The start is grouped, or empty when all is masked; its completed states stay and are not added.
    """
    blocks, chain, poles = PlacedBlocks(*blocks), ChainArrays(*chain), Poles(*poles)
    size, length, offsets, rows = uint64(blocks.vocab_size), uint64(blocks.length), blocks.offsets, blocks.rows
    place, potential, exits = blocks.places, chain.potential, chain.exits
    points, shares, ends = poles.points, poles.shares, poles.ends
    full, width = (ONE << length) - ONE, uint64(2 * len(nodes))
    scale, zeros = 1.0 / clock, trailing(size, length - ONE)
    parents, jump = np.empty(length + ONE, np.uint64), np.empty(length + ONE, np.uint64)
    sums, completed, wrong = np.empty(size ** (length - ONE)), np.zeros(size**length), 0
    for members in range(full):
        first, n, row = offsets[members], offsets[members + ONE] - offsets[members], rows[members] * width
        last = (full ^ members) & ((full ^ members) - ONE) == ZERO
        left, k, step = members, ZERO, width
        while left:  # where y's parent lies, less y: it moves back once all tokens of the digit have been
            bit = left & (~left + ONE)
            left ^= bit
            parents[k], jump[k] = rows[members ^ bit] * width, step
            step *= size
            k += ONE
        siblings = size if k else ONE
        for i in range(n // siblings):
            y, end = i * siblings, (i + ONE) * siblings
            while y + ONE < end:  # two tokens of the last digit at a time
                here, there = potential[first + y], potential[first + y + ONE]
                one = plus(alike(of_start(start, first + y, here), nodes), vectors, parents[0] + i * width)
                two = plus(alike(of_start(start, first + y + ONE, there), nodes), vectors, parents[0] + i * width)
                for j in range(ONE, k):
                    parent = parents[j] + y * width
                    one, two = plus(one, vectors, parent), plus(two, vectors, parent + width)
                one = share(one, points, clock * exits[first + y], clock) if here > 0 else alike(0.0, nodes)
                two = share(two, points, clock * exits[first + y + ONE], clock) if there > 0 else alike(0.0, nodes)
                of_one, of_two = here * total(one, shares), there * total(two, shares)
                wrong += put(law, place[first + y], of_one * scale)
                wrong += put(law, place[first + y + ONE], of_two * scale)
                if last:
                    sums[y], sums[y + ONE] = total(one, ends), total(two, ends)
                else:
                    keep(one, vectors, row + y * width)
                    keep(two, vectors, row + (y + ONE) * width)
                y += TWO
            if y < end:  # an odd one, or the fully masked state
                here = potential[first + y]
                mass = 1.0 if members == ZERO and not start.size else of_start(start, first + y, here)
                one = alike(mass, nodes)
                if k:
                    one = plus(one, vectors, parents[0] + i * width)
                for j in range(ONE, k):
                    one = plus(one, vectors, parents[j] + y * width)
                one = share(one, points, clock * exits[first + y], clock) if here > 0 else alike(0.0, nodes)
                wrong += put(law, place[first + y], here * total(one, shares) * scale)
                if last:
                    sums[y] = total(one, ends)
                else:
                    keep(one, vectors, row + y * width)
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
        wrong += put(law, place[offsets[full] + y], potential[offsets[full] + y] * completed[y])
    return wrong
