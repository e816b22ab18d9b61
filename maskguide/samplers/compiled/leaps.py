"""Steps in which coordinates are revealed, and perhaps masked again, each on its own given the start of the step."""

from __future__ import annotations

from math import exp, inf, nan
from typing import NamedTuple

import numpy as np

from ..._compiled.jit import compiled, summing
from ...methods.euler import ROUND_OFF
from ..task import CLOCKS, REMASK
from .conditionals import assign, hazards, hide, refresh, row
from .draws import choose, clock, uniforms
from .grid import CLIPPED, close, meet, revealed
from .jumps import begin

LINEAR, FALLS, RISES = range(3)


class Leaps(NamedTuple):
    """How K steps reveal and mask again: see :func:`leap`."""

    form: int  # LINEAR, FALLS or RISES
    pace: np.ndarray  # (K,)
    sigma: np.ndarray  # (K,)
    remasks: bool
    by_confidence: bool


@compiled
def leap(model, state, key, first, record, grid, leaps):
    """Run the steps of `grid`.

    With the form LINEAR a step takes Z pace[k] off a waiting time: how many steps pass until the first reveal is then
    known at once, and idle steps cost nothing. Otherwise pace[k] is the method's gain, and `energy` the product times
    e^E, or its inverse, step by step, as in :func:`maskguide.samplers.tables.kernels.steps`. Negative: to be revealed.
    sigma (K,) are probabilities of being masked again, divided among coordinates by their confidence if so asked.
    """
    length, mask = model.length, model.vocab_size
    form, pace, sigma, remasks, by_confidence = leaps
    energy, choice, hazard, rates = state.energy, state.choice, state.hazard, state.rates
    times, now, given, confidence = state.times, state.since, state.given, state.confidence
    for n in range(record.tokens.shape[0]):
        masks, jumps, weight = begin(model, state, key, first + n, record.tokens[n]), 0, -1
        for i in range(length):
            given[i], times[i], confidence[i], now[i] = state.tokens[i] != mask, 0, inf, -1
            if form != LINEAR:
                energy[i] = exp(energy[i] if form == FALLS else -energy[i])
        met, wait, largest = 0.0, 0.0, 0.0
        for k in range(grid.end.size):
            if masks == 0 and not remasks:
                break
            if grid.weight[k] != weight:
                if met > 0:
                    pay(energy, hazard, met)
                weight = grid.weight[k]
                largest = hazards(model, state, weight)
                met, wait = 0.0, shortest(energy, hazard)
            meet(record, largest, grid.length[k])
            changes = False
            if form == LINEAR:
                met += pace[k]
            if form != LINEAR or wait < met:
                if form == LINEAR:
                    due = pay(energy, hazard, met)
                else:
                    due = multiply(energy, hazard, pace[k], form == FALLS)
                    if form == FALLS and largest * grid.fraction[k] > 1 + ROUND_OFF:
                        record.found[CLIPPED] += clipped(hazard, grid.fraction[k])
                for i in range(length if due else 0):
                    if hazard[i] == 0 or energy[i] >= 0:
                        continue
                    if not changes:
                        refresh(model, state)
                    changes = True
                    total = row(model, state, i, weight, rates)
                    token = choose(rates, total, choice[i])
                    confidence[i] = rates[token] / total
                    now[i] = k
                    masks -= 1
                    assign(model, state, i, token)
                    revealed(record, n, i, grid.end[k])
                met = 0.0
            if sigma[k] > 0:
                share = confidence_total(confidence, now, k) if by_confidence else 1.0
                for i in range(length):
                    if state.tokens[i] == mask or given[i] or now[i] == k:
                        continue
                    chance = sigma[k] * exp(-confidence[i]) / share if by_confidence else sigma[k]
                    if uniforms(key, first + n, k * length + i, REMASK)[0] < chance:
                        if met > 0:
                            pay(energy, hazard, met)
                            met = 0.0
                        changes = True
                        hide(model, state, i)
                        times[i] += 1
                        masks += 1
                        confidence[i] = inf
                        energy[i], choice[i] = clock(key, first + n, times[i] * length + i, CLOCKS)
                        if record.reveals.shape[1]:
                            record.reveals[n, i] = nan
            if changes:
                jumps += 1
                largest = hazards(model, state, weight)
                wait = shortest(energy, hazard)
            elif met == 0.0:
                wait = shortest(energy, hazard)
        close(record, n, state.tokens, mask, jumps)


@compiled
def pay(energy, hazard, met):
    """Take the hazard met so far off every waiting time; how many of them are over."""
    over = 0
    for i in range(energy.size):
        left = energy[i] - hazard[i] * met
        energy[i] = left if hazard[i] > 0 else energy[i]
        over += energy[i] < 0
    return over


@compiled
def multiply(energy, hazard, gain, falls):
    """Multiply what is left by 1 + g Z, and mark what has passed 1; how many."""
    over = 0
    for i in range(energy.size):
        change = 1.0 + hazard[i] * gain
        left = energy[i] * (change if change > ROUND_OFF else 0.0)
        passed = (left < 1.0 if falls else left > 1.0) & (hazard[i] > 0)
        energy[i] = -1.0 if passed else (left if hazard[i] > 0 else energy[i])
        over += passed
    return over


@compiled
def clipped(hazard, fraction):
    """How many reveal probabilities Z a are above one."""
    count = 0
    for i in range(hazard.size):
        count += hazard[i] * fraction > 1 + ROUND_OFF
    return count


@summing
def shortest(energy, hazard):
    """Clock time to the first reveal at these rates."""
    least = inf
    for i in range(energy.size):
        time = energy[i] / (hazard[i] if hazard[i] > 0 else 1.0)
        time = time if hazard[i] > 0 else inf
        least = time if time < least else least
    return least


@compiled
def confidence_total(confidence, now, k):
    """Sum of exp(-psi) over coordinates revealed before step k."""
    total = 0.0
    for i in range(confidence.size):
        if now[i] != k:
            total += exp(-confidence[i])
    return total
