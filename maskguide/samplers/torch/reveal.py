"""Steps in which every coordinate changes on its own, given the state at their start."""

from __future__ import annotations

import torch

from ...methods import Method, Remasking, Step
from ...methods.method import hazard_of
from ..task import REMASK
from .walk import Walk


def independent(walk: Walk, method: Method, step: Step) -> None:
    """Each mask is revealed with the method's probability, its token in proportion to its rates."""
    here = walk.rates(step.weight)
    walk.meet(here, step, method)
    walk.spend(method.hazard_spent(here.hazards, step), here, step.end)


def remask_and_reveal(walk: Walk, method: Remasking, step: Step) -> None:
    """ReMDM: tokens of the step's start are masked with probability sigma, its masks revealed."""
    here = walk.rates(step.weight)
    walk.meet(here, step, method)
    remasked = walk.step_draws(step, REMASK, ~walk.masked)[0] < method.remask_probabilities(walk.confidence, step)
    revealed = walk.spend(hazard_of(method.reveal_probability(here.hazards, step)), here, step.end)
    walk.remask(remasked)
    drawn = here.conditionals.take_along_dim(walk.tokens.clamp(max=walk.mask - 1)[..., None], -1)[..., 0]
    walk.confidence = torch.where(revealed, drawn, torch.where(remasked, torch.inf, walk.confidence))
