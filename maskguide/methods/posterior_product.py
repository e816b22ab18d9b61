"""Posterior product: the guided product taken on the one-step posterior, mask entry included."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._arrays import namespace
from .method import Method, Step


def reveal_probability(hazards: Any, step: Step) -> Any:
    """P(revealed within the step) = aZ_i / (aZ_i + 1 - a), a = 1 - m(t')/m(t).

    The row over tokens and mask is (a r(x -> v), 1 - a), renormalised. Where Z_i = 0 the mask stays.
    """
    scaled = step.fraction * hazards
    total = scaled + (1.0 - step.fraction)
    return scaled / namespace(total).where(total > 0, total, 1.0)


def gain(fraction: np.ndarray) -> np.ndarray:
    """a / (1 - a): a mask stays with probability 1 / (1 + g Z)."""
    return np.divide(fraction, 1 - fraction, out=np.full_like(fraction, np.inf), where=fraction < 1)


POSTERIOR_PRODUCT = Method(
    name="posterior-product",
    order=1,
    reveal=reveal_probability,
    gain=gain,
    use="to reproduce duo and classifier-based discrete guidance; declare the rule 'product', its limit",
    keeps="tends to the chain's own law under its rule: for 'product' the rate product, not the normalised rule "
    "(there it is ancestral sampling)",
    source="Schiff et al., arXiv:2412.10193, classifier-based guidance; docs/theory.md sections 2 and 2.6",
)
