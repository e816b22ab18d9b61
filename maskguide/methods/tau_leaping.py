"""Tau-leaping: rates frozen at the start of a step, every masked coordinate reveals on its own."""

from __future__ import annotations

import numpy as np

from .method import Method, Step


def reveal_probability(hazards: np.ndarray, step: Step) -> np.ndarray:
    """P(revealed within the step) = 1 - exp(-Z_i(x) h), the exact waiting time at frozen rates.

    A step to data (h = inf) reveals every mask that has a positive hazard.
    """
    if np.isinf(step.length):
        return (hazards > 0).astype(float)
    return -np.expm1(-hazards * step.length)


TAU_LEAPING = Method(
    name="tau-leaping",
    order=1,
    reveal=reveal_probability,
    use="few steps for many coordinates; with a fixed grid the error grows with w, as the rates do",
    source="Gillespie, J. Chem. Phys. 115 (2001); for masked diffusion: docs/theory.md section 2.6",
)
