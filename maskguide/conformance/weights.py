"""Which guidance weights a sampler is asked for: some refuse w < 0, or have no guidance at all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

from .. import _checks


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
        return min(self.listed, key=lambda w: abs(w - weight)) if self.listed else max(weight, self.least)

    def cases(self, cases: Sequence[Any]) -> list[Any]:
        """Each case at the nearest weight, no two alike, and the first one at every listed weight that has none."""
        moved = [self.moved(case) for case in cases]
        return list({_identity(case): case for case in [*moved, *self._missing(moved)]}.values())

    def moved(self, case: Any) -> Any:
        """A case at the nearest weight."""
        return case if case.weight in self else at_weight(case, self.nearest(case.weight))

    def _missing(self, cases: list[Any]) -> Iterator[Any]:
        several = next((case for case in cases if case.problem.length > 1), cases[0]) if cases else None
        for weight in self.listed if cases else ():
            if weight not in {case.weight for case in cases}:
                yield at_weight(several, weight)

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


def _identity(case: Any) -> tuple[Any, ...]:
    return id(case.problem), case.weight, case.num_steps, getattr(case, "plain", False)
