"""BatchRates out of every state of a batch: looked up for a table, otherwise computed from the two conditionals."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor

from ..._caching import cached_on_first
from ...problems.conditionals import RowDenoiser
from ...process import GuidedProcess
from ..lookup import rate_table, strides
from .draws import pick

SMALLEST = 2.0**-1022
Law = Callable[[Tensor], Tensor]  # conditionals (..., N) -> what to draw from instead


@dataclass(frozen=True)
class BatchRates:
    """BatchRates of n states as weights (n, D, N), zero at revealed coordinates and impossible tokens.

    With a scale (n, D, 1) the rates are weights times scale: so no conditional underflows.
    """

    weights: Tensor
    scale: Tensor | None = None

    @cached_property
    def total(self) -> Tensor:
        """Sum of the weights, (n, D); zero where nothing is possible."""
        return self.weights.sum(-1)

    @cached_property
    def hazards(self) -> Tensor:
        """Z, (n, D)."""
        return self.total if self.scale is None else self.total * self.scale[..., 0]

    @cached_property
    def largest(self) -> Tensor:
        """The largest hazard, (); nan or inf where one is."""
        return self.hazards.amax()

    @property
    def rates(self) -> Tensor:
        """r, (n, D, N)."""
        return self.weights if self.scale is None else self.weights * self.scale

    @property
    def conditionals(self) -> Tensor:
        """q = r/Z, (n, D, N); zero where Z is."""
        return shares(self.weights, self.total)

    def replaced(self, states: Tensor, new: BatchRates) -> BatchRates:
        """With the rates of some states exchanged; both have a scale, or neither."""
        scale = self.scale if self.scale is None or new.scale is None else self.scale.index_copy(0, states, new.scale)
        return BatchRates(self.weights.index_copy(0, states, new.weights), scale)

    def tokens(self, uniform: Tensor, where: Tensor, law: Law | None = None) -> Tensor:
        """Tokens of the coordinates (n, D) that are True, from q, or a law made of it, by uniforms (n, D).

        Elsewhere they mean nothing.
        """
        return pick(self.weights if law is None else law(self.conditionals), uniform)

    def row(self, position: Tensor) -> Tensor:
        """Weights of one coordinate (n,) of each state, (n, N)."""
        return self.weights.take_along_dim(position[:, None, None], 1)[:, 0]


def shares(weights: Tensor, total: Tensor) -> Tensor:
    """Weights (..., M) over their total (...), zero where it is."""
    return weights / torch.where(total > 0, total, 1.0)[..., None]


def rates(process: GuidedProcess, tokens: Tensor, weight: float) -> BatchRates:
    """The rates out of states (n, D) of tokens, int64, mask N; the host waits for nothing."""
    if process.on_lattice:
        table, _, stride = lookup(process, weight, tokens.device)
        return BatchRates(table[(tokens * stride).sum(-1)])
    if isinstance(process.problem, RowDenoiser):
        context = process.problem.context(tokens, labels(process, weight))
        return computed(process, tokens, weight, context)
    log_rate = process.log_rates(tokens, weight)
    largest = log_rate.amax(-1, keepdim=True)
    largest = torch.where(largest.isfinite(), largest, 0.0)
    return BatchRates(log_rate.sub_(largest).exp_(), largest.exp_())


def labels(process: GuidedProcess, weight: float) -> tuple[int | None, ...]:
    """The laws whose conditionals the rates are made of: the target and the reference, or one of them alone."""
    rule, problem = process.guidance.rule, process.problem
    both = problem.target, rule.reference_label(problem)
    if rule.negative is not None or rule.powers is None:
        return both
    exponents = rule.exponents(weight)
    return (None,) if exponents == (0, 1) else (problem.target,) if exponents == (1, 0) else both


def computed(process: GuidedProcess, tokens: Tensor, weight: float, context: Tensor) -> BatchRates:
    """The rates out of states (n, D) of a problem that computes conditionals row by row."""
    masked = (tokens == process.vocab_size)[..., None]
    here = BatchRates(torch.where(masked, powers(process, weight, process.problem.rows(context)), 0.0))
    if not process.guidance.rule.normalises:
        return here
    return BatchRates(
        here.weights, (here.total > 0)[..., None].double() / torch.where(here.total > 0, here.total, 1.0)[..., None]
    )


def powers(process: GuidedProcess, weight: float, rows: Tensor) -> Tensor:
    """BatchRates from conditionals (L, ..., N), which are overwritten; up to a factor where rates are normalised later.

    p_z^a p^b is written p^(a+b) (p_z/p)^a; another rule is its formula.
    """
    rule = process.guidance.rule
    if rule.powers is None:
        target, reference = rows.log_()
        return rule.log_rates(target, reference, weight).exp()
    a, b = rule.exponents(weight)
    if len(rows) == 1:
        return rows[0]
    ratio, reference = rows
    if a == 0:
        return torch.where(reference > 0, reference**b, 0.0)
    if rule.negative is None:  # impossible in the unconditional law, impossible for the target
        ratio = ratio.div_(reference.clamp_(min=SMALLEST))
    else:
        ratio = torch.where(reference > 0, ratio.div_(reference), 0.0)
    if rule.normalises:
        largest = ratio.amax(-1, keepdim=True)
        ratio.div_(torch.where(largest > 0, largest, 1.0))
    if abs(a + b - 1) > 1e-14:
        reference = torch.where(reference > SMALLEST, reference ** (a + b), 0.0)
    return ratio.pow_(a).mul_(reference)


@cached_on_first(4)
def lookup(process: GuidedProcess, weight: float, device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    """All rates (S, D, N) and hazards (S, D), S the states in C order, and what a unit of each coordinate adds to S."""
    table = torch.from_numpy(rate_table(process, weight)).to(device)
    return table, table.sum(-1), torch.from_numpy(strides(process)).to(device)
