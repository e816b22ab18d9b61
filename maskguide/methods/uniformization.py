"""Uniformization: candidate events at a constant rate, each a jump or nothing."""

from __future__ import annotations

from typing import Any

from .method import Method


def jump_probability(exit: Any, bound: float) -> Any:
    """P(a candidate event is a jump) = R(x)/L, with candidates at rate L >= max R(x): Poisson(L h) of them in h."""
    return exit / bound


UNIFORMIZATION = Method(
    name="uniformization",
    order=None,
    is_exact=True,
    use="when candidate times must not depend on the state (common random numbers, batches in step); the number "
    "of candidates is u max R, which grows like exp(O(w))",
    keeps="the chain's own law, every rule and w",
    source="Jensen, Skand. Aktuarietidskr. 36 (1953); Chen and Ying, arXiv:2402.08095; docs/theory.md section 2.2",
)
