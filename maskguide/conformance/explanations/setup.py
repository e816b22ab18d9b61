"""What a sampler does, as data: problem, rule, weight, method, steps; its exact law; and the same with a change."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from ..._caching import cached_on_first
from ...guidance.formulas import quotient
from ...guidance.rule import Rule, conditionals
from ...guidance.rules import RULES
from ...laws.kernels import one_step
from ...laws.kernels.blocks import masked, occupied, outcomes, token_or_mask
from ...laws.lattice.sweep import all_masked, block, visits
from ...methods import METHODS, Method, Step
from ...problems.table import TableProblem
from ...process import Rates
from ...schedules import NoiseSchedule, noise_schedule, time_grid

LIMIT = "limit"

Tokens = Callable[[np.ndarray], np.ndarray]  # laws of a token (..., N) -> (..., N)


@dataclass(frozen=True)
class Setup:
    """A sampler: the rates of a rule at a weight, taken by a method in steps, or to their end.

    `plain`: the denoiser predicts revealed positions afresh, as a network does; otherwise it repeats their tokens.
    Weights below -1 stand for formulas applied out of their range, as swapped conditionals are.
    """

    problem: TableProblem
    weight: float
    num_steps: int | None
    rule: str | Rule
    method: str | Method
    grid: str = "time"
    schedule: str | NoiseSchedule = "linear"
    plain: bool = False

    @classmethod
    def of(cls, case: Any, claim: Any) -> Setup:
        """The setup of a case under a claim."""
        rule, method = claim.guidance(0.0).rule, LIMIT if claim.is_limit else claim.stepper
        asked = case.problem, float(case.weight), case.num_steps
        return cls(*asked, rule, method, claim.grid, claim.schedule, case.plain)

    @property
    def stepped(self) -> bool:
        """Whether the law depends on steps."""
        return self.method != LIMIT

    @property
    def formula(self) -> Rule:
        """The rule itself."""
        return RULES[self.rule].with_settings({}) if isinstance(self.rule, str) else self.rule

    def changed(self, **changes: Any) -> Setup:
        """The same with some fields replaced."""
        return replace(self, **changes)

    def rates(self) -> Rates:
        """Rates on the lattice."""
        return _rates(self.problem, self.formula, self.weight)

    def steps(self) -> list[Step]:
        """The steps of the grid."""
        assert self.num_steps is not None
        noise = noise_schedule(self.schedule)
        return list(steps_at(noise.clock(time_grid(self.grid, self.num_steps, noise))))

    def law(self) -> np.ndarray:
        """The exact law on the lattice, (N+1,)*D."""
        return self.law_of(self.rates())

    def law_of(self, rates: Rates) -> np.ndarray:
        """The law with other rates, all else equal."""
        return self.walk(rates, self.steps()) if self.stepped else absorbed(rates)

    def walk(self, rates: Rates, steps: Sequence[Step], law: np.ndarray | None = None) -> np.ndarray:
        """The law after given steps of the method, from `law`; from masks only, if none is given."""
        law, method = all_masked(rates) if law is None else law, self.stepper(rates)
        for step in steps:
            independent = type(method) is Method and method.reveal is not None
            law = spread(law, _rows(rates, method, step)) if independent else one_step(method, rates, law, step)
        return law

    def stepper(self, rates: Rates) -> Method:
        """The method; where it needs hazards of one and these are not, the row (a r, 1 - a) divided by its sum."""
        method = METHODS[self.method] if isinstance(self.method, str) else self.method
        fits = not method.needs_unit_hazards or unit_hazards(rates)
        return method if fits else METHODS["posterior-product"]


def absorbed(rates: Rates) -> np.ndarray:
    """Where the chain ends: completed states, and states out of which no rate leads."""
    return np.where(rates.exit > 0, 0.0, visits(rates, all_masked(rates)))


def steps_at(clocks: np.ndarray) -> Iterator[Step]:
    """Steps between clocks."""
    for k, (start, end) in enumerate(itertools.pairwise(clocks)):
        yield Step(float(start), float(end), 0.0, k, len(clocks) - 1)


def rates_of(edges: Sequence[np.ndarray]) -> Rates:
    """Rates from what is revealed where: edges[i] of the lattice's shape, the tokens of i along the last axis."""
    placed = tuple(np.moveaxis(edge, -1, i) for i, edge in enumerate(edges))
    hazards = tuple(edge.sum(axis=i, keepdims=True) for i, edge in enumerate(placed))
    length, size = len(edges), edges[0].shape[-1]
    exit = np.zeros((size + 1,) * length)
    for i, hazard in enumerate(hazards):
        exit[tuple(slice(-1, None) if j == i else slice(None) for j in range(length))] += hazard
    return Rates(placed, hazards, exit)


def tokens_last(rates: Rates) -> list[np.ndarray]:
    """The edges with tokens along the last axis: what :func:`rates_of` takes."""
    return [np.moveaxis(edge, i, -1) for i, edge in enumerate(rates.edges)]


def with_tokens(rates: Rates, change: Tokens) -> Rates:
    """The same hazards; the law of the revealed token is changed."""
    return rates_of([_redistributed(edge, change) for edge in tokens_last(rates)])


def _redistributed(edge: np.ndarray, change: Tokens) -> np.ndarray:
    hazard = edge.sum(axis=-1, keepdims=True)
    return hazard * change(quotient(edge, hazard, 0.0))


def unit_hazards(rates: Rates) -> bool:
    """Whether every mask that can be revealed is revealed at rate one."""
    return all(bool((np.abs(hazard - 1) < 1e-9)[hazard > 0].all()) for hazard in rates.hazards)


def branches(problem: TableProblem, axis: int) -> tuple[np.ndarray, np.ndarray]:
    """p_z(v | x) and p(v | x) of a coordinate in every context, tokens last."""
    return conditionals(problem.target_table, axis), conditionals(problem.unconditional_table, axis)


def spread(law: np.ndarray, rows: Sequence[np.ndarray]) -> np.ndarray:
    """One step in which masked coordinates change on their own: rows[i] holds tokens and mask along axis i."""
    result = np.zeros_like(law)
    for revealed, mass in occupied(law):
        here = block(revealed, law.shape[0] - 1)
        for i in masked(revealed):
            mass = mass * rows[i][(*here[:i], slice(None), *here[i + 1 :])]
        result[outcomes(revealed, law.shape[0] - 1)] += mass
    return result


def _rows(rates: Rates, method: Method, step: Step) -> list[np.ndarray]:
    """Rows of a method that treats masks independently, in all contexts at once: small lattices are swept faster so."""
    assert method.reveal is not None
    pairs = enumerate(zip(rates.edges, rates.hazards, strict=True))
    return [token_or_mask(edge, hazard, method.reveal(hazard, step), i) for i, (edge, hazard) in pairs]


@cached_on_first(64)
def _rates(problem: TableProblem, rule: Rule, weight: float) -> Rates:
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return rates_of([rule.edges(problem, weight, axis) for axis in range(problem.length)])
