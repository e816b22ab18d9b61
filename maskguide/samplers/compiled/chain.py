"""Markov chains: forward and backward messages of every class, brought up to date around the coordinates that changed.

forward[k, i, h] is proportional to p(h_i = h, revealed tokens before i), backward to p(revealed tokens after i | h).
"""

from __future__ import annotations

from math import inf, log
from typing import NamedTuple

import numpy as np

from ..._compiled.jit import compiled, copy, fill
from ...problems import conditionals
from ...problems.chain import MarkovProblem
from .mixture import posteriors
from .powers import power_rates

LEAST_WEIGHT = conditionals.LEAST_WEIGHT


class ChainArrays(NamedTuple):
    """The classes that the rule looks at, the target first.

    Attributes
    ----------
    initial : (K, H)
    onward, back : (K, 1 or D-1, H, H)
        Transition matrices and their transposes.
    emission : (K, H, N); (K, H, 0) where tokens are the states
    log_prior : (K,)
    shared : bool
        The reference contains the target (the mixture over classes), or is another class.
    """

    initial: np.ndarray
    onward: np.ndarray
    back: np.ndarray
    emission: np.ndarray
    log_prior: np.ndarray
    shared: bool


def chain_arrays(problem: MarkovProblem | None, away: int | None = None) -> ChainArrays:
    """The arrays of a chain guided away from a class (None: from the mixture), or nothing."""
    if problem is None:
        empty = np.zeros((0, 0, 0))
        return ChainArrays(np.zeros((0, 0)), np.zeros((0, 0, 0, 0)), np.zeros((0, 0, 0, 0)), empty, np.zeros(0), True)
    others = [k for k in range(problem.num_classes) if k != problem.target and problem.prior[k] > 0]
    order = [problem.target, *(others if away is None else [away])]
    onward = np.ascontiguousarray(problem.transition[order])
    emission = np.zeros((*problem.initial.shape, 0)) if problem.emission is None else problem.emission
    prior = conditionals.log(problem.prior[order]) if away is None else np.zeros(2)
    return ChainArrays(
        np.ascontiguousarray(problem.initial[order]), onward, np.ascontiguousarray(onward.swapaxes(2, 3)),
        np.ascontiguousarray(emission[order]), prior, away is None,
    )  # fmt: skip


@compiled
def pass_on(message, emission, token, vocab_size, moves, out):
    """out = (message * evidence) @ moves, scaled to maximum one; the logarithm of the scale."""
    fill(out, 0.0)
    for h in range(message.size):
        weight = message[h]
        if token < vocab_size:
            weight *= emission[h, token] if emission.shape[1] else (1.0 if h == token else 0.0)
        if weight > 0:
            for g in range(out.size):
                out[g] += weight * moves[h, g]
    top = 0.0
    for g in range(out.size):
        top = max(top, out[g])
    if top <= 0:
        return -inf
    for g in range(out.size):
        out[g] = max(out[g] / top, LEAST_WEIGHT) if out[g] > 0 else 0.0
    return log(top)


@compiled
def update_messages(chain, state, vocab_size, low, high):
    """Messages after a change of tokens between `low` and `high`.

    A visible token, where tokens are the states, cuts the chain: past the first one beyond the change nothing moves.
    """
    length, observed = state.tokens.size, chain.emission.shape[2] == 0
    for k in range(chain.initial.shape[0]):
        emission = chain.emission[k]
        copy(chain.initial[k], state.forward[k, 0])
        for i in range(low, length - 1):
            moves, token = chain.onward[k, i % chain.onward.shape[1]], state.tokens[i]
            scale = pass_on(state.forward[k, i], emission, token, vocab_size, moves, state.forward[k, i + 1])
            state.scale[k, i] = scale
            if observed and i > high and token < vocab_size and scale > -inf:
                break
        for i in range(high, 0, -1):
            moves, token = chain.back[k, (i - 1) % chain.back.shape[1]], state.tokens[i]
            scale = pass_on(state.backward[k, i], emission, token, vocab_size, moves, state.backward[k, i - 1])
            if observed and i < low and token < vocab_size and scale > -inf:
                break
        state.logs[k] = chain.log_prior[k] + last_evidence(chain, state, k, vocab_size)
        for i in range(length - 1):
            state.logs[k] += state.scale[k, i]


@compiled
def last_evidence(chain, state, k, vocab_size):
    """log of what the last message and the last token leave."""
    total, token = 0.0, state.tokens[-1]
    for h in range(chain.initial.shape[1]):
        weight = state.forward[k, -1, h]
        if token < vocab_size:
            weight *= chain.emission[k, h, token] if chain.emission.shape[2] else (1.0 if h == token else 0.0)
        total += weight
    return log(total) if total > 0 else -inf


@compiled
def class_conditional(chain, state, k, i, out):
    """p(x_i = v | revealed tokens, class) into `out`."""
    total = 0.0
    for h in range(chain.initial.shape[1]):
        total += state.forward[k, i, h] * state.backward[k, i, h]
    fill(out, 0.0)
    if total <= 0:
        return
    for h in range(chain.initial.shape[1]):
        weight = state.forward[k, i, h] * state.backward[k, i, h] / total
        if chain.emission.shape[2] == 0:
            out[h] = weight
        elif weight > 0:
            for v in range(out.size):
                out[v] += weight * chain.emission[k, h, v]


@compiled
def chain_row(chain, state, i, a, b, normalise, out):
    """Rates of masked coordinate i and their sum."""
    class_conditional(chain, state, 0, i, state.target)
    for v in range(out.size):
        state.reference[v] = state.share[0] * state.target[v]
    for k in range(1, chain.initial.shape[0]):
        class_conditional(chain, state, k, i, out)
        for v in range(out.size):
            state.reference[v] += state.weights[k] * out[v]
    return power_rates(state.target, state.reference, a, b, normalise, out)


@compiled
def weigh_classes(chain, state):
    """Posterior of the classes from their evidence."""
    state.share[0] = posteriors(state.logs, 1, chain.shared, state.weights)
