"""Steps that mask revealed coordinates again."""

from __future__ import annotations

import torch

from ...methods import Remasking, Step
from ...methods.method import hazard_of
from ..task import REMASK
from .dispatch import advance
from .trajectories import Trajectories


@advance.register
def remask_and_reveal(method: Remasking, trajectories: Trajectories, step: Step) -> None:
    """ReMDM: tokens of the step's start are masked with probability sigma, its masks revealed."""
    here = trajectories.rates(step.weight)
    trajectories.meet(here, step, method)
    remasked = trajectories.step_draws(step, REMASK, ~trajectories.masked)[0] < method.remask_probabilities(
        trajectories.confidence, step
    )
    revealed = trajectories.spend(hazard_of(method.reveal_probability(here.hazards, step)), here, step.end)
    trajectories.remask(remasked)
    drawn = here.conditionals.take_along_dim(trajectories.tokens.clamp(max=trajectories.mask - 1)[..., None], -1)[
        ..., 0
    ]
    trajectories.confidence = torch.where(revealed, drawn, torch.where(remasked, torch.inf, trajectories.confidence))
