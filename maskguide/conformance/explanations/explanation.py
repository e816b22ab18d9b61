"""One explanation of wrong counts: a name, a sentence, the exact law that it predicts."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _checks
from ..._caching import cached_on_first
from ...problems.table import TableProblem
from .setup import Setup

Prediction = Callable[[Setup], "np.ndarray | None"]  # the law (N+1,)*D; None: does not apply, the claim's law stays

SAME = 1e-12  # laws this close in TV are one law
ROUNDING = 1e-6  # that a law may be off from one, and below zero


@dataclass(frozen=True)
class Explanation:
    """A way in which a sampler may depart from its claim, and the exact law that it then draws from.

    Attributes
    ----------
    name : str
        Short and unique: "gamma for w".
    sentence : str
        What the sampler does, in plain words: it continues "The counts fit this: ".
    predict : callable
        (:class:`.setup.Setup`) -> law on the lattice, (N+1,)*D with masks as the last entries, or None where the
        explanation does not apply. The setup has problem, weight, rule, method and steps of the claim, and makes laws
        of changed ones: ``setup.changed(weight=0.0).law()``.

    Examples
    --------
    >>> half = Explanation("w / 2", "the weight is halved", lambda setup: setup.changed(weight=setup.weight / 2).law())
    """

    name: str
    sentence: str
    predict: Prediction

    def law(self, case: Any, claim: Any) -> np.ndarray | None:
        """The law on the lattice that a sampler of the claim with this fault has.

        Parameters
        ----------
        case : SamplingCase
            Problem, weight and number of steps.
        claim : Claim
            What the sampler says it draws from.

        Returns
        -------
        array, shape (N+1,)*D, or None
            None where the fault does not apply or makes no difference.

        Raises
        ------
        InputError
            What `predict` gives is no law on the lattice.
        """
        setup = Setup.of(case, claim)
        law = self.predict(setup)
        if law is not None:
            _check(law, case, self.name)
        if law is None or 0.5 * np.abs(law - _claimed(setup.problem, setup)).sum() < SAME:
            return None
        return law


@cached_on_first(16)
def _claimed(problem: TableProblem, setup: Setup) -> np.ndarray:
    return setup.law()


def _check(law: np.ndarray, case: Any, name: str) -> None:
    shape = (case.problem.vocab_size + 1,) * case.problem.length
    if np.shape(law) != shape or not abs(law.sum() - 1) < ROUNDING or law.min() < -ROUNDING:
        _checks.fail(f"the explanation {name!r} gives {_checks.short(law)}", f"a law on the lattice, of shape {shape}, "
                     "or None", "end with setup.law_of(rates), or with None where it does not apply")  # fmt: skip
