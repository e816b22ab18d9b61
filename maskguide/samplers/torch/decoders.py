"""Decoders of fixed counts: all masks propose tokens, the best positions keep theirs."""

from __future__ import annotations

import torch
from torch import Tensor

from ...methods import FixedCount, Step
from ...methods.fixed_count import TIE
from ..task import PROPOSALS
from .dispatch import advance
from .lazy import LazyRates
from .rates import BatchRates
from .trajectories import Trajectories


@advance.register
def decode(method: FixedCount, trajectories: Trajectories, step: Step) -> None:
    """`count` of the masks keep the tokens they propose."""
    count = method.count(step, trajectories.process.length)
    if count == 0:
        return
    here = trajectories.rates(step.weight)
    trajectories.meet(here, step, method)
    for_token, for_position = trajectories.step_draws(step, PROPOSALS, trajectories.masked)
    possible = here.hazards > 0
    score = scores(method, here, for_token, possible)
    noise = method.noise_at(step)
    kept = highest(score, for_position, count) if noise == 0 else noisiest(score / noise, for_position, count)
    trajectories.reveal(kept, here.tokens(for_token, kept, method.proposal), step.end)


def scores(method: FixedCount, here: BatchRates | LazyRates, uniform: Tensor, possible: Tensor) -> Tensor:
    """Score of each coordinate with the token it proposes, (n, D); -inf where none is possible."""
    if not method.ranks_positions:
        return torch.where(possible, 0.0, -torch.inf)
    score = method.score(here.conditionals)
    if score.shape[-1] > 1:
        score = score.take_along_dim(here.tokens(uniform, possible, method.proposal)[..., None], -1)
    return torch.where(possible, score[..., 0], -torch.inf)


def highest(score: Tensor, uniform: Tensor, count: int) -> Tensor:
    """One after another the largest score; of those within `TIE` of it the one of largest uniform."""
    kept = torch.zeros_like(score, dtype=torch.bool)
    for _ in range(count):
        largest = score.amax(-1, keepdim=True)
        best = (score > -torch.inf) & (score - largest >= -TIE)
        position = torch.where(best, uniform, -1.0).argmax(-1, keepdim=True)
        picked = torch.zeros_like(kept).scatter_(-1, position, True) & best
        kept, score = kept | picked, torch.where(picked, -torch.inf, score)
    return kept


def noisiest(score: Tensor, uniform: Tensor, count: int) -> Tensor:
    """The largest sums of score and Gumbel noise -log(-log V)."""
    key = score - torch.log(-torch.log(uniform))
    value, position = key.topk(min(count, key.shape[-1]), -1)
    return torch.zeros_like(key, dtype=torch.bool).scatter_(-1, position, value > -torch.inf)
