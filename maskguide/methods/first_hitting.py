"""First hitting: draw the level of the next reveal, then which coordinate, then its token."""

from __future__ import annotations

import numpy as np

from .method import Method


def next_level(level: np.ndarray | float, hazards: np.ndarray, uniform: np.ndarray | float) -> np.ndarray:
    """m V^{1/R}, R = sum_i Z_i over the last axis: the level of the next reveal; 0 when there is none.

    Under the normalised rule R = |M|, the number of masks: the published form. Otherwise this is the hazard
    clock, u' = u + Exp(R), and a level drawn below the end of a segment of w(t) is drawn again from that end.
    """
    total = hazards.sum(axis=-1)
    power = np.divide(1.0, total, out=np.full_like(total, np.inf), where=total > 0)
    return level * np.where(np.isinf(power), 0.0, uniform**power)


def position_probability(hazards: np.ndarray) -> np.ndarray:
    """P(coordinate i is the next to be revealed) = Z_i / R: uniform over the masks under the normalised rule."""
    total = hazards.sum(axis=-1, keepdims=True)
    return np.divide(hazards, total, out=np.zeros_like(hazards), where=total > 0)


FIRST_HITTING = Method(
    name="first-hitting",
    order=None,
    is_exact=True,
    use="normalised rule: D evaluations a sample, no discretisation error; elsewhere its hazard clock is gillespie",
    keeps="the chain's own law, every rule and w, with Z_i as above; with a uniform position and m V^{1/|M|} (the "
    "published form) the normalised rule only",
    source="Zheng et al., arXiv:2409.02908 (first-hitting sampler); docs/theory.md section 2.6",
)
