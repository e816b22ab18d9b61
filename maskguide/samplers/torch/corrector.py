"""A leap, then Gibbs redraws of single revealed coordinates."""

from __future__ import annotations

import torch
from torch import Tensor

from ...methods import PredictorCorrector, Step
from ...methods.tau_leaping import hazard_spent
from ..task import CORRECTIONS
from .dispatch import advance
from .draws import pick
from .trajectories import Trajectories


@advance.register
def leap_and_correct(method: PredictorCorrector, trajectories: Trajectories, step: Step) -> None:
    """A tau-leap and the method's corrections."""
    here = trajectories.rates(step.weight)
    trajectories.meet(here, step, method)
    trajectories.spend(hazard_spent(here.hazards, step), here, step.end)
    for correction in range(step.index * method.corrections, (step.index + 1) * method.corrections):
        _correct(trajectories, correction, step.weight)


def _correct(trajectories: Trajectories, number: int, weight: float) -> None:
    """One revealed coordinate that was not given is drawn again from r/Z given the others; kept where Z = 0."""
    draw = torch.full_like(trajectories.coordinates[:1], number)
    uniform, choice = (u[:, 0] for u in trajectories.draws.pair(draw, CORRECTIONS))
    open_to_it = ~trajectories.given & ~trajectories.masked
    order = open_to_it.cumsum(-1)
    number_open = order[:, -1]
    rank = (uniform * number_open).long()  # in float64, as the uniform is
    position = _index_of(order, rank)
    here = trajectories.rates(
        weight, torch.where(trajectories.at(position, number_open > 0), trajectories.mask, trajectories.tokens)
    )
    weights = here.row(position)
    redrawn = trajectories.at(position, (weights.sum(-1) > 0) & (number_open > 0))
    token = pick(weights, choice)
    trajectories.tokens = torch.where(redrawn, token[:, None], trajectories.tokens)


def _index_of(order: Tensor, rank: Tensor) -> Tensor:
    """Index of the (rank + 1)-th True, from their running count (n, D); the last index if there are fewer."""
    return (order <= rank[:, None]).sum(-1).clamp_(max=order.shape[-1] - 1)
