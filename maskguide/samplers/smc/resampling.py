"""Draws from logarithms, and systematic resampling.

Source: Chopin and Papaspiliopoulos, "An Introduction to Sequential Monte Carlo" (2020), chapters 9 and 10.
"""

from __future__ import annotations

from math import inf, log

import torch

from ... import _random


def systematic(log_weights: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """Ancestors (P, n) by one uniform a population, (P,): particle i has floor or ceil of n W_i children."""
    size = log_weights.shape[1]
    points = (u[:, None] + torch.arange(size, device=u.device)) / size
    return torch.searchsorted(cumulative(log_weights), points.clamp(max=1 - 2.0**-53), right=True)


def drawn(log_law: torch.Tensor, u: torch.Tensor) -> torch.Tensor:
    """The first entry of each row whose cumulative probability exceeds u."""
    above = torch.searchsorted(cumulative(log_law), u[:, None], right=True)[:, 0]
    return above.clamp(max=log_law.shape[1] - 1)


def cumulative(log_law: torch.Tensor) -> torch.Tensor:
    """Cumulative probabilities along the last axis; exactly 1 from the last possible entry on."""
    largest = log_law.amax(-1, keepdim=True)
    total = torch.exp(log_law - torch.where(largest > -inf, largest, 0.0)).cumsum(-1)
    return total / torch.where(total[..., -1:] > 0, total[..., -1:], 1.0)


def uniforms(
    key: tuple[int, int], trajectory: torch.Tensor, draw: int, stream: int, antithetic: int
) -> tuple[torch.Tensor, torch.Tensor]:
    """U and V of one draw of every trajectory, float64 on [0, 1)."""
    whose, mirror = _random.pair(trajectory, antithetic)
    first, second = (bits ^ mirror for bits in _random.two_draws(*key, whose, draw, stream))
    return first.double() * _random.TWO_TO_MINUS_53, second.double() * _random.TWO_TO_MINUS_53


def log_mean(log_weights: torch.Tensor) -> torch.Tensor:
    """log of the mean weight along the last axis."""
    return torch.logsumexp(log_weights, -1) - log(log_weights.shape[-1])


def effective_size(log_weights: torch.Tensor) -> torch.Tensor:
    """(sum W)^2 / sum W^2 of each population; 0 where every weight is."""
    size = torch.exp(2 * torch.logsumexp(log_weights, -1) - torch.logsumexp(2 * log_weights, -1))
    return torch.nan_to_num(size, nan=0.0).cpu()
