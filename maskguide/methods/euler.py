"""Euler in the level m: reveal probability linear in the rates, clipped at one."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import namespace
from .method import Method, Step

ROUND_OFF = 1e-12


def reveal_probability(hazards: Any, step: Step) -> Any:
    """P(revealed within the step) = min(1, Z_i(x) a), a = 1 - m(t')/m(t).

    A step to data has a = 1: it leaves a mask with probability 1 - Z_i where Z_i < 1 (rate product, w < 0).
    A hazard that is one up to round-off leaves none.
    """
    chance = hazards * step.fraction
    return namespace(chance).where(chance > 1 - ROUND_OFF, 1.0, chance)


def clipped(hazards: Any, step: Step) -> Any:
    """What the clipping cuts off, max(0, Z_i(x) a - 1): positive where the step is too long for the rates."""
    excess = hazards * step.fraction - 1.0
    return namespace(excess).where(excess > ROUND_OFF, excess, 0.0)


EULER = Method(
    name="euler",
    order=1,
    reveal=reveal_probability,
    clipped=clipped,
    gain=np.negative,
    use="to reproduce public samplers; tau-leaping costs the same and never clips. Look at expected_clipping first",
    keeps="tends to the chain's own law, every rule and w; clipped steps slow it down, more of them as w grows",
    source="Nisonoff et al., arXiv:2406.01572; Lou et al., arXiv:2310.16834, section 4; docs/theory.md section 2.6",
)
