"""Exact laws of when and in which order coordinates are revealed, and how returned times and ranks are counted."""

from __future__ import annotations

from itertools import permutations

import numpy as np

from ..laws.lattice.sweep import all_masked
from ..problems.table import TableProblem
from ..process import GuidedProcess
from .claim import Claim


def reveal_law(
    claim: Claim, problem: TableProblem, weight: float, num_steps: int
) -> tuple[np.ndarray, list[np.ndarray]]:
    """Times from 1 to 0, (L+1,), and for each coordinate the law of the interval in which it is revealed, (L+2,).

    Entry l < L: t_{l+1} <= time < t_l; entry L: never; entry L+1: outside [0, 1), impossible. P(masked at t_l) is a
    marginal of the law at t_l, and its differences are the law; none for methods that mask again.
    """
    times, laws = claim.history(problem, weight, num_steps)
    if claim.stepper is not None and claim.stepper.remasks:  # no single reveal time
        return times, []
    found = []
    for i in range(problem.length):
        others = tuple(j + 1 for j in range(problem.length) if j != i)
        masked = laws.sum(axis=others)[:, -1]
        law = np.concatenate([-np.diff(masked), masked[-1:], [0.0]]).clip(0.0)
        found.append(law / law.sum())
    return times, found


def by_time(reveal_time: np.ndarray, masked: np.ndarray, times: np.ndarray) -> np.ndarray:
    """The entries of :func:`reveal_law` that times (n, D) fall into; `masked` (n, D): the mask is still there.

    Times are forgiven rounding of a millionth of the shortest step.
    """
    size, rising = len(times) - 1, times[::-1]
    place = np.searchsorted(rising, reveal_time + 1e-6 * np.diff(rising).min(), side="right") - 1
    inside = (reveal_time >= 0) & (reveal_time < 1)
    return np.where(masked, size, np.where(inside, size - 1 - np.minimum(place, size - 1), size + 1))


def order_law(process: GuidedProcess) -> np.ndarray:
    """The law of the order of reveals of the chain itself, (D! + 1,): permutations as itertools has them; 0 for none.

    The jump chain: from x coordinate i is the next with probability Z_i(x)/R(x).
    """
    rates = process.rates()
    with np.errstate(divide="ignore"):
        wait = np.where(rates.exit > 0, 1 / rates.exit, 0.0)
    found = []
    for order in permutations(range(process.length)):
        law = all_masked(rates)
        for i in order:
            law = _revealed(law * wait, rates.edges[i], i)
        found.append(law.sum())
    return np.array([*found, 0.0]) / sum(found)


def _revealed(law: np.ndarray, edge: np.ndarray, axis: int) -> np.ndarray:
    """Only the jumps that reveal one coordinate, from states where it is masked."""
    children = law.take([-1], axis=axis) * edge
    return np.concatenate([children, np.zeros_like(law.take([-1], axis=axis))], axis=axis)


def orders(ranks: np.ndarray) -> np.ndarray:
    """Index of each row's order among the permutations, (n,), from ranks (n, D); D! where two are equal or NaN.

    >>> orders(np.array([[0, 1], [1, 0], [0, 0]])).tolist()
    [0, 1, 2]
    """
    length = ranks.shape[1]
    index = {order: k for k, order in enumerate(permutations(range(length)))}
    clear = np.isfinite(ranks).all(axis=1) & (np.diff(np.sort(ranks, axis=1), axis=1) > 0).all(axis=1)
    rows = np.argsort(ranks, axis=1, kind="stable")
    found = np.array([index[tuple(row)] for row in rows.tolist()])
    return np.where(clear, found, len(index))
