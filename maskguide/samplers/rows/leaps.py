"""Steps in which coordinates are revealed, and perhaps masked again, each on its own given the start of the step."""

from __future__ import annotations

from math import exp, inf, log1p, nan

from ...methods.euler import ROUND_OFF
from ..task import CLOCKS, REMASK
from .compiled import compiled, summing
from .conditionals import assign, hazards, hide, load, refresh, row
from .draws import choose, clock, uniforms
from .grid import CLIPPED, close, meet, revealed

LINEAR, EULER, POSTERIOR_PRODUCT = range(3)


@compiled
def spent(form, hazard, fraction):
    """Hazard that a step takes off a waiting time, -log(1 - p): see methods/euler.py and posterior_product.py."""
    if form == EULER:
        chance = hazard * fraction
        return inf if chance > 1 - ROUND_OFF else -log1p(-chance)
    if hazard == 0 or fraction == 1:
        return inf if hazard > 0 else 0.0
    return log1p(hazard * fraction / (1 - fraction))


@compiled
def leap(model, state, key, first, record, grid, form, pace, sigma, remasks, by_confidence):
    """Run the steps of `grid`.

    With the form LINEAR a step takes Z pace[k] off a waiting time: how many steps pass until the first reveal is then
    known at once, and idle steps cost nothing. Otherwise `spent` is taken off, step by step. sigma (K,) are
    probabilities of being masked again, divided among coordinates by their confidence if so asked.
    """
    length, mask = model.length, model.vocab_size
    energy, choice, hazard, rates = state.energy, state.choice, state.hazard, state.rates
    times, now, given, confidence = state.times, state.since, state.given, state.confidence
    for n in range(record.tokens.shape[0]):
        load(model, state, record.tokens[n])
        masks, jumps, weight = 0, 0, -1
        for i in range(length):
            given[i], times[i], confidence[i], now[i] = state.tokens[i] != mask, 0, inf, -1
            if not given[i]:
                energy[i], choice[i] = clock(key, first + n, i, CLOCKS)
                masks += 1
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
                for i in range(length):
                    if hazard[i] == 0:
                        continue
                    if form == LINEAR:
                        cost = hazard[i] * met
                    else:
                        cost = spent(form, hazard[i], grid.fraction[k])
                        record.found[CLIPPED] += form == EULER and hazard[i] * grid.fraction[k] > 1 + ROUND_OFF
                    if not energy[i] < cost:
                        energy[i] -= cost
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
    """Take the hazard met so far off every waiting time."""
    for i in range(energy.size):
        if hazard[i] > 0:
            energy[i] -= hazard[i] * met


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
