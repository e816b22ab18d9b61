"""Product mixtures: weights of the components follow the revealed tokens, conditionals are their blends."""

from __future__ import annotations

from math import exp, inf
from typing import NamedTuple

import numpy as np

from ..._compiled.jit import compiled, copy, inlined, summing_inlined
from ...problems.conditionals import LEAST_WEIGHT, log
from ...problems.mixture import ProductMixture
from .powers import power_rates

FEW = 3  # components that are added up in one loop


class MixtureArrays(NamedTuple):
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


def mixture_arrays(problem: ProductMixture | None, away: int | None = None) -> MixtureArrays:
    """The arrays of a mixture guided away from a class (None: from the mixture), or nothing."""
    if problem is None:
        return MixtureArrays(np.zeros((0, 0, 0)), np.zeros((0, 0, 0)), np.zeros(0), 0, True)
    own = np.flatnonzero(problem.labels == problem.target)
    others = np.flatnonzero(problem.labels != problem.target if away is None else problem.labels == away)
    order = np.concatenate([own, others])
    probs = np.ascontiguousarray(problem.probs[order].swapaxes(0, 1))
    logs = log(probs).swapaxes(1, 2)
    best = logs.max(axis=2, keepdims=True)
    seen = np.ascontiguousarray(logs - np.where(np.isfinite(best), best, 0.0))
    return MixtureArrays(probs, seen, log(problem.weights[order]), own.size, away is None)


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
    """weights = exp(logs - top) from `low` to `high`, those possible at least LEAST_WEIGHT; their sum is returned."""
    total = 0.0
    for c in range(low, high):
        weights[c] = max(exp(logs[c] - top), LEAST_WEIGHT) if logs[c] > -inf else 0.0
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
    share = max(total * exp(mine - top), LEAST_WEIGHT) if shared and mine > -inf else 0.0
    if total > 0:
        for c in range(own):
            weights[c] /= total
    total = share + weigh(logs, own, logs.size, top, weights)
    if total > 0:
        for c in range(own, logs.size):
            weights[c] /= total
        share /= total
    return share


@inlined
def weight_at(weights, c, high):
    """weights[c], 0 from `high` on."""
    return weights[c] if c < high else 0.0


@summing_inlined
def add_rows(weights, rows, low, high, share, base, out):
    """out = share * base + sum of weight * row over the components from `low` to `high`, at most FEW."""
    last = weights.size - 1
    a, b, c = weight_at(weights, low, high), weight_at(weights, low + 1, high), weight_at(weights, low + 2, high)
    p, q, r = min(low, last), min(low + 1, last), min(low + 2, last)
    for v in range(out.size):
        out[v] = (share * base[v] + a * rows[p, v]) + (b * rows[q, v] + c * rows[r, v])


@summing_inlined
def sum_of_squares(weights, rows, low, share, base, target):
    """Sum of p_z^2 / p, the rate product at w = 1, with the last of the components to be added to p = share * base."""
    last, high, total = weights.size - 1, weights.size, 0.0
    a, b, c = weight_at(weights, low, high), weight_at(weights, low + 1, high), weight_at(weights, low + 2, high)
    p, q, r = min(low, last), min(low + 1, last), min(low + 2, last)
    for v in range(target.size):
        reference = (share * base[v] + a * rows[p, v]) + (b * rows[q, v] + c * rows[r, v])
        rate = target[v] * target[v] / reference
        total += rate if reference > 0 else 0.0
    return total


@inlined
def blend_target(weights, own, rows, target):
    """The target's conditional of one coordinate from rows (C, N)."""
    add_rows(weights, rows, 1, min(own, 1 + FEW), weights[0], rows[0], target)
    for c in range(1 + FEW, own, FEW):
        add_rows(weights, rows, c, min(own, c + FEW), 1.0, target, target)


@inlined
def blend(weights, share, own, rows, target, reference):
    """Both conditionals of one coordinate from rows (C, N)."""
    blend_target(weights, own, rows, target)
    add_rows(weights, rows, own, min(weights.size, own + FEW), share, target, reference)
    for c in range(own + FEW, weights.size, FEW):
        add_rows(weights, rows, c, min(weights.size, c + FEW), 1.0, reference, reference)


@inlined
def squares_hazard(weights, share, own, rows, target, reference):
    """Z of one coordinate under the rate product at w = 1; few components are never written down."""
    blend_target(weights, own, rows, target)
    if weights.size - own <= FEW:
        return sum_of_squares(weights, rows, own, share, target, target)
    add_rows(weights, rows, own, own + FEW, share, target, reference)
    low = own + FEW
    while weights.size - low > FEW:
        add_rows(weights, rows, low, low + FEW, 1.0, reference, reference)
        low += FEW
    return sum_of_squares(weights, rows, low, 1.0, reference, target)


@inlined
def mixture_row(mixture, state, i, a, b, normalise, out):
    """Rates of masked coordinate i and their sum."""
    blend(state.weights, state.share[0], mixture.own, mixture.probs[i], state.target, state.reference)
    return power_rates(state.target, state.reference, a, b, normalise, out)


@compiled
def mixture_hazards(mixture, state, a, b, normalise):
    """Hazards of the masked coordinates into `state.hazard`."""
    weights, own, target, reference = state.weights, mixture.own, state.target, state.reference
    for i in range(state.tokens.size):
        if state.tokens[i] < target.size:
            continue
        if a == 2 and b == -1 and not normalise:
            state.hazard[i] = squares_hazard(weights, state.share[0], own, mixture.probs[i], target, reference)
        else:
            blend(weights, state.share[0], own, mixture.probs[i], target, reference)
            state.hazard[i] = power_rates(target, reference, a, b, normalise, state.rates)
