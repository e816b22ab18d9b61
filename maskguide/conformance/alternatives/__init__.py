"""Explanations of wrong counts, each with the exact law that it predicts: one file a family."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ..._caching import cached_on_first
from . import endings, leaps, orders, precision, rules, schedules
from .alternative import Alternative

ALTERNATIVES: tuple[Alternative, ...] = (
    *rules.ALTERNATIVES,
    *orders.ALTERNATIVES,
    *schedules.ALTERNATIVES,
    *endings.ALTERNATIVES,
    *leaps.ALTERNATIVES,
    *precision.ALTERNATIVES,
)


def alternative_laws(case: Any, claim: Hashable) -> dict[str, np.ndarray]:
    """The law on the lattice, (N+1,)*D, of every explanation that makes a difference to a case under a claim.

    Kept for later calls. What is missing does not apply, or has the claim's own law. A case of another kind, such as
    the large vocabulary, has alternatives of its own.
    """
    own = getattr(case, "alternative_laws", None)
    return own(claim) if own else dict(_laws(case.problem, case, claim))


@cached_on_first(64)
def _laws(problem: Any, case: Any, claim: Hashable) -> dict[str, np.ndarray]:
    laws = {a.name: a.law(case, claim) for a in ALTERNATIVES}
    return {name: law for name, law in laws.items() if law is not None}


__all__ = ["ALTERNATIVES", "Alternative", "alternative_laws"]
