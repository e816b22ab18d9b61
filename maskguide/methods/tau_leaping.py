"""Tau-leaping: rates frozen at the start of a step, every masked coordinate reveals on its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import namespace
from .method import Method, Step


def hazard_within(hazards: Any, length: float) -> Any:
    """Z_i h, the hazard met in a clock time h at frozen rates; h = inf: inf where Z_i > 0, otherwise 0."""
    if np.isinf(length):
        return namespace(hazards).where(hazards > 0, np.inf, hazards)
    return hazards * length


def revealed_within(hazards: Any, length: float) -> Any:
    """P(revealed within a clock time h) = 1 - exp(-Z_i h) at frozen rates; h = inf reveals whatever has Z_i > 0."""
    return -namespace(hazards).expm1(-hazard_within(hazards, length))


def reveal_probability(hazards: Any, step: Step) -> Any:
    """P(revealed within the step) = 1 - exp(-Z_i(x) h), the exact waiting time at frozen rates.

    A step to data (h = inf) reveals every mask that has a positive hazard.
    """
    return revealed_within(hazards, step.length)


def hazard_spent(hazards: Any, step: Step) -> Any:
    """Z_i(x) h."""
    return hazard_within(hazards, step.length)


TAU_LEAPING = Method(
    name="tau-leaping",
    order=1,
    reveal=reveal_probability,
    spent=hazard_spent,
    freezes_rates=True,
    use="few steps for many coordinates; with a fixed grid the error grows with w, as the rates do",
    keeps="tends to the chain's own law, every rule and w; exact for D = 1",
    source="Gillespie, J. Chem. Phys. 115 (2001); for masked diffusion: docs/theory.md section 2.6",
)
