"""Compiled kernels of the lattice engine. A block of trajectories goes through its events side by side.

What a trajectory reads next is asked for as soon as it is known, and read when the others of the block have had their
turn: memory works meanwhile. Nothing is shared between trajectories, so blocks and threads do not show.
"""

# pyright: reportCallIssue=false
# (an intrinsic has the typing context as a first parameter, which callers do not give)

from __future__ import annotations

from math import exp

import numpy as np
from numba import uint64

from ..._compiled.jit import njit
from ..._compiled.philox import fill
from .ends import initialize, last_event
from .grid import note_hazards, step_at
from .state import (
    ONE,
    REVEALED,
    ZERO,
    batch_size,
    first_above,
    inserted,
    place_at_start,
    prefetch,
    set_state,
    settle,
    switch_weight,
)

ROUND_OFF = 1e-12  # as in methods.euler


@njit(inline="always")
def plan(block, rates, grid, running):
    """Which coordinate is due first at constant hazards, and after what time; inf where none has a positive hazard."""
    remaining, values = block.remaining, rates.rows
    for a in range(running):
        j = block.active[a]
        trajectory = block.trajectories[j]
        masks, time, place, largest = trajectory.masks, np.inf, ZERO, 0.0
        row = trajectory.row
        for q in range(masks):
            hazard = values[row + q]
            t = remaining[j, q] / hazard
            place = q if t < time else place
            time = t if t < time else time
            largest = hazard if hazard > largest else largest
        trajectory.time, trajectory.place, trajectory.hazard = time, place, largest
        prefetch(values, row + masks + place * (rates.size - ONE))


@njit(inline="always")
def react(block, rates, grid, output, begin, running):
    """The next event of each trajectory: a reveal, or the end of its segment. How many go on.

    Gillespie reveals the first coordinate due when it is due; a leap at the end of that step, with all others due by
    then, and skips the idle steps before.
    """
    left, leaping = ZERO, grid.step_ends.size > 0
    for a in range(running):
        j = block.active[a]
        trajectory = block.trajectories[j]
        s, end = trajectory.segment, trajectory.clock + trajectory.time
        row = trajectory.row
        if end < grid.ends[s]:
            time, alone = trajectory.time, True
            if leaping:
                k = max(step_at(grid, end), trajectory.step)
                note_hazards(trajectory, grid, output, k)
                end = grid.step_ends[k]
                time = end - trajectory.clock
                alone = is_alone(block, trajectory, rates, j, row, time)
            if alone:
                reveal(block, trajectory, rates, output, (j, begin + j), row, time, end)
                goes_on = True
            else:
                consume(block, trajectory, rates, j, row, time)
                goes_on = settle(block, trajectory, rates, output, j, begin + j, row, end)
        else:
            note_hazards(trajectory, grid, output, grid.last[s])
            goes_on = wait(block, trajectory, rates, grid, j)
        if goes_on:
            prefetch(rates.rows, trajectory.row)
            prefetch(rates.rows, trajectory.row + trajectory.masks - ONE)
            block.active[left] = j
            left += ONE
    return left


@njit(inline="always")
def is_alone(block, trajectory, rates, j, row, time):
    """Whether only the first coordinate due is due within a time, which is finite."""
    others = uint64(time == np.inf)
    for q in range(trajectory.masks):
        others += uint64((block.remaining[j, q] < rates.rows[row + q] * time) & (q != trajectory.place))
    return others == ZERO


@njit(inline="always")
def wait(block, trajectory, rates, grid, j):
    """Go to the end of the segment without a reveal; whether another one follows."""
    following, end = trajectory.segment + ONE, grid.ends[trajectory.segment]
    if following == uint64(grid.ends.size):
        return False
    for q in range(trajectory.masks):
        block.remaining[j, q] -= rates.rows[trajectory.row + q] * (end - trajectory.clock)
    trajectory.clock = end
    switch_weight(trajectory, rates, grid, following)
    return True


@njit(inline="always")
def reveal(block, trajectory, rates, output, at, row, time, end):
    """Reveal the first coordinate due, alone, at the clock `end`; the others lose `time`, and some are left.

    `at`: the trajectory's place in the block, and in the output.
    """
    j, n = at
    length, width, masks, place = uint64(output.tokens.shape[1]), rates.size - ONE, trajectory.masks, trajectory.place
    i = uint64(block.masked[j, place])
    token = first_above(rates.rows, row + masks + place * width, width, block.choices[i, j])
    output.tokens[n, i] = token
    output.jumps[n] += 1
    if output.reveal_clock.shape[0] > 0:
        output.reveal_clock[n, i] = end
    for q in range(masks):
        p = q - uint64(q > place)
        block.remaining[j, p] = block.remaining[j, q] - rates.rows[row + q] * time
        block.masked[j, p] = block.masked[j, q]
    trajectory.clock = end
    index = inserted(trajectory.index, rates.powers[length - i - masks + place], token, rates.size)
    set_state(trajectory, rates, trajectory.members | (ONE << i), index, masks - ONE)


@njit(inline="always")
def consume(block, trajectory, rates, j, row, time):
    """Take a step's time off every waiting time; those that it exceeds are marked."""
    for q in range(trajectory.masks):
        used = rates.rows[row + q] * time if rates.rows[row + q] > 0 else 0.0
        left = block.remaining[j, q]
        block.remaining[j, q] = left - used if left >= used else REVEALED


@njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
def events(key, first, antithetic, rates, grid, output, block):
    """Gillespie's chain, and tau-leaping, which is the same chain with its reveals moved to the end of their step.

    A coordinate is revealed when its hazards, summed over time, exceed E; in a leap the others of that step follow.
    """
    for begin in range(ZERO, uint64(output.tokens.shape[0]), uint64(block.active.size)):
        fill(block.clocks, block.choices, key[0], key[1], first + begin, antithetic)
        running = initialize(block, rates, grid, output, begin)
        while running > ZERO:
            running = last_event(block, rates, grid, output, begin, running)
            plan(block, rates, grid, running)
            running = react(block, rates, grid, output, begin, running)


@njit(cache=True, nogil=True, error_model="numpy", _nrt=False)
def steps(key, first, antithetic, rates, grid, output, block):
    """Methods that declare a gain g, step by step: euler and posterior-product.

    A step multiplies the chance to be masked still by 1 + g Z, or by its inverse if g > 0: products in the place of
    sums of logarithms. With g < 0 a coordinate is revealed when the product of the factors falls below e^-E, with g > 0
    when it exceeds e^E.
    """
    for begin in range(ZERO, uint64(output.tokens.shape[0]), uint64(block.active.size)):
        fill(block.clocks, block.choices, key[0], key[1], first + begin, antithetic)
        for j in range(batch_size(block, output, begin)):
            if place_at_start(block, rates, grid, output, j, begin + j) > ZERO:
                take_steps(block, rates, grid, output, j, begin + j)


@njit(inline="always")
def take_steps(block, rates, grid, output, j, n):
    """One trajectory, step by step; `remaining` is the product times e^E, or its inverse."""
    trajectory, falls = block.trajectories[j], grid.gains[0] < 0
    for q in range(trajectory.masks):
        block.remaining[j, q] = exp(block.remaining[j, q] if falls else -block.remaining[j, q])
    for k in range(uint64(grid.step_ends.size)):
        if k > grid.last[trajectory.segment]:
            switch_weight(trajectory, rates, grid, trajectory.segment + ONE)
        row, some, largest = trajectory.row, False, 0.0
        for q in range(trajectory.masks):
            hazard = rates.rows[row + q]
            largest = hazard if hazard > largest else largest
            if hazard > 0:
                change = 1.0 + hazard * grid.gains[k]
                output.clipped[0] += falls and change < -ROUND_OFF
                left = block.remaining[j, q] * (change if change > ROUND_OFF else 0.0)
                block.remaining[j, q] = REVEALED if (left < 1 if falls else left > 1) else left
                some |= block.remaining[j, q] == REVEALED
        output.largest[0] = max(output.largest[0], largest * grid.longest[0, k])
        if some and not settle(block, trajectory, rates, output, j, n, row, grid.step_ends[k]):
            return
