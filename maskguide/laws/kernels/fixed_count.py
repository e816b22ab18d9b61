"""Decoders of fixed counts: all proposals of tokens, and all sets of positions that keep theirs."""

from __future__ import annotations

import numpy as np

from ... import _checks
from ...methods import FixedCount, Step
from ...process import Rates
from .blocks import Flags, edges, hazards, masked, occupied
from .dispatch import one_step

Kept = frozenset[int]


@one_step.register
def decode(method: FixedCount, rates: Rates, law: np.ndarray, step: Step) -> np.ndarray:
    """Every masked coordinate proposes a token, then `count` of them keep theirs, one after another."""
    count = method.count(step, rates.length)
    if count == 0:
        return law
    needed = 8 * (2 * rates.vocab_size) ** rates.length
    _checks.fits_in_memory(needed, f"proposals of {method.name!r}", "use fewer coordinates or tokens")
    result = np.zeros_like(law)
    for revealed, mass in occupied(law):
        proposed, scores = mass, {}
        for i in masked(revealed):
            proposal, scores[i] = _propose(rates, revealed, i, method)
            proposed = proposed * proposal
        for kept, probability in _positions(scores, method, step, count).items():
            dropped = tuple(i for i in scores if i not in kept)
            states = (slice(-1, None) if i in dropped else slice(0, rates.vocab_size) for i in range(rates.length))
            result[tuple(states)] += (proposed * probability).sum(axis=dropped, keepdims=True)
    return result


def _propose(rates: Rates, revealed: Flags, i: int, method: FixedCount) -> tuple[np.ndarray, np.ndarray]:
    """Law of coordinate i's proposal and the score of each proposal, tokens along axis i.

    Where no token is possible the proposal is immaterial (uniform) and the score -inf: it is never kept.
    """
    edge, hazard = edges(rates, revealed, i), hazards(rates, revealed, i)
    uniform = np.full_like(edge, 1 / rates.vocab_size)
    conditional = np.moveaxis(np.divide(edge, hazard, out=uniform, where=hazard > 0), i, -1)
    score = np.moveaxis(method.score(conditional), -1, i)
    return np.moveaxis(method.proposal(conditional), -1, i), np.where(hazard > 0, score, -np.inf)


def _positions(scores: dict[int, np.ndarray], method: FixedCount, step: Step, count: int) -> dict[Kept, np.ndarray]:
    """P(set of positions that are kept), as arrays over states and proposals; smaller sets where picks run out."""
    chances: dict[Kept, np.ndarray] = {frozenset(): np.ones(())}
    for _ in range(min(count, len(scores))):
        grown: dict[Kept, np.ndarray] = {}
        for kept, chance in chances.items():
            left = [i for i in scores if i not in kept]
            picks = method.next_position(np.stack(np.broadcast_arrays(*(scores[i] for i in left)), axis=-1), step)
            for i, pick in zip(left, np.moveaxis(picks, -1, 0), strict=True):
                _add(grown, kept | {i}, chance * pick)
            _add(grown, kept, chance * (picks.sum(axis=-1) == 0))
        chances = {kept: chance for kept, chance in grown.items() if chance.any()}
    return chances


def _add(chances: dict[Kept, np.ndarray], kept: Kept, chance: np.ndarray) -> None:
    chances[kept] = chances[kept] + chance if kept in chances else chance
