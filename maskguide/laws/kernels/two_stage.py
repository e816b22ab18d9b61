"""Two-stage leaps: sums over the point x* inside the step, by pairs of revealed sets of x and x*.

On a pair, axes revealed in x* have length N and hold its tokens: those of x where x is revealed too. Arrays
that depend on x only have length 1 where x is masked, so products broadcast to functions of (x, x*).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import numpy as np

from ...methods import RungeKutta, Step, Trapezoidal
from ...methods.tau_leaping import revealed_within
from ...process import Rates
from .blocks import Flags, edges, masked, occupied, outcomes, token_or_mask
from .dispatch import one_step


@one_step.register
def trapezoidal(method: Trapezoidal, rates: Rates, law: np.ndarray, step: Step) -> np.ndarray:
    """Second leap from x*: its outcomes keep what x* has revealed."""
    result, length = np.zeros_like(law), method.second_length(step)
    for before, inside, mass in _inside(rates, law, method.first_length(step)):
        for i in masked(inside):
            mass = mass * _leap(method.combined(edges(rates, before, i), edges(rates, inside, i)), length, i)
        result[outcomes(inside, rates.vocab_size)] += mass
    return result


@one_step.register
def runge_kutta(method: RungeKutta, rates: Rates, law: np.ndarray, step: Step) -> np.ndarray:
    """Second leap from x: the tokens of x* matter through the rates of the other coordinates, then are forgotten."""
    result, length = np.zeros_like(law), method.second_length(step)
    for before, inside, mass in _inside(rates, law, method.first_length(step)):
        for i in masked(inside):
            mass = mass * _leap(method.combined(edges(rates, before, i), edges(rates, inside, i)), length, i)
        forgotten = [i for i in masked(before) if inside[i]]
        mass = mass.sum(axis=tuple(forgotten), keepdims=True)
        for i in forgotten:
            mass = mass * _leap(method.combined(edges(rates, before, i), 0.0), length, i)
        result[outcomes(before, rates.vocab_size)] += mass
    return result


def _inside(rates: Rates, law: np.ndarray, length: float) -> Iterator[tuple[Flags, Flags, np.ndarray]]:
    """(revealed set of x, of x*, joint probability) after a tau-leap of the given clock time."""
    size = rates.vocab_size
    for before, start in occupied(law):
        kernels = {i: _leap(edges(rates, before, i), length, i) for i in masked(before)}
        for choice in itertools.product((False, True), repeat=len(kernels)):
            inside, mass = list(before), start
            for (i, kernel), is_revealed in zip(kernels.items(), choice, strict=True):
                inside[i] = is_revealed
                mass = mass * np.take(kernel, range(size) if is_revealed else [size], axis=i)
            if mass.any():
                yield before, tuple(inside), mass


def _leap(edge: np.ndarray, length: float, i: int) -> np.ndarray:
    hazard = edge.sum(axis=i, keepdims=True)
    return token_or_mask(edge, hazard, revealed_within(hazard, length), i)
