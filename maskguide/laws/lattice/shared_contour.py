"""Laws at many clocks from the nodes of one contour: what :mod:`.resolvents` does for one clock.

Some states at a time get their complex vectors, twelve nodes after twelve; a matrix product makes a law a clock of
them, and they go to their places on the lattice, all while they are in the cache. Numba loads when this module does.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

import numpy as np
from numba import uint64

from ... import _checks
from ..._compiled.complex_vectors import alike, divisors, interleaved, keep, plus
from ..._compiled.jit import njit
from .arrays import Blocks, ChainArrays
from .layout import GroupedChain, Layout
from .resolvents import ONE, ZERO, of_start, put, room_for, share, trailing

TWELVE = 12
NODES = (0,) * TWELVE  # its length says how many
POLE = 2 * TWELVE + 2 * (TWELVE - 8)  # numbers that `over` takes for twelve nodes
AT_A_TIME = 1024  # states


def laws(chain: GroupedChain, points: np.ndarray, weights: np.ndarray, start: np.ndarray) -> tuple[np.ndarray, int]:
    """Re sum_k c_tk start (z_k I - Q)^{-1} for every row t of weights, (T, states) in the order of the lattice.

    Round-off below zero is set to zero; also how many entries are wrong.
    """
    groups, found, wrong = chain.layout, np.zeros((len(weights), chain.layout.states)), 0
    more = -points.size % TWELVE
    points, weights = np.append(points, np.ones(more)), np.pad(weights, [(0, 0), (0, more)])
    zeros, places = _trailing(groups.vocab_size, groups.length), groups.places()
    for part in _parts(points.size, groups):
        poles = np.concatenate([divisors(z) for z in points[part].reshape(-1, TWELVE)])
        factors = interleaved(weights[:, part].conj().reshape(len(weights), -1, TWELVE)).reshape(len(weights), -1)
        masked, width = groups.completed.start, factors.shape[1]
        vectors = room_for(masked + min(AT_A_TIME, groups.states - masked), width)
        for begin, end in _chunks(groups):
            fill_vectors(vectors, groups.blocks, zeros, chain.arrays, start, poles, (begin, end))
            row = min(begin, masked)
            here = vectors[row * width : (row + end - begin) * width].reshape(-1, width)
            wrong += spread(found, factors @ here.T, places, chain.potential, begin, part.stop >= points.size)
    return found, wrong


def _chunks(groups: Layout) -> Iterator[tuple[int, int]]:
    """Where some states begin and end, completed ones apart."""
    for first, last in ((0, groups.completed.start), (groups.completed.start, groups.states)):
        for begin in range(first, last, AT_A_TIME):
            yield begin, min(begin + AT_A_TIME, last)


def _parts(nodes: int, groups: Layout) -> list[slice]:
    """Nodes to sweep together: all, or as many as half of the memory holds."""
    bytes_a_node = 16 * groups.completed.start
    what = f"contour sweeps over {groups.states:,} states"
    _checks.fits_in_memory(2 * TWELVE * bytes_a_node, what, "use fewer coordinates")
    most = int(_checks.available_memory() // (2 * bytes_a_node))
    together = max(TWELVE, min(nodes, most) // TWELVE * TWELVE)
    return [slice(k, k + together) for k in range(0, nodes, together)]


@lru_cache(maxsize=4)
def _trailing(vocab_size: int, length: int) -> np.ndarray:
    return trailing(np.uint64(vocab_size), np.uint64(length))


@njit(cache=True)
def fill_vectors(vectors, blocks, zeros, chain, start, points, states):
    """Vectors of start (zI - Q)^{-1} / G on some grouped states, a row a state, twelve nodes after twelve.

    vectors: those of all states before that are not completed, a row each; these go behind them. zeros: of `trailing`;
    points: of `divisors`; states: the first, and where they end.
    """
    blocks, chain = Blocks(*blocks), ChainArrays(*chain)
    size, length, offsets = uint64(blocks.vocab_size), uint64(blocks.length), blocks.offsets
    begin, end, potential, exits = uint64(states[0]), uint64(states[1]), chain.potential, chain.exits
    width, passes = uint64(2 * TWELVE), uint64(points.size) // uint64(POLE)
    full, stride = (ONE << length) - ONE, passes * width
    parents, jump, row = np.zeros(length + ONE, np.uint64), np.zeros(length + ONE, np.uint64), min(begin, offsets[full])
    members = uint64(np.searchsorted(offsets, begin, side="right")) - ONE
    while members <= full and offsets[members] < end:
        first = offsets[members]
        y, last = max(begin, first) - first, min(end, offsets[members + ONE]) - first
        left, k, step = members, ZERO, ONE
        while left:  # where y's parent lies, less y: it moves back once all tokens of the digit have been
            bit = left & (~left + ONE)
            left ^= bit
            parents[k] = (offsets[members ^ bit] + y // (step * size) * step + y % step - y) * stride
            jump[k] = step * stride
            step *= size
            k += ONE
        while y < last:
            state = first + y
            here, to = potential[state], (row + state - begin) * stride
            mass = 1.0 if members == ZERO and not start.size else of_start(start, state, here)
            for number in range(passes):
                at, found = number * width, alike(mass, NODES)
                for j in range(k):
                    found = plus(found, vectors, parents[j] + y * stride + at)
                some = points[number * uint64(POLE) : (number + ONE) * uint64(POLE)]
                found = share(found, some, exits[state], 1.0) if here > 0 else alike(0.0, NODES)
                keep(found, vectors, to + at)
            parents[zeros[y]] -= jump[zeros[y]]
            y += ONE
        members += ONE


@njit(cache=True)
def spread(laws, sums, places, potential, first, last):
    """laws[t, place of a state] += G sums[t, state], states numbered from `first`; the last time as of `put`."""
    wrong = 0
    for t in range(len(sums)):
        to, source = laws[t], sums[t]
        for i in range(uint64(source.size)):
            value = to[places[first + i]] + potential[first + i] * source[i]
            if last:
                wrong += put(to, places[first + i], value)
            else:
                to[places[first + i]] = value
    return wrong
