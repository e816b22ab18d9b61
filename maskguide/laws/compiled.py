"""Compiled sweeps over the grouped layout of :mod:`.layout`. Numba loads when this module does: import it late.

The numpy sweeps of :mod:`.sweep` are their slow twins; tests/laws/test_kernels.py holds the two together.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

import numpy as np
from numba import njit, prange, uint64

from .steps import (
    EIGHT,
    ONE,
    TWO,
    ZERO,
    add_child,
    add_children,
    add_last_digit,
    add_parent,
    add_parents,
    add_weighted_parents,
)  # fmt: skip
from .vectors import divide, pass_on


@njit(cache=True)
def marginals(values, offsets, origin, prefix, low, size):
    """Fill a slab whose last block holds a law: every other block is that law with digits summed out.

    The slab has the revealed set `prefix` in its high coordinates and any set in its `low` last ones.
    """
    size, prefix, full = uint64(size), uint64(prefix), (ONE << uint64(low)) - ONE
    for below in range(full):
        members = prefix | (full - ONE - below)
        bit, stride = ONE, ONE
        while members & bit:
            bit <<= ONE
            stride *= size
        to = values[offsets[members] - origin : offsets[members + ONE] - origin]
        to[:] = 0.0
        add_child(to, values, offsets[members | bit] - origin, size, stride)


@njit(cache=True)
def ratios(target, mixture):
    """mixture := target / mixture where the target is positive, and 1 elsewhere."""
    for i in range(uint64(target.size)):
        mixture[i] = target[i] / mixture[i] if target[i] > 0 else 1.0


@njit(cache=True)
def multiply(target, factor, least):
    """target *= factor; positive products below `least` become zero. Returns how many did, and the largest product."""
    flushed, largest = 0, 0.0
    for i in range(uint64(target.size)):
        product = target[i] * factor[i] if target[i] > 0 else 0.0
        if target[i] > 0 and not product >= least:
            flushed += 1
            product = 0.0
        largest = max(largest, product)
        target[i] = product
    return flushed, largest


@njit(cache=True)
def terminal_block(values, offsets, members, size, length, start, flow, exits):
    """q = h G / S on one block, in place; h G on completed states."""
    first, last = offsets[members], offsets[members + ONE]
    here, n = values[first:last], last - first
    h, s = flow[:n], exits[:n]
    h[:] = 0.0
    if start.size:
        for i in range(n):
            if start[first + i] > 0 and here[i] > 0:
                h[i] = start[first + i] / here[i]
    elif members == ZERO:
        h[0] = 1.0 / here[0]
    add_parents(h, values, offsets, members, size, ONE)
    if members + ONE == ONE << length:
        for i in range(n):
            here[i] *= h[i]
        return
    s[:] = 0.0
    add_children(s, values, offsets, members, size, length)
    whole = n - n % EIGHT
    for i in range(ZERO, whole, EIGHT):
        pass_on(here, i, h, s)
    for i in range(whole, n):
        here[i] = h[i] * here[i] / s[i] if s[i] > 0 else 0.0


@njit(cache=True)
def terminal(values, offsets, size, length, start):
    """The potential G becomes q = h G / S block by block, and the law on completed states; one array in all."""
    size, length = uint64(size), uint64(length)
    flow, exits = np.empty(size**length), np.empty(size**length)
    for members in range(ONE << length):
        terminal_block(values, offsets, members, size, length, start, flow, exits)


@njit(cache=True, parallel=True)
def terminal_in_threads(values, offsets, size, length, start, order, levels, threads):
    """`terminal` with the blocks of a level dealt out to threads; `order` lists the sets level by level."""
    size, length = uint64(size), uint64(length)
    flow, exits = np.empty((threads, size**length)), np.empty((threads, size**length))
    for level in range(len(levels) - 1):
        first, count = levels[level], levels[level + 1] - levels[level]
        for thread in prange(threads):
            for k in range(thread * count // threads, (thread + 1) * count // threads):
                members = order[first + k]
                terminal_block(values, offsets, members, size, length, start, flow[thread], exits[thread])


@njit(cache=True)
def normalized_visits(potential, flow, offsets, size, length):
    """P(the chain visits x) for rates normalised coordinate by coordinate: flow h in, with its start; h G out."""
    size, length = uint64(size), uint64(length)
    sums = np.empty(size**length)
    for members in range(ONE << length):
        first, last = offsets[members], offsets[members + ONE]
        masks, bit, n = length, ONE, last - first
        for _ in range(length):
            masks -= ONE if members & bit else ZERO
            bit <<= ONE
        stride, bit, s = ONE, ONE, sums[:n]
        for _ in range(length):
            if members & bit:
                stride *= size
            else:
                child = members | bit
                s[:] = 0.0
                add_child(s, potential, offsets[child], size, stride)
                for i in range(n):
                    q = flow[first + i] * potential[first + i]
                    s[i] = q / (s[i] * masks) if s[i] > 0 else 0.0
                to = flow[offsets[child] : offsets[child + ONE]]
                if stride == ONE:
                    add_last_digit(to, s, ZERO, size)
                else:
                    add_parent(to, s, ZERO, size, stride)
            bit <<= ONE
        for i in range(first, last):
            flow[i] *= potential[i]


@njit(cache=True)
def weighted_visits(flow, exits, offsets, weights, weight_offsets, size, length):
    """P(the chain visits x) with a rate on every edge; flow holds the start, and in the end the visits."""
    size, length = uint64(size), uint64(length)
    for members in range(ONE << length):
        first, last = offsets[members], offsets[members + ONE]
        here = flow[first:last]
        add_weighted_parents(here, flow, offsets, weights, weight_offsets, members, size, ONE)
        for i in range(first, last):
            if exits[i] > 0:
                flow[i] /= exits[i]
    for i in range(flow.size):
        if exits[i] > 0:
            flow[i] *= exits[i]


@njit(cache=True)
def exit_rates(exits, potential, offsets, size, length):
    """R = S / G on every state, zero on completed and on unreachable ones."""
    size, length = uint64(size), uint64(length)
    for members in range((ONE << length) - ONE):
        first, last = offsets[members], offsets[members + ONE]
        to = exits[first:last]
        to[:] = 0.0
        add_children(to, potential, offsets, members, size, length)
        for i in range(uint64(to.size)):
            to[i] = to[i] / potential[first + i] if potential[first + i] > 0 else 0.0
    exits[offsets[(ONE << length) - ONE] :] = 0.0


@njit(cache=True)
def start_block(to, first, start, potential, lanes, nodes):
    """Put the start, divided by the potential, on the real lanes of the first component of a block."""
    for i in range(uint64(to.size) // lanes):
        mass = start[first + i]
        if mass > 0 and potential.size:
            mass = mass / potential[first + i] if potential[first + i] > 0 else 0.0
        for k in range(nodes):
            to[i * lanes + k] = mass


@njit(cache=True)
def divide_block(to, exits, first, points, nodes, parts, shift, slowest, fastest):
    """Divide each lane by (s + R - shift); see `resolvent` for the two parts."""
    lanes = TWO * nodes * parts
    for i in range(uint64(to.size) // lanes):
        rate, at = exits[first + i], i * lanes
        if rate < slowest:
            for k in range(lanes):
                to[at + k] = 0.0
            continue
        if parts == TWO and rate < fastest:
            for k in range(TWO * nodes):
                to[at + TWO * nodes + k] += to[at + k]
                to[at + k] = 0.0
        rate = max(rate - shift, 0.0)
        for part in range(parts):
            real, imaginary = at + part * TWO * nodes, at + part * TWO * nodes + nodes
            for k in range(ZERO, nodes, EIGHT):
                divide(to, real + k, imaginary + k, points, k, nodes, rate)


@njit(cache=True)
def resolvent(
    values,
    offsets,
    size,
    length,
    potential,
    weights,
    weight_offsets,
    exits,
    start,
    points,
    parts,
    shift,
    slowest,
    fastest,
):
    """start (sI - Q)^{-1} for all nodes s at once, divided by the potential where there is one.

    points: [real parts, imaginary parts] of a multiple of eight nodes; values: the same, a row a state, for one part
    or for two. Exit rates
    are taken less `shift`; states slower than `slowest` are removed. With two parts the second holds the paths
    that have visited a state slower than `fastest`, and the first the others. Without edge weights every weight is 1.
    """
    size, length, nodes, parts = uint64(size), uint64(length), uint64(points.size) // TWO, uint64(parts)
    lanes = TWO * nodes * parts
    for members in range(ONE << length):
        first, last = offsets[members], offsets[members + ONE]
        to = values[first * lanes : last * lanes]
        to[:] = 0.0
        if start.size:
            start_block(to, first, start, potential, lanes, nodes)
        elif members == ZERO:
            to[:nodes] = 1.0
        if weights.size:
            add_weighted_parents(to, values, offsets, weights, weight_offsets, members, size, lanes)
        else:
            add_parents(to, values, offsets, members, size, lanes)
        divide_block(to, exits, first, points, nodes, parts, shift, slowest, fastest)
