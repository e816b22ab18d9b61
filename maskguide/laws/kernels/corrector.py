"""A leap, then Gibbs redraws of single revealed coordinates."""

from __future__ import annotations

import numpy as np

from ...methods import PredictorCorrector, Step
from ...methods.tau_leaping import reveal_probability
from ...process import Rates
from .blocks import edges, hazards, occupied
from .dispatch import one_step
from .independent import reveal


@one_step.register
def leap_and_correct(method: PredictorCorrector, rates: Rates, law: np.ndarray, step: Step) -> np.ndarray:
    """A tau-leap and the method's corrections."""
    law = reveal(rates, law, reveal_probability, step)
    for _ in range(method.corrections):
        law = correct(rates, law)
    return law


def correct(rates: Rates, law: np.ndarray) -> np.ndarray:
    """A uniformly chosen revealed coordinate is drawn again from r/Z given the others.

    It keeps its token where Z = 0, and the fully masked state stays as it is.
    """
    result = np.zeros_like(law)
    for revealed, mass in occupied(law):
        chosen = [i for i, is_revealed in enumerate(revealed) if is_revealed]
        states = tuple(slice(0, rates.vocab_size) if r else slice(-1, None) for r in revealed)
        result[states] += sum(_redraw(rates, revealed, mass, i) / len(chosen) for i in chosen) if chosen else mass
    return result


def _redraw(rates: Rates, revealed: tuple[bool, ...], mass: np.ndarray, i: int) -> np.ndarray:
    parent = (*revealed[:i], False, *revealed[i + 1 :])
    edge, hazard = edges(rates, parent, i), hazards(rates, parent, i)
    return np.where(hazard > 0, mass.sum(axis=i, keepdims=True) * edge / np.where(hazard > 0, hazard, 1.0), mass)
