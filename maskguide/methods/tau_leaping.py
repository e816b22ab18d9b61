"""Tau-leaping: rates frozen at the start of a step, every masked coordinate reveals on its own."""

from __future__ import annotations

import numpy as np

from .method import Method, Step


def revealed_within(hazards: np.ndarray, length: float) -> np.ndarray:
    """P(revealed within a clock time h) = 1 - exp(-Z_i h) at frozen rates; h = inf reveals whatever has Z_i > 0."""
    if np.isinf(length):
        return (hazards > 0).astype(float)
    return -np.expm1(-hazards * length)


def reveal_probability(hazards: np.ndarray, step: Step) -> np.ndarray:
    """P(revealed within the step) = 1 - exp(-Z_i(x) h), the exact waiting time at frozen rates.

    A step to data (h = inf) reveals every mask that has a positive hazard.
    """
    return revealed_within(hazards, step.length)


TAU_LEAPING = Method(
    name="tau-leaping",
    order=1,
    reveal=reveal_probability,
    use="few steps for many coordinates; with a fixed grid the error grows with w, as the rates do",
    keeps="tends to the chain's own law, every rule and w; exact for D = 1",
    source="Gillespie, J. Chem. Phys. 115 (2001); for masked diffusion: docs/theory.md section 2.6",
)
