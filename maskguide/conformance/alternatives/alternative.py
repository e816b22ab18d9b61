"""One explanation of wrong counts: a name, a sentence, the exact law that it predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..._caching import cached_on_first
from ...problems.table import TableProblem
from .setup import Setup

Explained = Callable[[Setup], "np.ndarray | None"]  # the law (N+1,)*D; None: does not apply, the claim's law stays

SAME = 1e-12  # laws this close in TV are one law


@dataclass(frozen=True)
class Alternative:
    """A way in which a sampler may depart from its claim.

    Attributes
    ----------
    name : str
    sentence : str
        What the sampler does, in plain words: it continues "The counts fit this: ".
    explained : function Setup -> law (N+1,)*D, or None where it does not apply
    """

    name: str
    sentence: str
    explained: Explained

    def law(self, case: Any, claim: Any) -> np.ndarray | None:
        """The law on the lattice that a sampler of the claim with this fault has.

        None where the fault does not apply or makes no difference.
        """
        setup = Setup.of(case, claim)
        law = self.explained(setup)
        if law is None or 0.5 * np.abs(law - _claimed(setup.problem, setup)).sum() < SAME:
            return None
        return law


@cached_on_first(16)
def _claimed(problem: TableProblem, setup: Setup) -> np.ndarray:
    return setup.law()
