"""Product mixtures: weights of the components follow the revealed tokens, conditionals are their blends."""

from __future__ import annotations

from math import exp, inf
from typing import NamedTuple

import numpy as np

from ...problems.conditionals import LIFT, log
from ...problems.mixture import ProductMixture
from .compiled import compiled, copy, inlined, summing
from .powers import power_rates


class Mixture(NamedTuple):
    """The components that the rule looks at, the target's first.

    Attributes
    ----------
    probs : (D, C, N)
    seen : (D, N, C)
        log probs, less the largest of the components: what a revealed token adds to each one's logarithm.
    log_weights : (C,)
    own : int
        How many are the target's.
    shared : bool
        The reference contains the target (the mixture over classes), or is another class.
    """

    probs: np.ndarray
    seen: np.ndarray
    log_weights: np.ndarray
    own: int
    shared: bool


def mixture_arrays(problem: ProductMixture | None, away: int | None = None) -> Mixture:
    """The arrays of a mixture guided away from a class (None: from the mixture), or nothing."""
    if problem is None:
        return Mixture(np.zeros((0, 0, 0)), np.zeros((0, 0, 0)), np.zeros(0), 0, True)
    own = np.flatnonzero(problem.labels == problem.target)
    others = np.flatnonzero(problem.labels != problem.target if away is None else problem.labels == away)
    order = np.concatenate([own, others])
    probs = np.ascontiguousarray(problem.probs[order].swapaxes(0, 1))
    logs = log(probs).swapaxes(1, 2)
    best = logs.max(axis=2, keepdims=True)
    seen = np.ascontiguousarray(logs - np.where(np.isfinite(best), best, 0.0))
    return Mixture(probs, seen, log(problem.weights[order]), own.size, away is None)


@compiled
def count_mixture(mixture, state):
    """The logarithms of the components from all revealed tokens."""
    copy(mixture.log_weights, state.logs)
    for i in range(state.tokens.size):
        if state.tokens[i] < mixture.probs.shape[2]:
            add_seen(mixture, state, i)


@inlined
def add_seen(mixture, state, i):
    """What the token of coordinate i tells about the components."""
    seen = mixture.seen[i, state.tokens[i]]
    for c in range(seen.size):
        state.logs[c] += seen[c]


@compiled
def weigh(logs, low, high, top, weights):
    """weights = exp(logs - top) from `low` to `high`, those possible at least LIFT; their sum is returned."""
    total = 0.0
    for c in range(low, high):
        weights[c] = max(exp(logs[c] - top), LIFT) if logs[c] > -inf else 0.0
        total += weights[c]
    return total


@compiled
def posteriors(logs, own, shared, weights):
    """Weights of the target's entries among themselves, and of the others in the reference; the target's share in it.

    The same for components and for classes: the first `own` entries are the target's.
    """
    mine, theirs = -inf, -inf
    for c in range(logs.size):
        if c < own:
            mine = max(mine, logs[c])
        else:
            theirs = max(theirs, logs[c])
    top = max(mine, theirs) if shared else theirs
    total = weigh(logs, 0, own, mine, weights)
    share = max(total * exp(mine - top), LIFT) if shared and mine > -inf else 0.0
    if total > 0:
        for c in range(own):
            weights[c] /= total
    total = share + weigh(logs, own, logs.size, top, weights)
    if total > 0:
        for c in range(own, logs.size):
            weights[c] /= total
        share /= total
    return share


@summing
def blend(weights, share, own, rows, target, reference):
    """Conditionals of one coordinate from rows (C, N): sums over the target's, and over the reference's."""
    for v in range(target.size):
        target[v] = weights[0] * rows[0, v]
    add_rows(weights, rows, 1, own, target)
    for v in range(target.size):
        reference[v] = share * target[v]
    add_rows(weights, rows, own, weights.size, reference)


@summing
def add_rows(weights, rows, low, high, out):
    """out += sum over components from `low` to `high` of weight * row, two at a time."""
    for c in range(low, high - 1, 2):
        first, second = weights[c], weights[c + 1]
        for v in range(out.size):
            out[v] += first * rows[c, v] + second * rows[c + 1, v]
    if (high - low) % 2 == 1:
        last = weights[high - 1]
        for v in range(out.size):
            out[v] += last * rows[high - 1, v]


@inlined
def mixture_row(mixture, state, i, a, b, normalise, out):
    """Rates of masked coordinate i and their sum."""
    blend(state.weights, state.share[0], mixture.own, mixture.probs[i], state.target, state.reference)
    return power_rates(state.target, state.reference, a, b, normalise, out)


@compiled
def mixture_hazards(mixture, state, a, b, normalise):
    """Hazards of the masked coordinates into `state.hazard`."""
    for i in range(state.tokens.size):
        if state.tokens[i] == state.target.size:
            state.hazard[i] = mixture_row(mixture, state, i, a, b, normalise, state.rates)
