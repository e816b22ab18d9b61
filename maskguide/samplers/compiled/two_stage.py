"""Two-stage leaps: to a point x* inside the step, then on at rates combined from both points: methods/theta.py."""

from __future__ import annotations

from math import expm1
from typing import NamedTuple

import numpy as np

from ..._compiled.jit import compiled, copy
from ..task import INSIDE
from .conditionals import assign, load, refresh, row
from .draws import choose, uniforms
from .grid import close, meet, revealed
from .jumps import begin
from .powers import largest


@compiled
def hazard_met(hazard, length):
    """Z h; nothing where Z = 0, also in a step to data."""
    return hazard * length if hazard > 0 else 0.0


@compiled
def combine(before, after, here, there, out):
    """(here r(x) + there r(x*))_+ into `out`; the sum is returned."""
    total = 0.0
    for v in range(out.size):
        rate = here * before[v] + there * after[v]
        out[v] = rate if rate > 0 else 0.0
        total += out[v]
    return total


@compiled
def rows_at(model, state, j, out):
    """Rates of all masked coordinates at the last refresh, and their hazards."""
    for i in range(model.length):
        state.hazard[i] = 0.0
        if state.tokens[i] == model.vocab_size:
            state.hazard[i] = row(model, state, i, j, out[i])


class TwoLeaps(NamedTuple):
    """Clock times of the two leaps of K steps, and the second one's rates: here r(x) + there r(x*)."""

    lengths: np.ndarray  # (2, K)
    here: float
    there: float
    stays: bool  # the second leap leaves from x


@compiled
def two_stage(model, state, key, first, record, inside, grid, leaps):
    """Run the steps.

    stays: theta-rk2, whose x* is forgotten, at draws of its own; otherwise theta-trapezoidal leaves from x*.
    """
    mask, length = model.vocab_size, model.length
    lengths, here, there, stays = leaps
    for n in range(record.tokens.shape[0]):
        masks, jumps, weight = begin(model, state, key, first + n, record.tokens[n]), 0, -1
        changes = True
        for k in range(grid.end.size):
            if masks == 0:
                break
            if changes or grid.weight[k] != weight:
                weight = grid.weight[k]
                refresh(model, state)
                rows_at(model, state, weight, state.before)
            changes = False
            meet(record, largest(state.hazard), grid.length[k])
            if stays:
                moved = leap_inside(model, state, inside, lengths[0, k], key, first + n, k)
                refresh(model, inside)
                for i in range(length):
                    if state.tokens[i] != mask:
                        continue
                    before, after, total = state.before[i], state.rates, state.hazard[i]
                    if moved and inside.tokens[i] == mask:
                        row(model, inside, i, weight, inside.rates)
                        total = combine(before, inside.rates, here, there, after)
                    elif moved:
                        total = combine(before, before, here, 0.0, after)
                    else:
                        copy(before, after)
                    changes |= fire(model, state, i, total, hazard_met(total, lengths[1, k]), record, n, grid.end[k])
            else:
                for i in range(length):
                    if state.tokens[i] == mask:
                        copy(state.before[i], state.rates)
                        cost = hazard_met(state.hazard[i], lengths[0, k])
                        changes |= fire(model, state, i, state.hazard[i], cost, record, n, grid.end[k])
                refresh(model, state)
                moved = changes
                for i in range(length):
                    if state.tokens[i] == mask:
                        total = state.hazard[i]
                        if moved:
                            row(model, state, i, weight, inside.rates)
                            total = combine(state.before[i], inside.rates, here, there, state.rates)
                        else:
                            copy(state.before[i], state.rates)
                        changes |= fire(
                            model, state, i, total, hazard_met(total, lengths[1, k]), record, n, grid.end[k]
                        )
            jumps += changes
            masks = 0
            for i in range(length):
                masks += state.tokens[i] == mask
        close(record, n, state.tokens, mask, jumps)


@compiled
def fire(model, state, i, total, cost, record, n, end):
    """Reveal coordinate i from `state.rates` if its waiting time is over; whether it was."""
    if not state.energy[i] < cost:
        state.energy[i] -= cost
        return False
    assign(model, state, i, choose(state.rates, total, state.choice[i]))
    revealed(record, n, i, end)
    return True


@compiled
def leap_inside(model, state, inside, length, key, trajectory, k):
    """x* of theta-rk2 in `inside`; whether it is another state than x."""
    moved = False
    for i in range(model.length):
        inside.since[i] = -1
        if state.tokens[i] == model.vocab_size:
            time, place = uniforms(key, trajectory, k * model.length + i, INSIDE)
            if time < -expm1(-hazard_met(state.hazard[i], length)):
                inside.since[i] = choose(state.before[i], state.hazard[i], place)
                moved = True
    if moved:
        load(model, inside, state.tokens)
        for i in range(model.length):
            if inside.since[i] >= 0:
                assign(model, inside, i, inside.since[i])
    return moved
