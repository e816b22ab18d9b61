"""Uniformization: candidate events at a constant rate, each a jump or nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .. import _checks
from ..process import GuidedProcess
from .method import Method


def jump_probability(exit: Any, bound: float) -> Any:
    """P(a candidate event is a jump) = R(x)/L, with candidates at rate L >= max R(x): Poisson(L h) of them in h."""
    return exit / bound


@dataclass(frozen=True, kw_only=True)
class Uniformization(Method):
    """Exact: events at a constant rate, each a jump or nothing."""

    is_exact: bool = True
    needs_bound: bool = True

    @property
    def needs_all_rates(self) -> bool:
        """Always: the jump is drawn among the rates of all masked coordinates and tokens."""
        return True


def candidate_rate(process: GuidedProcess, weight: float) -> float:
    """L >= R(x) for every state x: max R on a table; D where every mask is revealed at rate one; otherwise an error."""
    if process.on_lattice:
        return float(process.exit_rates(weight).max())
    if not process.guidance.rule.has_unit_hazards(weight):
        _checks.fail(
            f"'uniformization' with the rule {process.guidance.rule.name!r} away from a table",
            "it needs a bound on R(x): D where every mask is revealed at rate one, max R where all states are listed",
            'method="gillespie" is exact and needs none',
        )
    return float(process.length)


UNIFORMIZATION = Uniformization(
    name="uniformization",
    order=None,
    use="when candidate times must not depend on the state (common random numbers, batches in step); the number "
    "of candidates is u max R, which grows like exp(O(w))",
    keeps="the chain's own law, every rule and w",
    source="Jensen, Skand. Aktuarietidskr. 36 (1953); Chen and Ying, arXiv:2402.08095; docs/theory.md section 2.2",
)
