"""Trajectories of the lattice engine side by side: where each is, how it enters, and how its tokens are revealed.

Indices are unsigned (no wrap-around to check).
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from llvmlite import ir
from numba import uint64
from numba.core import types
from numba.extending import intrinsic

from ..._compiled.jit import njit

ZERO, ONE, TWO, MANY, WINDOW = uint64(0), uint64(1), uint64(2), uint64(64), uint64(8)
REVEALED = -1.0  # in the place of what is left of a waiting time


class RateTables(NamedTuple):
    """Rates at W weights, made by :func:`.rate_tables.rate_tables`.

    Attributes
    ----------
    size : N; powers (D + 1,): N^0 ... N^D
    offsets (2^D + 1,), rows: where each revealed set's rows start, and the rows of all weights, flat
    stride : how far the rows of the next weight are
    """

    size: np.uint64
    powers: np.ndarray
    offsets: np.ndarray
    rows: np.ndarray
    stride: np.uint64


class Output(NamedTuple):
    """As :class:`.task.Batch`. tokens hold the start, reveal_clock (0, D) records nothing; largest, clipped (1,).

    `only_masks`: whether nothing is given, of two positions or more.
    """

    only_masks: bool
    tokens: np.ndarray
    completion: np.ndarray
    jumps: np.ndarray
    reveal_clock: np.ndarray
    largest: np.ndarray
    clipped: np.ndarray


# Where a trajectory is: its state's revealed set, place in it, masks and row of rates, where its weight's rows start;
# segment, step and clock; and what comes next.
TRAJECTORY = np.dtype(
    [(name, np.uint64) for name in ("members", "index", "masks", "row", "table", "segment", "step", "place")]
    + [(name, np.float64) for name in ("clock", "time", "hazard")]
)


class Block(NamedTuple):
    """Trajectories side by side: one column each of the draws, one row of the rest.

    `remaining` is what is left of E of each masked coordinate, in order, and `masked` which they are; `time`, `place`
    and `step` are when, where and in which step the first reveal is, `others` how many more that step has.
    """

    clocks: np.ndarray
    choices: np.ndarray
    remaining: np.ndarray
    masked: np.ndarray
    trajectories: np.ndarray
    active: np.ndarray
    time: np.ndarray
    place: np.ndarray
    step: np.ndarray
    others: np.ndarray


@intrinsic
def prefetch(typing, array, index):
    """Have the cache line of array[index] loaded meanwhile."""

    def generate(context, builder, signature, arguments):
        byte, word = ir.IntType(8).as_pointer(), ir.IntType(32)
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        kind = ir.FunctionType(ir.VoidType(), [byte, word, word, word])
        prefetch = builder.module.globals.get("llvm.prefetch.p0") or ir.Function(
            builder.module, kind, "llvm.prefetch.p0"
        )
        place = builder.bitcast(builder.gep(data, [arguments[1]]), byte)
        builder.call(prefetch, [place, *(ir.Constant(word, option) for option in (0, 3, 1))])  # read, keep, data
        return context.get_dummy_value()

    return types.void(array, index), generate


@njit
def first_above(values, at, width, bound):
    """How many of values[at : at + width], which increase, do not exceed the bound: by halves, by eights, one by one.

    No branch to mispredict up to 64.
    """
    base = at
    while width > MANY:
        half = width // TWO
        base = base + half if values[base + half - ONE] <= bound else base
        width -= half
    if width > WINDOW:
        before = ZERO
        for v in range(base + WINDOW - ONE, base + width, WINDOW):
            before += WINDOW * uint64(values[v] <= bound)
        base += min(before, width - WINDOW)
        width = WINDOW
    count = base - at
    for v in range(width):
        count += uint64(values[base + v] <= bound)
    return count


@njit
def inserted(index, stride, token, size):
    """A state's place in its revealed set after a reveal: the token is the new digit of that stride."""
    return index * size - (index % stride) * (size - ONE) + token * stride


def new_block(length: int, count: int) -> Block:
    """Arrays for a block of trajectories that advance side by side."""
    return Block(
        clocks=np.empty((length, count)),
        choices=np.empty((length, count)),
        remaining=np.empty((count, length)),
        masked=np.empty((count, length), np.uint8),
        trajectories=np.empty(count, TRAJECTORY),
        active=np.empty(count, np.uint64),
        time=np.empty(count),
        place=np.empty(count, np.uint64),
        step=np.empty(count, np.uint64),
        others=np.empty(count, np.uint64),
    )


@njit(inline="always")
def batch_size(block, output, begin):
    """How many trajectories from `begin` on the block takes."""
    return min(uint64(block.active.size), uint64(output.tokens.shape[0]) - begin)


@njit(inline="always")
def place_at_start(block, rates, grid, output, j, n):
    """Put a trajectory at its given tokens at clock 0; how many masks it has."""
    masks, members, index, size = ZERO, ZERO, ZERO, rates.size
    for i in range(uint64(output.tokens.shape[1])):
        token = uint64(output.tokens[n, i])
        if token == size:
            block.masked[j, masks], block.remaining[j, masks] = i, block.clocks[i, j]
            masks += ONE
        else:
            members |= ONE << i
            index = index * size + token
    output.completion[n], output.jumps[n] = 0.0 if masks == ZERO else np.inf, 0
    trajectory = block.trajectories[j]
    trajectory.clock, trajectory.step, trajectory.row, trajectory.table = 0.0, ZERO, ZERO, ZERO
    switch_weight(trajectory, rates, grid, ZERO)
    set_state(trajectory, rates, members, index, masks)
    return masks


@njit(inline="always")
def set_state(trajectory, rates, members, index, masks):
    """Let a trajectory be at a state, which has a row of rates."""
    row = trajectory.table + rates.offsets[members] + index * masks * rates.size
    trajectory.members, trajectory.index, trajectory.masks, trajectory.row = members, index, masks, row


@njit(inline="always")
def switch_weight(trajectory, rates, grid, segment):
    """Let a trajectory be in a segment, among the rows of its weight."""
    table = grid.table[segment] * rates.stride
    trajectory.row += table - trajectory.table
    trajectory.table, trajectory.segment = table, segment


@njit(inline="always")
def settle(block, trajectory, rates, output, j, n, row, end):
    """Reveal at the clock `end` the coordinates marked, all by the rates of the state before; whether any is left."""
    masks, length, width = trajectory.masks, uint64(output.tokens.shape[1]), rates.size - ONE
    members, index, p = trajectory.members, trajectory.index, ZERO
    for q in range(masks):
        i = uint64(block.masked[j, q])
        if block.remaining[j, q] != REVEALED:
            block.remaining[j, p], block.masked[j, p] = block.remaining[j, q], i
            p += ONE
            continue
        token = first_above(rates.rows, row + masks + q * width, width, block.choices[i, j])
        index = inserted(index, rates.powers[length - i - masks + q], token, rates.size)
        members |= ONE << i
        output.tokens[n, i] = token
        if output.reveal_clock.shape[0] > 0:
            output.reveal_clock[n, i] = end
    output.jumps[n] += p < masks
    if p == ZERO:
        output.completion[n] = end
    trajectory.clock = end
    set_state(trajectory, rates, members, index, p)
    return p > ZERO
