"""Euler and Poisson steps whose rows are wrong: clipped entries, rows cut off, jumps added up."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...guidance.formulas import quotient
from ...laws.lattice.sweep import all_masked
from .endings import argmax
from .explanation import Explanation, Prediction
from .setup import Setup, rates_of, spread, tokens_last

# expected jumps r a onto each token (..., N), a = 1 - m(t')/m(t) -> law of token or mask after the step (..., N+1)
Row = Callable[[np.ndarray], np.ndarray]


def leaping(row: Row, finish: bool = False) -> Prediction:
    """Steps with such rows; at the end masks are left, or set to the argmax."""

    def law(setup: Setup) -> np.ndarray | None:
        if not setup.stepped:
            return None
        edges = tokens_last(setup.rates())
        law = all_masked(setup.rates())
        for step in setup.steps():
            law = spread(law, _placed([row(edge * step.fraction) for edge in edges]))
        return spread(law, _placed([_finish(edge) for edge in edges])) if finish else law

    return law


def _placed(rows: list[np.ndarray]) -> list[np.ndarray]:
    return [np.moveaxis(row, -1, axis) for axis, row in enumerate(rows)]


def _finish(edge: np.ndarray) -> np.ndarray:
    best = argmax(edge).astype(float)
    return np.concatenate([best, 1 - best.sum(axis=-1, keepdims=True)], axis=-1)


def entries_clipped(jumps: np.ndarray) -> np.ndarray:
    """min(1, r a) each, the mask what is left of one, the row divided by its sum."""
    clipped = np.minimum(jumps, 1.0)
    row = np.concatenate([clipped, np.maximum(0.0, 1 - clipped.sum(axis=-1, keepdims=True))], axis=-1)
    return row / row.sum(axis=-1, keepdims=True)


def row_cut_off(jumps: np.ndarray) -> np.ndarray:
    """r a, drawn by inverting cumulative sums: what exceeds one is cut off from the last tokens."""
    reached = np.minimum(1.0, np.cumsum(jumps, axis=-1))
    return np.diff(reached, axis=-1, prepend=0.0, append=1.0)


def row_divided(jumps: np.ndarray) -> np.ndarray:
    """(r a, 1) over tokens and mask, divided by its sum: the mask's entry forgets what was revealed."""
    return np.concatenate([jumps, np.ones_like(jumps[..., :1])], -1) / (1 + jumps.sum(axis=-1, keepdims=True))


def jumps_added(jumps: np.ndarray) -> np.ndarray:
    """Poisson numbers of jumps onto each token; displacements v - N are added to the mask N, clamped at 0.

    The sum s of N - v over jumps is compound Poisson: p(s) = (1/s) sum_j j r_{N-j} a p(s - j), p(0) = e^(-Z a).
    """
    size = jumps.shape[-1]
    law = [np.exp(-jumps.sum(axis=-1))]
    for s in range(1, size):
        law.append(sum((j * jumps[..., size - j] * law[s - j] for j in range(1, s + 1)), 0 * law[0]) / s)
    below = np.stack(law[1:][::-1] + law[:1], axis=-1)  # tokens 1..N-1, then the mask
    return np.concatenate([1 - below.sum(axis=-1, keepdims=True), below], axis=-1)


def jumps_discarded(jumps: np.ndarray) -> np.ndarray:
    """Poisson numbers of jumps; two or more of them are discarded."""
    one = jumps * np.exp(-jumps.sum(axis=-1, keepdims=True))
    return np.concatenate([one, 1 - one.sum(axis=-1, keepdims=True)], axis=-1)


def tokens_ranked(jumps: np.ndarray) -> np.ndarray:
    """Poisson numbers of jumps; of several the first token wins."""
    alone = -np.expm1(-jumps)
    none = np.exp(-np.cumsum(jumps, axis=-1))
    before = np.concatenate([np.ones_like(none[..., :1]), none[..., :-1]], axis=-1)
    return np.concatenate([alone * before, none[..., -1:]], axis=-1)


def clipped_rates(setup: Setup) -> np.ndarray:
    """Rates above one are set to one."""
    return setup.law_of(rates_of([np.minimum(edge, 1.0) for edge in tokens_last(setup.rates())]))


def clipped_hazards(setup: Setup) -> np.ndarray:
    """Hazards above one are set to one, tokens in proportion."""
    edges = tokens_last(setup.rates())
    return setup.law_of(rates_of([quotient(e, np.maximum(1.0, e.sum(axis=-1, keepdims=True)), 0.0) for e in edges]))


EXPLANATIONS = (
    Explanation("entries clipped", "rate times step is clipped at one entry by entry, and the row divided by its sum",
                leaping(entries_clipped)),
    Explanation("entries clipped, argmax finish", "rate times step is clipped at one entry by entry, and the row "
                "divided by its sum; masks left are set to the argmax", leaping(entries_clipped, finish=True)),
    Explanation("row cut off", "rate times step exceeds one, and the row is drawn as it is: the last tokens lose",
                leaping(row_cut_off)),
    Explanation("mask entry one", "the mask's entry in a step is 1 before the row is divided by its sum",
                leaping(row_divided)),
    Explanation("Poisson jumps added", "Poisson leaping adds up several jumps and clamps them into the token range",
                leaping(jumps_added)),
    Explanation("Poisson jumps added, argmax finish", "Poisson leaping adds up several jumps and clamps them into the "
                "token range; masks left are set to the argmax", leaping(jumps_added, finish=True)),
    Explanation("several Poisson jumps discarded", "Poisson leaping discards several jumps of one position",
                leaping(jumps_discarded)),
    Explanation("first of several Poisson jumps", "of several Poisson jumps of a position the lowest token is taken",
                leaping(tokens_ranked)),
    Explanation("rates clipped", "rates are clipped at one entry by entry", clipped_rates),
    Explanation("hazards clipped", "the total rate of a position is clipped at one", clipped_hazards),
)  # fmt: skip
