"""Steps in which every coordinate changes on its own, given the state at their start."""

from __future__ import annotations

import numpy as np

from ...methods import Remasking, Step
from ...methods.method import Reveal
from ...process import Rates
from .blocks import Flags, edges, hazards, masked, occupied, outcomes, token_or_mask


def reveal(rates: Rates, law: np.ndarray, probability: Reveal, step: Step) -> np.ndarray:
    """Each masked coordinate is revealed with a probability, its token in proportion to its rates."""
    result = np.zeros_like(law)
    for revealed, mass in occupied(law):
        result[outcomes(revealed, rates.vocab_size)] += _spread(rates, revealed, mass, probability, step)
    return result


def remask_and_reveal(rates: Rates, law: np.ndarray, method: Remasking, step: Step) -> np.ndarray:
    """As :func:`reveal`, and each revealed coordinate is masked with probability sigma."""
    sigma = method.remask_probability(step)
    result = np.zeros_like(law)
    for revealed, mass in occupied(law):
        after = _spread(rates, revealed, mass, method.reveal_probability, step)
        for i, was_revealed in enumerate(revealed):
            if was_revealed:
                after = np.concatenate([(1 - sigma) * after, sigma * after.sum(axis=i, keepdims=True)], axis=i)
        result += after
    return result


def _spread(rates: Rates, revealed: Flags, mass: np.ndarray, probability: Reveal, step: Step) -> np.ndarray:
    for i in masked(revealed):
        hazard = hazards(rates, revealed, i)
        mass = mass * token_or_mask(edges(rates, revealed, i), hazard, probability(hazard, step), i)
    return mass
