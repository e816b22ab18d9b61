"""What every kind of problem answers, compiled: put or hide a token, and the rates of masked coordinates.

Tokens are written at once, rates follow at the next `refresh`: a step reveals coordinates one by one while all of
them see its start. `hazards` and `row` give rates at the state of the last `refresh`.
"""

from __future__ import annotations

from math import inf

from ..._compiled.jit import compiled, copy, inlined
from .chain import chain_row, update_messages, weigh_classes
from .mixture import add_seen, count_mixture, mixture_hazards, mixture_row, posteriors
from .model import CHAIN, HIGH, LOW, MIXTURE, RECOUNT, STALE, TABLE
from .powers import largest
from .table import state_index


@compiled
def load(model, state, tokens):
    """Start from given tokens."""
    copy(tokens, state.tokens)
    if model.kind == TABLE:
        state.index[0] = state_index(model.table, tokens)
    state.flags[STALE], state.flags[RECOUNT] = 1, 1
    state.flags[LOW], state.flags[HIGH] = 0, tokens.size - 1


@inlined
def assign(model, state, i, token):
    """Coordinate i, a mask, becomes a token."""
    state.tokens[i] = token
    if model.kind == TABLE:
        state.index[0] += (token - model.vocab_size) * model.table.strides[i]
    elif model.kind == MIXTURE:
        add_seen(model.mixture, state, i)
    changed(state, i)


@inlined
def hide(model, state, i):
    """Coordinate i, a token, becomes a mask."""
    if model.kind == TABLE:
        state.index[0] += (model.vocab_size - state.tokens[i]) * model.table.strides[i]
    state.tokens[i] = model.vocab_size
    state.flags[RECOUNT] = 1
    changed(state, i)


@inlined
def changed(state, i):
    """Note that coordinate i has changed, so that rates are computed anew before they are used."""
    state.flags[LOW] = min(state.flags[LOW], i)
    state.flags[HIGH] = max(state.flags[HIGH], i)
    state.flags[STALE] = 1


@inlined
def refresh(model, state):
    """Compute the rates anew if tokens have changed since."""
    if state.flags[STALE]:
        follow(model, state)


@compiled
def follow(model, state):
    """What `refresh` does when tokens have changed."""
    if model.kind == TABLE:
        state.index[1] = state.index[0]
    elif model.kind == MIXTURE:
        if state.flags[RECOUNT]:
            count_mixture(model.mixture, state)
        mixture = model.mixture
        state.share[0] = posteriors(state.logs, mixture.own, mixture.shared, state.weights)
    else:
        update_messages(model.chain, state, model.vocab_size, state.flags[LOW], state.flags[HIGH])
        weigh_classes(model.chain, state)
    state.flags[STALE], state.flags[RECOUNT] = 0, 0
    state.flags[LOW], state.flags[HIGH] = state.tokens.size, -1


@compiled
def row(model, state, i, j, out):
    """Rates (N,) of masked coordinate i at weight j, and their sum."""
    a, b = model.powers[j, 0], model.powers[j, 1]
    if model.kind == MIXTURE:
        return mixture_row(model.mixture, state, i, a, b, model.normalise, out)
    if model.kind == CHAIN:
        return chain_row(model.chain, state, i, a, b, model.normalise, out)
    copy(model.table.rates[j, state.index[1], i], out)
    return model.table.hazards[j, state.index[1], i]


@compiled
def is_possible(model, state, a):
    """Whether the target (at a = 0, the mixture) can have the tokens of a mixture's or chain's state.

    Coordinates revealed in one step need not go together; where they do not, no rate leads on.
    """
    if model.kind == CHAIN or state.flags[RECOUNT]:
        refresh(model, state)
    count = state.logs.size if a == 0 else model.mixture.own if model.kind == MIXTURE else 1
    for c in range(count):
        if state.logs[c] > -inf:
            return True
    return False


@compiled
def hazards(model, state, j):
    """state.hazard = Z (D,) at weight j after a refresh, zero where a token is; the largest is returned."""
    masked = 1.0 if model.unit[j] and is_possible(model, state, model.powers[j, 0]) else 0.0
    for i in range(state.tokens.size):
        state.hazard[i] = masked if state.tokens[i] == model.vocab_size else 0.0
    if not model.unit[j]:
        refresh(model, state)
        if model.kind == MIXTURE:
            mixture_hazards(model.mixture, state, model.powers[j, 0], model.powers[j, 1], model.normalise)
        else:
            for i in range(state.tokens.size):
                if state.tokens[i] == model.vocab_size:
                    state.hazard[i] = row(model, state, i, j, state.rates)
    return largest(state.hazard)
