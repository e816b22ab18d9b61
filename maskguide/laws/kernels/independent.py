"""Steps in which every coordinate changes on its own, given the state at their start."""

from __future__ import annotations

import numpy as np

from ...methods import Step
from ...methods.method import Reveal
from ...process import Rates
from .blocks import Flags, edges, hazards, masked, occupied, outcomes, token_or_mask


def reveal(rates: Rates, law: np.ndarray, probability: Reveal, step: Step) -> np.ndarray:
    """Each masked coordinate is revealed with a probability, its token in proportion to its rates."""
    result = np.zeros_like(law)
    for revealed, mass in occupied(law):
        result[outcomes(revealed, rates.vocab_size)] += spread(rates, revealed, mass, probability, step)
    return result


def spread(rates: Rates, revealed: Flags, mass: np.ndarray, probability: Reveal, step: Step) -> np.ndarray:
    """The outcomes of one block."""
    for i in masked(revealed):
        hazard = hazards(rates, revealed, i)
        mass = mass * token_or_mask(edges(rates, revealed, i), hazard, probability(hazard, step), i)
    return mass
