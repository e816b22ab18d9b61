"""Exact methods: reveals one by one, at the clock at which the chain itself makes them.

Every kernel runs over segments of constant weight: `ends` (S,) in the clock, the last inf; segment s has weight s.
"""

from __future__ import annotations

from math import exp, inf, log, log1p

from ..._compiled.jit import compiled, summing
from ..task import CLOCKS, JUMPS
from .conditionals import assign, hazards, load, refresh, row
from .draws import choose, fill_clocks, uniforms
from .grid import close, meet, revealed


@compiled
def next_reaction(model, state, key, first, record, ends, weight_of):
    """Gillespie's chain: coordinate i is revealed when its hazard, summed over the clock, reaches E_i."""
    for n in range(record.tokens.shape[0]):
        masks = begin(model, state, key, first + n, record.tokens[n])
        now, s, jumps = 0.0, 0, 0
        meet(record, hazards(model, state, weight_of[0]), inf)
        while masks:
            i, wait = next_position(state.energy, state.hazard)
            if now + wait >= ends[s]:
                if s + 1 == ends.size:
                    break
                spend(state.energy, state.hazard, ends[s] - now)
                now, s = ends[s], s + 1
            else:
                spend(state.energy, state.hazard, wait)
                now += wait
                put(model, state, i, weight_of[s], state.choice[i])
                revealed(record, n, i, now)
                masks, jumps = masks - 1, jumps + 1
            meet(record, hazards(model, state, weight_of[s]), inf)
        close(record, n, state.tokens, model.vocab_size, jumps)


@compiled
def first_hitting(model, state, key, first, record, ends, weight_of):
    """Draw the level of the next reveal, then which coordinate it is: see methods/first_hitting.py."""
    for n in range(record.tokens.shape[0]):
        masks = begin(model, state, key, first + n, record.tokens[n])
        level, s, draw, jumps = 1.0, 0, 0, 0
        meet(record, hazards(model, state, weight_of[0]), inf)
        while masks:
            total = summed(state.hazard)
            if total == 0 and s + 1 == ends.size:
                break
            time, place = uniforms(key, first + n, draw, JUMPS)
            draw += 1
            level *= exp(log(time) / total) if total > 0 else 0.0
            if level < exp(-ends[s]):
                level, s = exp(-ends[s]), s + 1
            else:
                i = choose(state.hazard, total, place)
                put(model, state, i, weight_of[s], state.choice[i])
                revealed(record, n, i, -log(level))
                masks, jumps = masks - 1, jumps + 1
            meet(record, hazards(model, state, weight_of[s]), inf)
        close(record, n, state.tokens, model.vocab_size, jumps)


@compiled
def uniformization(model, state, key, first, record, ends, weight_of, bound):
    """Candidates at rate bound[s], each a jump with its rate's share of the bound, or nothing."""
    for n in range(record.tokens.shape[0]):
        masks = begin(model, state, key, first + n, record.tokens[n])
        now, s, draw, jumps = 0.0, 0, 0, 0
        meet(record, hazards(model, state, weight_of[0]), inf)
        total = summed(state.hazard)
        while masks:
            if total == 0 and s + 1 == ends.size:
                break
            time, place = uniforms(key, first + n, draw, JUMPS)
            draw += 1
            wait = -log1p(-time) / bound[s] if bound[s] > 0 else inf
            if now + wait >= ends[s]:
                now, s = ends[s], s + 1
            else:
                now += wait
                level = place * bound[s]
                if level >= total:
                    continue
                i, level = position_at(state.hazard, level)
                refresh(model, state)
                rate = row(model, state, i, weight_of[s], state.rates)
                assign(model, state, i, choose(state.rates, 1.0, min(level, rate * (1 - 1e-15))))
                revealed(record, n, i, now)
                masks, jumps = masks - 1, jumps + 1
            meet(record, hazards(model, state, weight_of[s]), inf)
            total = summed(state.hazard)
        close(record, n, state.tokens, model.vocab_size, jumps)


@compiled
def begin(model, state, key, trajectory, tokens):
    """Load the tokens a trajectory starts with and draw its clocks; the number of masks is returned."""
    load(model, state, tokens)
    masks = 0
    fill_clocks(key, trajectory, CLOCKS, state.energy, state.choice)
    for i in range(tokens.size):
        masks += tokens[i] == model.vocab_size
    return masks


@compiled
def put(model, state, i, j, uniform):
    """Reveal coordinate i."""
    refresh(model, state)
    total = row(model, state, i, j, state.rates)
    assign(model, state, i, choose(state.rates, total, uniform))


@compiled
def next_position(energy, hazard):
    """(coordinate, clock time) of the next reveal at these rates."""
    best, least = 0, inf
    for i in range(energy.size):
        if hazard[i] > 0 and energy[i] < least * hazard[i]:
            best, least = i, energy[i] / hazard[i]
    return best, least


@summing
def spend(energy, hazard, time):
    """Take the hazard met in a clock time off every waiting time."""
    for i in range(energy.size):
        energy[i] -= hazard[i] * time


@compiled
def summed(hazard):
    """Exit rate R, the hazards summed from the left so that every engine rounds alike."""
    total = 0.0
    for i in range(hazard.size):
        total += hazard[i]
    return total


@compiled
def position_at(hazard, level):
    """The coordinate in which a level of the cumulative hazard lies, and how far into it."""
    last, reached, before = 0, 0.0, 0.0
    for i in range(hazard.size):
        if hazard[i] > 0:
            last, before = i, reached
            reached += hazard[i]
            if reached > level:
                break
    return last, level - before
