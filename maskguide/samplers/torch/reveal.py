"""Steps that mask revealed coordinates again."""

from __future__ import annotations

import torch

from ...methods import Remasking, Step
from ...methods.method import hazard_of
from ..task import REMASK
from .dispatch import advance
from .walk import Walk


@advance.register
def remask_and_reveal(method: Remasking, walk: Walk, step: Step) -> None:
    """ReMDM: tokens of the step's start are masked with probability sigma, its masks revealed."""
    here = walk.rates(step.weight)
    walk.meet(here, step, method)
    remasked = walk.step_draws(step, REMASK, ~walk.masked)[0] < method.remask_probabilities(walk.confidence, step)
    revealed = walk.spend(hazard_of(method.reveal_probability(here.hazards, step)), here, step.end)
    walk.remask(remasked)
    drawn = here.conditionals.take_along_dim(walk.tokens.clamp(max=walk.mask - 1)[..., None], -1)[..., 0]
    walk.confidence = torch.where(revealed, drawn, torch.where(remasked, torch.inf, walk.confidence))
