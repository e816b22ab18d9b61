"""Steps that mask revealed coordinates again, each on its own given the state at their start."""

from __future__ import annotations

import numpy as np

from ...methods import Remasking, Step
from ...process import Rates
from .blocks import occupied
from .dispatch import one_step
from .independent import spread


@one_step.register
def remask_and_reveal(method: Remasking, rates: Rates, law: np.ndarray, step: Step) -> np.ndarray:
    """Each mask is revealed on its own, and each revealed coordinate is masked with probability sigma."""
    sigma = method.remask_probability(step)
    result = np.zeros_like(law)
    for revealed, mass in occupied(law):
        after = spread(rates, revealed, mass, method.reveal_probability, step)
        for i, was_revealed in enumerate(revealed):
            if was_revealed:
                after = np.concatenate([(1 - sigma) * after, sigma * after.sum(axis=i, keepdims=True)], axis=i)
        result += after
    return result
