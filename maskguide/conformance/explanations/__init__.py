"""Explanations of wrong counts, each with the exact law that it predicts: one file a family.

An explanation of one's own is registered, and is then among those that a diagnosis names (docs/extending.md).
"""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np

from ..._caching import cached_on_first
from ..._registry import Registry
from . import endings, leaps, orders, precision, rules, schedules
from .explanation import Explanation

EXPLANATIONS: Registry[Explanation] = Registry(
    "explanation", Explanation, "maskguide.explanations",
    (
        *rules.EXPLANATIONS, *orders.EXPLANATIONS, *schedules.EXPLANATIONS, *endings.EXPLANATIONS,
        *leaps.EXPLANATIONS, *precision.EXPLANATIONS,
    ),
)  # fmt: skip


def register(explanation: Explanation) -> Explanation:
    """Add an explanation to those that a diagnosis looks at, and return it.

    An installed package adds its own by an entry point of the group "maskguide.explanations".

    Parameters
    ----------
    explanation : Explanation
        With a name that no other one has.

    Raises
    ------
    InputError
        Another object, or a name that is taken.
    """
    return EXPLANATIONS.register(explanation)


def explained_laws(case: Any, claim: Hashable) -> dict[str, np.ndarray]:
    """The law on the lattice, (N+1,)*D, of every explanation that makes a difference to a case under a claim.

    Kept for later calls. What is missing does not apply, or has the claim's own law. A case of another kind, such as
    the large vocabulary, has explanations of its own.
    """
    own = getattr(case, "explained_laws", None)
    return own(claim) if own else dict(_laws(case.problem, case, claim, len(EXPLANATIONS)))


@cached_on_first(64)
def _laws(problem: Any, case: Any, claim: Hashable, known: int) -> dict[str, np.ndarray]:
    laws = {name: explanation.law(case, claim) for name, explanation in EXPLANATIONS.items()}
    return {name: law for name, law in laws.items() if law is not None}


__all__ = ["EXPLANATIONS", "Explanation", "explained_laws", "register"]
