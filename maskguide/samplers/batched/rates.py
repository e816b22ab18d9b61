"""Rates out of every state of a batch: looked up for a table, otherwise computed from the two conditionals."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property, lru_cache

import torch
from torch import Tensor

from ...process import GuidedProcess
from ..tables import rate_table, strides
from .draws import pick


@dataclass(frozen=True)
class Rates:
    """Rates of n states as weights (n, D, N), zero at revealed coordinates and impossible tokens.

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

    @property
    def rates(self) -> Tensor:
        """r, (n, D, N)."""
        return self.weights if self.scale is None else self.weights * self.scale

    @property
    def conditionals(self) -> Tensor:
        """q = r/Z, (n, D, N); zero where Z is."""
        total = self.total[..., None]
        return self.weights / torch.where(total > 0, total, 1.0)

    def tokens(self, uniform: Tensor) -> Tensor:
        """Tokens of all coordinates, (n, D), from q by uniforms (n, D)."""
        return pick(self.weights, uniform)

    def token(self, position: Tensor, uniform: Tensor) -> Tensor:
        """The token of one coordinate of each state, (n,), from q by uniforms (n,)."""
        row = self.weights.take_along_dim(position[:, None, None], 1)[:, 0]
        return pick(row, uniform)


def rates(process: GuidedProcess, tokens: Tensor, weight: float) -> Rates:
    """The rates out of states (n, D) of tokens, int64, mask N; the host waits for nothing."""
    if process.on_lattice:
        table, stride = _lookup(process, weight, tokens.device)
        return Rates(table[(tokens * stride).sum(-1)])
    log_rate = process.log_rates(tokens, weight)
    largest = log_rate.amax(-1, keepdim=True)
    largest = torch.where(largest.isfinite(), largest, 0.0)
    return Rates(log_rate.sub_(largest).exp_(), largest.exp_())


@lru_cache(maxsize=4)
def _lookup(process: GuidedProcess, weight: float, device: torch.device) -> tuple[Tensor, Tensor]:
    """All rates (S, D, N), S the states in C order, and what a unit of each coordinate adds to the state's index."""
    return torch.from_numpy(rate_table(process, weight)).to(device), torch.from_numpy(strides(process)).to(device)
