"""Compiled sweeps over the grouped layout of :mod:`.layout`. Numba loads when this module does: import it late.

The numpy sweeps of :mod:`.sweep` are their plain counterparts; tests/laws/test_kernels.py holds the two together.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

import numpy as np
from numba import uint64

from ..._compiled.jit import njit
from ..._compiled.vectors import alike, divide, keep, pass_on, plus, plus_ratios, ratio
from .arrays import Blocks, ChainArrays
from .sweep_steps import (
    EIGHT,
    FOUR,
    ONE,
    SIXTEEN,
    TWO,
    ZERO,
    add_child,
    add_parent,
    add_parents,
    add_weighted_parents,
    plus_children,
    plus_parent,
    relatives,
)


@njit(cache=True)
def terminal_block(values, first, n, size, start, near, relatives, scratch):
    """q = h G / S on one block, in place; h G on completed states. Its `relatives` are in the rows of `near`."""
    (above, below), stride = relatives, ONE
    here, h, s = values[first : first + n], scratch[:n], scratch[n : n + n]
    h[:] = 0.0
    if start.size:
        for i in range(n):
            h[i] = start[first + i] / here[i] if start[first + i] > 0 and here[i] > 0 else 0.0
    elif above == ZERO:
        h[0] = 1.0 / here[0]
    for k in range(above):
        add_parent(h, values, near[0, k], size, stride)
        stride *= size
    if below == ZERO:
        for i in range(n):
            here[i] *= h[i]
        return
    s[:] = 0.0
    for k in range(below):
        add_child(s, values, near[1, k], size, near[2, k])
    whole = n - n % SIXTEEN
    for i in range(ZERO, whole, SIXTEEN):
        pass_on(plus(alike(0.0), h, i), plus(alike(0.0), s, i), here, i)
    for i in range(whole, n):
        here[i] = h[i] * here[i] / s[i] if s[i] > 0 else 0.0


@njit(cache=True)
def binary_block(values, first, n, start, near, relatives):
    """`terminal_block` for N = 2 and sixteen states or more, sixteen at a time: nothing is stored in between."""
    above, below = relatives
    for i in range(ZERO, n, SIXTEEN):
        h, s, stride = alike(0.0), alike(0.0 if below else 1.0), ONE
        if start.size:
            h = plus_ratios(h, start, first + i, values, first + i)
        for k in range(above):
            h = plus_parent(h, values, near[0, k], i, stride)
            stride *= TWO
        for k in range(below):
            s = plus_children(s, values, near[1, k], i, near[2, k])
        pass_on(h, s, values, first + i)


@njit(cache=True, nogil=True)
def terminal_blocks(values, blocks, start, order, begin, end):
    """q = h G / S on the blocks of order[begin : end], or of begin .. end - 1; a block needs its parents done."""
    blocks = Blocks(*blocks)
    size, length, offsets = uint64(blocks.vocab_size), uint64(blocks.length), blocks.offsets
    near, scratch = np.empty((3, length), np.uint64), np.empty(TWO * size**length)
    for k in range(uint64(begin), uint64(end)):
        members = order[k] if order.size else k
        first, n = offsets[members], offsets[members + ONE] - offsets[members]
        related = relatives(near, offsets, members, size, length)
        if size == TWO and n >= SIXTEEN:
            binary_block(values, first, n, start, near, related)
        else:
            terminal_block(values, first, n, size, start, near, related, scratch)


def terminal(values, blocks, start):
    """The potential G becomes q = h G / S block by block, and the law on completed states; one array in all."""
    terminal_blocks(values, blocks, start, np.empty(0, np.uint64), 0, len(blocks[0]) - 1)


@njit(cache=True)
def normalized_edge(potential, flow, first, child, masks, size, stride, sums):
    """h of the children of a block, one digit more: += h G / (masks sum of G over its tokens)."""
    n, s = uint64(sums.size), sums
    vectors = size == TWO and n >= SIXTEEN
    if vectors:
        for i in range(ZERO, n, SIXTEEN):
            keep(plus_children(alike(0.0), potential, child, i, stride), s, i)
    else:
        s[:] = 0.0
        add_child(s, potential, child, size, stride)
    for i in range(n):
        q = flow[first + i] * potential[first + i]
        s[i] = q / (s[i] * masks) if s[i] > 0 else 0.0
    if vectors:
        for i in range(ZERO, TWO * n, SIXTEEN):
            keep(plus_parent(plus(alike(0.0), flow, child + i), s, ZERO, i, stride), flow, child + i)
    else:
        add_parent(flow[child : child + n * size], s, ZERO, size, stride)


@njit(cache=True)
def normalized_visits(potential, flow, blocks):
    """P(the chain visits x) for rates normalised coordinate by coordinate: flow h in, with its start; h G out."""
    blocks = Blocks(*blocks)
    size, length, offsets = uint64(blocks.vocab_size), uint64(blocks.length), blocks.offsets
    sums = np.empty(size**length)
    for members in range(ONE << length):
        first, last = offsets[members], offsets[members + ONE]
        masks, bit = length, ONE
        for _ in range(length):
            masks -= ONE if members & bit else ZERO
            bit <<= ONE
        stride, bit = ONE, ONE
        for _ in range(length):
            if members & bit:
                stride *= size
            else:
                child = offsets[members | bit]
                normalized_edge(potential, flow, first, child, masks, size, stride, sums[: last - first])
            bit <<= ONE
        for i in range(first, last):
            flow[i] *= potential[i]


@njit(cache=True)
def weighted_visits(flow, chain, blocks):
    """P(the chain visits x) with a rate on every edge; flow holds the start, and in the end the visits."""
    blocks, chain = Blocks(*blocks), ChainArrays(*chain)
    size, length, offsets, exits = uint64(blocks.vocab_size), uint64(blocks.length), blocks.offsets, chain.exits
    for members in range(ONE << length):
        first, last = offsets[members], offsets[members + ONE]
        here = flow[first:last]
        add_weighted_parents(here, flow, offsets, chain.weights, chain.weight_offsets, members, size, ONE)
        for i in range(first, last):
            if exits[i] > 0:
                flow[i] /= exits[i]
    for i in range(flow.size):
        if exits[i] > 0:
            flow[i] *= exits[i]


@njit(cache=True)
def exit_rates(exits, potential, blocks):
    """R = S / G on every state, zero on completed and on unreachable ones.

    For N = 2 sixteen states at a time: what a smaller block writes beyond its end the next ones write over.
    """
    blocks = Blocks(*blocks)
    size, length, offsets = uint64(blocks.vocab_size), uint64(blocks.length), blocks.offsets
    near, full = np.empty((3, length), np.uint64), (ONE << length) - ONE
    for members in range(full):
        first, n = offsets[members], offsets[members + ONE] - offsets[members]
        _, below = relatives(near, offsets, members, size, length)
        if size == TWO and length > FOUR:
            for i in range(ZERO, n, SIXTEEN):
                s = alike(0.0)
                for k in range(below):
                    s = plus_children(s, potential, near[1, k], i, near[2, k])
                keep(ratio(s, potential, first + i), exits, first + i)
            continue
        exits[first : first + n] = 0.0
        for k in range(below):
            add_child(exits[first : first + n], potential, near[1, k], size, near[2, k])
        for i in range(first, first + n):
            exits[i] = exits[i] / potential[i] if potential[i] > 0 else 0.0
    exits[offsets[full] :] = 0.0


@njit(cache=True)
def start_block(to, first, start, potential, width, nodes):
    """Put the start, divided by the potential, on the real parts of the first component of a block."""
    for i in range(uint64(to.size) // width):
        mass = start[first + i]
        if mass > 0 and potential.size:
            mass = mass / potential[first + i] if potential[first + i] > 0 else 0.0
        for k in range(nodes):
            to[i * width + k] = mass


@njit(cache=True)
def divide_block(to, exits, points, nodes, parts, slowest, fastest):
    """Divide every number of a block by s + R - slowest; see `resolvent` for the two parts."""
    width = TWO * nodes * parts
    for i in range(uint64(exits.size)):
        rate, at = exits[i], i * width
        if rate < slowest:
            for k in range(width):
                to[at + k] = 0.0
            continue
        if parts == TWO and rate < fastest:
            for k in range(TWO * nodes):
                to[at + TWO * nodes + k] += to[at + k]
                to[at + k] = 0.0
        rate = max(rate - slowest, 0.0)
        for part in range(parts):
            real, imaginary = at + part * TWO * nodes, at + part * TWO * nodes + nodes
            for k in range(ZERO, nodes, EIGHT):
                divide(to, real + k, imaginary + k, points, k, nodes, rate)


@njit(cache=True)
def resolvent(values, blocks, chain, start, points, slowest, fastest):
    """start (sI - Q)^{-1} for all nodes s at once, divided by the potential where there is one.

    points: [real parts, imaginary parts] of a multiple of eight nodes; values: the same, a row a state. Exit rates are
    taken less `slowest`, and states slower than that are removed. With a finite `fastest` a row has two parts: the
    second holds the paths that have visited a state slower than that, and the first the others. Without edge weights
    every weight is 1.
    """
    blocks, chain = Blocks(*blocks), ChainArrays(*chain)
    size, length, offsets = uint64(blocks.vocab_size), uint64(blocks.length), blocks.offsets
    nodes, parts = uint64(points.size) // TWO, ONE if np.isinf(fastest) else TWO
    width = TWO * nodes * parts
    for members in range(ONE << length):
        first, last = offsets[members], offsets[members + ONE]
        to = values[first * width : last * width]
        to[:] = 0.0
        if start.size:
            start_block(to, first, start, chain.potential, width, nodes)
        elif members == ZERO:
            to[:nodes] = 1.0
        if chain.weights.size:
            add_weighted_parents(to, values, offsets, chain.weights, chain.weight_offsets, members, size, width)
        else:
            add_parents(to, values, offsets, members, size, width)
        divide_block(to, chain.exits[first:last], points, nodes, parts, slowest, fastest)
