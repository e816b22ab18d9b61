"""Decoders that reveal a given number of coordinates a step: scores, proposals and the choice of positions."""

from __future__ import annotations

from math import exp, inf, log
from typing import NamedTuple

import numpy as np

from ..._compiled.jit import compiled
from ...methods.fixed_count import TIE
from ..task import PROPOSALS
from .conditionals import assign, hazards, load, refresh, row
from .draws import choose, fill_uniforms
from .grid import close, meet, revealed

RANDOM, CONFIDENCE, MARGIN, ENTROPY = range(4)


class Decoding(NamedTuple):
    """How many coordinates are revealed in each of K steps, with which noise of the positions; score; temperature."""

    counts: np.ndarray  # (K,)
    noises: np.ndarray  # (K,)
    score: int  # RANDOM, CONFIDENCE, MARGIN or ENTROPY
    temperature: float


@compiled
def decode(model, state, key, first, record, grid, decoding):
    """Run the steps. U of a coordinate's proposal is kept in `energy`, V in `choice`."""
    counts, noises, score, temperature = decoding
    mask, length = model.vocab_size, model.length
    for n in range(record.tokens.shape[0]):
        load(model, state, record.tokens[n])
        jumps = 0
        for k in range(grid.end.size):
            if counts[k] == 0:
                continue
            meet(record, hazards(model, state, grid.weight[k]), grid.length[k])
            refresh(model, state)
            fill_uniforms(key, first + n, k * length, PROPOSALS, state.energy, state.choice)
            for i in range(length):
                state.confidence[i] = 0.0 if state.hazard[i] > 0 else -inf
            for i in range(length if score != RANDOM or noises[k] > 0 else 0):
                if state.hazard[i] > 0:
                    if score != RANDOM:  # a call takes longer than the rest of a random order's loop
                        propose(model, state, i, grid.weight[k], score, temperature)
                    if noises[k] > 0:
                        gumbel = -log(-log(state.choice[i])) if state.choice[i] > 0 else -1e300
                        state.confidence[i] = state.confidence[i] / noises[k] + gumbel
            changes = False
            for _ in range(counts[k]):
                i = highest(state.confidence, state.choice, 0.0 if noises[k] > 0 else TIE)
                if i < 0:
                    break
                state.confidence[i] = -inf
                if score != CONFIDENCE:
                    total = row(model, state, i, grid.weight[k], state.rates)
                    state.times[i] = proposed(state.rates, total, temperature, state.energy[i])
                assign(model, state, i, state.times[i])
                revealed(record, n, i, grid.end[k])
                changes = True
            jumps += changes
        close(record, n, state.tokens, mask, jumps)


@compiled
def propose(model, state, i, j, score, temperature):
    """The score of coordinate i, and with CONFIDENCE its token in `times`, by U in `energy`."""
    total = row(model, state, i, j, state.rates)
    if score == MARGIN:
        state.confidence[i] = top_margin(state.rates, total)
    elif score == ENTROPY:
        state.confidence[i] = negative_entropy(state.rates, total)
    else:
        for v in range(model.vocab_size):
            state.target[v] = state.rates[v]
        token = proposed(state.rates, total, temperature, state.energy[i])
        state.times[i] = token
        state.confidence[i] = log(state.target[token] / total)


@compiled
def proposed(rates, total, temperature, uniform):
    """A token from q^(1/temperature), q = rates / total; rates are overwritten."""
    if temperature == 1:
        return choose(rates, total, uniform)
    top, total = 0.0, 0.0
    for v in range(rates.size):
        top = max(top, rates[v])
    for v in range(rates.size):
        below = log(rates[v] / top) if rates[v] > 0 else -inf
        if temperature > 0:
            rates[v] = exp(below / temperature)
        else:
            rates[v] = 1.0 if below >= -TIE else 0.0
        total += rates[v]
    return choose(rates, total, uniform)


@compiled
def top_margin(rates, total):
    """Largest q(v) minus the second largest."""
    top, second = 0.0, 0.0
    for v in range(rates.size):
        rate = rates[v] / total
        second = max(second, min(top, rate))
        top = max(top, rate)
    return top - second


@compiled
def negative_entropy(rates, total):
    """sum_v q(v) log q(v)."""
    result = 0.0
    for v in range(rates.size):
        q = rates[v] / total
        result += q * log(q) if q > 0 else 0.0
    return result


@compiled
def highest(scores, ties, tolerance):
    """Index of the largest score; within the tolerance the largest of `ties`, then the first; -1 if all are -inf."""
    top, best = -inf, -1
    for i in range(scores.size):
        top = max(top, scores[i])
    for i in range(scores.size):
        if scores[i] > -inf and scores[i] >= top - tolerance and (best < 0 or ties[i] > ties[best]):
            best = i
    return best
