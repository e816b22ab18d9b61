"""Which guidance weights a sampler is asked for: some refuse w < 0, or have no guidance at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Any

import numpy as np

from .. import _checks
from ..guidance.formulas import normalized_rates
from .explanations.setup import branches

CLOSE = 1e-9


@dataclass(frozen=True)
class Weights:
    """Weights that a sampler is asked for.

    Attributes
    ----------
    listed : tuple of float
        These only; empty for all from `least` on.
    least : float
        w >= least.
    """

    listed: tuple[float, ...] = ()
    least: float = -1.0

    @classmethod
    def of(cls, listed: str | Sequence[float] | None = None, least: float = -1.0) -> Weights:
        """From numbers, or from text such as "0, 1, 2".

        Raises
        ------
        InputError
            A weight that is no number or below -1, an empty list, or both arguments.
        """
        if listed is None:
            return cls(least=_checks.weight(least))
        if least != -1.0:
            _checks.fail("weights and a least weight", "one of the two", "list the weights from the least one on")
        given = listed.split(",") if isinstance(listed, str) else list(listed)
        if not given:
            _checks.fail("no weights", "at least one", "leave them out to test all")
        return cls(tuple(sorted({_checks.weight(_checks.real(weight, "weight")) for weight in given})))

    def __contains__(self, weight: float) -> bool:
        return weight in self.listed if self.listed else weight >= self.least

    def nearest(self, weight: float) -> float:
        """The one asked for in place of `weight`."""
        if weight in self:
            return weight
        return min(self.listed, key=lambda w: abs(w - weight)) if self.listed else max(weight, self.least)

    def cases(self, cases: Sequence[Any], ranked: bool = False) -> list[Any]:
        """Each case at the nearest weight, no two alike, and the first one at every listed weight that has none.

        Where positions are `ranked` by their scores, a case with ties is left out: each decoder breaks them in its own
        way.
        """
        moved = [case for case in map(self.moved, cases) if not (ranked and ties(case.problem, case.weight))]
        found = [*moved, *self._missing(cases, {case.weight for case in moved})]
        return list({_identity(case): case for case in found}.values())

    def moved(self, case: Any) -> Any:
        """A case at the nearest weight."""
        return case if case.weight in self else at_weight(case, self.nearest(case.weight))

    def _missing(self, cases: Sequence[Any], present: set[float]) -> Iterator[Any]:
        several = [case for case in cases if case.problem.length > 1] or cases
        for weight in set(self.listed) - present:
            yield from [at_weight(c, weight) for c in several if not ties(c.problem, weight)][:1]

    @property
    def left_out(self) -> str:
        """What is not tested, in words; empty if nothing."""
        if self.listed:
            return "weights other than " + ", ".join(f"{weight:g}" for weight in self.listed)
        return f"weights below {self.least:g}" if self.least > -1 else ""


def at_weight(case: Any, weight: float) -> Any:
    """The same case at another weight; separations were recorded at its own."""
    recorded = {"separation": {}} if hasattr(case, "separation") else {}
    return replace(case, weight=weight, **recorded)


def ties(problem: Any, weight: float) -> bool:
    """Whether tokens of two masked positions are equally likely in some context, under the normalised rule."""
    rows = [normalized_rates(*branches(problem, axis), weight) for axis in range(problem.length)]
    pairs = combinations(range(problem.length), 2)
    return any(_equal(rows[i].take(-1, axis=j - 1), rows[j].take(-1, axis=i)) for i, j in pairs)


def _equal(first: np.ndarray, second: np.ndarray) -> bool:
    """Positive entries, less than one, of two laws of a token in the same contexts."""
    a, b = first[..., :, None], second[..., None, :]
    return bool(((np.abs(a - b) < CLOSE) & (a > CLOSE) & (a < 1 - CLOSE)).any())


def _identity(case: Any) -> tuple[Any, ...]:
    return id(case.problem), case.weight, case.num_steps, getattr(case, "plain", False)
