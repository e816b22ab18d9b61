"""Lookup tables of the chain, shared by the engines, so that every engine draws the same tokens.

A state is one integer, its C-order index on the (N+1)^D lattice; revealing coordinate i as v adds
(v - N) * stride_i. All draws compare a float64 cumulative sum with one 53-bit uniform: the token is the
first whose cumulative probability exceeds it, so a token of probability zero is never drawn.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .. import _checks
from ..methods import Method, Step
from ..process import GuidedProcess


@dataclass(frozen=True)
class JumpTables:
    """Gillespie: exit rates (J, S), cumulative next reveal (J, S, D*N), segment ends (J,) in the clock."""

    exit: np.ndarray
    cumulative: np.ndarray
    ends: np.ndarray


@dataclass(frozen=True)
class StepTables:
    """Stepped methods, for some consecutive steps.

    reveal (K, S, D): probability that a coordinate is revealed; hazard_step (K, S, D): Z h, zero on infinite
    steps; weight_of (K,): row of `cumulative` (weights, S, D, N), the cumulative law of the token.
    """

    reveal: np.ndarray
    hazard_step: np.ndarray
    weight_of: np.ndarray
    cumulative: np.ndarray


def strides(process: GuidedProcess) -> np.ndarray:
    """What a unit of each coordinate adds to the state index, (D,) int64."""
    return (process.vocab_size + 1) ** np.arange(process.length - 1, -1, -1, dtype=np.int64)


def jump_tables(process: GuidedProcess) -> JumpTables:
    """Tables of the jump chain, one set a segment."""
    per_segment = [_rate_table(process, s.weight) for s in process.segments]
    states = per_segment[0].shape[0]
    cumulative = np.array([cumulative_law(r.reshape(states, -1)) for r in per_segment])
    exit = np.array([process.exit_rates(s.weight).ravel() for s in process.segments])
    return JumpTables(exit, cumulative, np.array([s.end for s in process.segments]))


def step_tables(process: GuidedProcess, method: Method, steps: list[Step]) -> StepTables:
    """Tables of consecutive steps of a stepped method."""
    assert method.reveal is not None
    weights = list(dict.fromkeys(step.weight for step in steps))
    rates = {w: _rate_table(process, w) for w in weights}
    hazards = {w: table.sum(axis=2) for w, table in rates.items()}
    return StepTables(
        reveal=np.array([method.reveal(hazards[s.weight], s) for s in steps]),
        hazard_step=np.array([hazards[s.weight] * (s.length if np.isfinite(s.length) else 0.0) for s in steps]),
        weight_of=np.array([weights.index(s.weight) for s in steps]),
        cumulative=np.array([cumulative_law(rates[w]) for w in weights]),
    )


def cumulative_law(rates: np.ndarray) -> np.ndarray:
    """Cumulative sums along the last axis divided by their total; exactly 1 from the last possible entry on."""
    total = np.cumsum(rates, axis=-1)
    return np.divide(total, total[..., -1:], out=np.ones_like(total), where=total[..., -1:] > 0)


def _rate_table(process: GuidedProcess, weight: float) -> np.ndarray:
    """Rates (S, D, N): row x, masked coordinate i, token v; zero where i is revealed."""
    size, length = process.vocab_size, process.length
    _checks.lattice_fits(size, length, 24 * size * length, "sampling tables on the lattice")
    table = np.zeros((*process.shape, length, size))
    for i, edge in enumerate(process.rates(weight).edges):
        masked = (*(slice(None) for _ in range(i)), slice(-1, None))
        table[masked][..., i, :] = np.expand_dims(np.moveaxis(edge, i, -1), i)
    return table.reshape(-1, length, size)
