"""The first and the last reveal of the lattice engine's trajectories, which take less than those in between.

From fully masked all have the same hazards, so that when and where each reveals first is found in plain loops that
become vector code; a last mask is alone. What these pass over (several reveals in a step, the end of a segment) stays
as it was, for the general loop of :mod:`.lattice_kernels`.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

import numpy as np
from numba import uint64

from ..._compiled.jit import njit
from .grid import longest_step, step_at
from .state import ONE, ZERO, batch_size, first_above, place_at_start, prefetch, set_state


@njit(inline="always")
def initialize(block, rates, grid, output, begin):
    """Put trajectories begin, ... at their start or, from fully masked, at their first reveal; how many go on."""
    row, running, latest = grid.table[0] * rates.stride, ZERO, ZERO
    for j in range(block.time.size):
        block.time[j], block.place[j], block.step[j], block.others[j] = np.inf, ZERO, ZERO, ZERO
    if output.only_masks:
        find_soonest(block, rates, row)
        if grid.step_ends.size > 0:
            move_to_step_ends(block, rates, grid, row)
    for j in range(batch_size(block, output, begin)):
        block.active[running] = j
        if (block.time[j] < grid.ends[0]) & (block.others[j] == ZERO):
            reveal_first(block, rates, grid, output, j, begin + j, row)
            latest = max(latest, block.step[j] + ONE)
            running += ONE
        elif place_at_start(block, rates, grid, output, j, begin + j) > ZERO:
            running += ONE
    if latest > ZERO and grid.step_ends.size > 0:
        for q in range(uint64(output.tokens.shape[1])):
            hazard_step = rates.rows[row + q] * longest_step(grid, ZERO, latest - ONE)
            output.largest[0] = max(output.largest[0], hazard_step)
    return running


@njit(inline="always")
def find_soonest(block, rates, row):
    """When the first coordinate is due, and which, at the hazards of one row."""
    time, place = block.time, block.place
    for q in range(uint64(block.clocks.shape[0])):
        hazard, waiting = rates.rows[row + q], block.clocks[q]
        for j in range(time.size):
            t = waiting[j] / hazard
            place[j] = q if t < time[j] else place[j]
            time[j] = t if t < time[j] else time[j]


@njit(inline="always")
def move_to_step_ends(block, rates, grid, row):
    """Move each first reveal to the end of its step; how many others are due by then, some if that is never."""
    time, place, step, others = block.time, block.place, block.step, block.others
    for j in range(time.size):
        soon = time[j] < grid.ends[0]
        step[j] = step_at(grid, time[j] if soon else 0.0)
        time[j] = grid.step_ends[step[j]] if soon else np.inf
        others[j] = uint64(time[j] == np.inf)
    for q in range(uint64(block.clocks.shape[0])):
        hazard, waiting = rates.rows[row + q], block.clocks[q]
        for j in range(time.size):
            others[j] += uint64((waiting[j] < hazard * time[j]) & (q != place[j]))


@njit(inline="always")
def reveal_first(block, rates, grid, output, j, n, row):
    """Reveal the first coordinate due, alone, of a trajectory that is fully masked."""
    length, width, time, place = uint64(output.tokens.shape[1]), rates.size - ONE, block.time[j], block.place[j]
    token = first_above(rates.rows, row + length + place * width, width, block.choices[place, j])
    output.tokens[n, place] = token
    output.completion[n], output.jumps[n] = np.inf, 1
    if output.reveal_clock.shape[0] > 0:
        output.reveal_clock[n, place] = time
    for p in range(length - ONE):
        q = p + uint64(p >= place)
        block.remaining[j, p] = block.clocks[q, j] - rates.rows[row + q] * time
        block.masked[j, p] = q
    trajectory = block.trajectories[j]
    trajectory.clock, trajectory.segment, trajectory.table, trajectory.step = time, ZERO, row, block.step[j] + ONE
    set_state(trajectory, rates, ONE << place, token, length - ONE)
    prefetch(rates.rows, trajectory.row)


@njit(inline="always")
def last_event(block, rates, grid, output, begin, running):
    """Reveal the last mask of those that have one left and do so within their segment. How many go on."""
    left, width, largest = ZERO, rates.size - ONE, output.largest[0]
    for a in range(running):
        j = block.active[a]
        trajectory = block.trajectories[j]
        hazard = rates.rows[trajectory.row]
        end = trajectory.clock + block.remaining[j, 0] / hazard
        if (trajectory.masks > ONE) | (not end < grid.ends[trajectory.segment]):
            block.active[left] = j
            left += ONE
            continue
        if grid.step_ends.size > 0:
            k = max(step_at(grid, end), trajectory.step)
            largest = max(largest, hazard * longest_step(grid, trajectory.step, k))
            end = grid.step_ends[k]
        n, i = begin + j, uint64(block.masked[j, 0])
        output.tokens[n, i] = first_above(rates.rows, trajectory.row + ONE, width, block.choices[i, j])
        output.completion[n], output.jumps[n] = end, output.jumps[n] + 1
        if output.reveal_clock.shape[0] > 0:
            output.reveal_clock[n, i] = end
    output.largest[0] = largest
    return left
