"""Transient probabilities by sums of positive terms only: every entry to full relative accuracy.

The states that lead to y (revealed set A) are its 2^|A| sub-states y_B, B in A; on them Q restricted is
a small triangular matrix T, and q_u(y) = exp(uT)[empty, A]. Writing T = -rho I + (a non-negative matrix),
exp(hT) for small h is a Taylor series of non-negative terms, and exp(uT) follows by repeated squaring in
which the diagonal, e^{-R h}, is set exactly each time. Then no subtraction occurs anywhere, and the
relative error of an entry |A| steps above the diagonal grows like |A| times the number of squarings
(log2 of u max R): some 1e-14, for entries as small as float64 can hold.

Cost per clock: about sum over A of (8 N)^|A| multiplications a squaring, so for small D.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, inf, ldexp, log2

import numpy as np

from ...process import Rates
from .sweep import block, revealed_sets

TAYLOR_TERMS = 20  # beyond the first non-zero one; h max R <= 1/2, so the rest is below 2^-20/20! ~ 4e-25


def work(vocab_size: int, length: int, masked_only: bool) -> float:
    """Multiplications a squaring takes, over all states or over those with a mask."""
    base = 8.0 * vocab_size
    return (1 + base) ** length - (base**length if masked_only else 0)


def probabilities(
    stages: Sequence[tuple[Rates, float]], shifts: Sequence[float], masked_only: bool, start: np.ndarray | None = None
) -> np.ndarray:
    """exp(sum_k shift_k u_k) q(u) on the lattice, from the fully masked state or from a law on the lattice.

    Parameters
    ----------
    stages : sequence of (rates, duration)
        Segments of constant rates, in order; durations in the clock, positive and finite.
    shifts : one float a stage
        At most the smallest exit rate that carries weight. Zero gives q(u) itself.
    masked_only : bool
        Leave completed states at zero.
    """
    rates = stages[0][0]
    law = np.zeros(rates.exit.shape)
    for revealed in revealed_sets(rates.length):
        if not (masked_only and all(revealed)):
            law[block(revealed, rates.vocab_size)] = _block(stages, shifts, revealed, start)
    return law


def completed(stages: Sequence[tuple[Rates, float]]) -> float:
    """The mass of completed states of q(u), from the fully masked state."""
    return float(_block(stages, [0.0] * len(stages), (True,) * stages[0][0].length, None).sum())


def _block(stages, shifts, revealed, start) -> np.ndarray:
    row = None if start is None else _below(start, revealed, stages[0][0].vocab_size)
    for (rates, duration), shift in zip(stages, shifts, strict=True):
        generator, exit = _sub_lattice(rates, revealed)
        step = exponential(generator, np.maximum(exit - shift, 0.0), duration)
        row = step[..., 0, :] if row is None else np.einsum("...i,...ij->...j", row, step)
    assert row is not None
    return row[..., -1]


def _sub_lattice(rates: Rates, revealed: tuple[bool, ...]) -> tuple[np.ndarray, np.ndarray]:
    """Off-diagonal part (block shape, 2^k, 2^k) and exit rates (block shape, 2^k) below every state of a block."""
    chosen = [i for i, r in enumerate(revealed) if r]
    subsets = [_members(bits, chosen, len(revealed)) for bits in range(2 ** len(chosen))]
    shape = rates.exit[block(revealed, rates.vocab_size)].shape
    generator = np.zeros((*shape, len(subsets), len(subsets)))
    exit = np.empty((*shape, len(subsets)))
    for b, subset in enumerate(subsets):
        here = block(subset, rates.vocab_size)
        exit[..., b] = rates.exit[here]
        for j, i in enumerate(chosen):
            if not subset[i]:
                edge = rates.edges[i][(*here[:i], slice(None), *here[i + 1 :])]
                generator[..., b, b | 1 << j] = edge
    return generator, exit


def _below(law: np.ndarray, revealed: tuple[bool, ...], vocab_size: int) -> np.ndarray:
    """The law on the sub-states of every state of a block, (block shape, 2^k)."""
    chosen = [i for i, r in enumerate(revealed) if r]
    shape = law[block(revealed, vocab_size)].shape
    subsets = [_members(bits, chosen, len(revealed)) for bits in range(2 ** len(chosen))]
    return np.stack([np.broadcast_to(law[block(subset, vocab_size)], shape) for subset in subsets], axis=-1)


def _members(bits: int, chosen: list[int], length: int) -> tuple[bool, ...]:
    members = {coordinate for j, coordinate in enumerate(chosen) if bits >> j & 1}
    return tuple(i in members for i in range(length))


def exponential(generator: np.ndarray, exit: np.ndarray, duration: float) -> np.ndarray:
    """exp(duration (generator - diag(exit))) for an upper triangular non-negative generator."""
    fastest = max(float(exit.max()), float(generator.max()))
    squarings = _squarings(fastest, float(duration))
    step = ldexp(duration, -squarings)
    with np.errstate(over="ignore"):  # e^-inf = 0
        result = _taylor(generator, exit, fastest, step)
        _set_diagonal(result, exit, step)
        for _ in range(squarings):
            result, step = result @ result, 2 * step
            _set_diagonal(result, exit, step)
    return result


def _squarings(fastest: float, duration: float) -> int:
    """Halvings of the duration until fastest * duration <= 1/2; the product itself may be beyond float64."""
    if not (fastest > 0 and duration > 0):
        return 0
    product = 2 * fastest * duration
    return max(0, ceil(log2(product) if 0 < product < inf else 1 + log2(fastest) + log2(duration)))


def _taylor(generator: np.ndarray, exit: np.ndarray, fastest: float, step: float) -> np.ndarray:
    matrix = generator * step
    _set_diagonal_to(matrix, (fastest - exit) * step)
    identity = np.broadcast_to(np.eye(matrix.shape[-1]), matrix.shape)
    total, term = identity.copy(), identity
    for k in range(1, TAYLOR_TERMS + matrix.shape[-1].bit_length()):
        term = term @ matrix / k
        total += term
    return total * np.exp(-fastest * step)


def _set_diagonal(matrix: np.ndarray, exit: np.ndarray, step: float) -> None:
    with np.errstate(over="ignore"):  # an exit that takes less than no time
        _set_diagonal_to(matrix, np.exp(-exit * step))


def _set_diagonal_to(matrix: np.ndarray, values: np.ndarray) -> None:
    index = np.arange(matrix.shape[-1])
    matrix[..., index, index] = values
