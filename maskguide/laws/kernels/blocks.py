"""Indices and small kernels shared by the steps: axis i of a block holds coordinate i, mask last."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from ...process import Rates
from ..lattice.sweep import block, revealed_sets

Flags = tuple[bool, ...]


def occupied(law: np.ndarray) -> Iterator[tuple[Flags, np.ndarray]]:
    """Revealed sets that carry probability, each with its block of the law."""
    for revealed in revealed_sets(law.ndim):
        mass = law[block(revealed, law.shape[0] - 1)]
        if mass.any():
            yield revealed, mass


def masked(revealed: Flags) -> list[int]:
    """The masked coordinates."""
    return [i for i, is_revealed in enumerate(revealed) if not is_revealed]


def outcomes(revealed: Flags, vocab_size: int) -> tuple[slice, ...]:
    """Index of the states that a block can become when masks are revealed: masked axes have length N + 1."""
    return tuple(slice(0, vocab_size if r else vocab_size + 1) for r in revealed)


def edges(rates: Rates, revealed: Flags, i: int) -> np.ndarray:
    """r(x -> x with x_i = v) on a block, i masked: v along axis i, axes of the other masks of length 1."""
    here = block(revealed, rates.vocab_size)
    return rates.edges[i][(*here[:i], slice(None), *here[i + 1 :])]


def hazards(rates: Rates, revealed: Flags, i: int) -> np.ndarray:
    """Z_i on a block, i masked, axis i of length 1."""
    here = block(revealed, rates.vocab_size)
    return rates.hazards[i][(*here[:i], slice(None), *here[i + 1 :])]


def token_or_mask(edge: np.ndarray, hazard: np.ndarray, reveal: np.ndarray, i: int) -> np.ndarray:
    """Along axis i: the probability of each token, reveal * r/Z, and of the mask, 1 - reveal."""
    tokens = np.divide(edge, hazard, out=np.zeros_like(edge), where=hazard > 0) * reveal
    return np.concatenate([tokens, 1 - reveal], axis=i)
