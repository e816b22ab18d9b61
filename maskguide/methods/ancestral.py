"""Ancestral sampling (MDLM, D3PM, Tweedie): each mask reveals with the forward chain's own probability."""

from __future__ import annotations

import numpy as np

from .. import _checks
from .method import Method, Step

UNIT_HAZARD_TOLERANCE = 1e-9


def need_unit_hazards(hazards: np.ndarray, name: str) -> None:
    """Refuse hazards that differ from one: formulas without Z_i hold for the normalised rule only."""
    gap = np.abs(hazards - 1.0)[hazards > 0]
    if gap.size and gap.max() > UNIT_HAZARD_TOLERANCE:
        worst = hazards[hazards > 0].flat[int(gap.argmax())]
        _checks.fail(
            f"{name!r} with a hazard Z_i(x) = {worst:.6g}",
            f"{name!r} reveals every mask at rate one: rule 'normalized', or any rule at w = 0",
            'use rule="normalized"; for the rate product, method "posterior-product" or "tau-leaping"',
        )


def reveal_probability(hazards: np.ndarray, step: Step) -> np.ndarray:
    """P(revealed within the step) = a = 1 - m(t')/m(t), wherever some token is possible (Z_i = 1)."""
    need_unit_hazards(hazards, "ancestral")
    return step.fraction * (hazards > 0)


ANCESTRAL = Method(
    name="ancestral",
    order=1,
    reveal=reveal_probability,
    use="normalised guidance as MDLM, D3PM and Schiff et al. sample it; the same law as tau-leaping there",
    keeps="tends to the normalised chain's own law, every w; refused where hazards are not one",
    source="Sahoo et al., arXiv:2406.07524, eq. 7; Austin et al., arXiv:2107.03006; docs/theory.md section 2.6",
)
