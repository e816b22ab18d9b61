"""Two-stage leaps: to a point x* inside the step, then with rates combined from both points."""

from __future__ import annotations

import torch

from ...methods import RungeKutta, Step, Trapezoidal
from ...methods.tau_leaping import hazard_within, revealed_within
from ..task import INSIDE
from .dispatch import advance
from .rates import BatchRates
from .trajectories import Trajectories


@advance.register
def trapezoidal(method: Trapezoidal, trajectories: Trajectories, step: Step) -> None:
    """Second leap from x*: what x* has revealed stays, and has rate zero in it."""
    before = trajectories.rates(step.weight)
    trajectories.meet(before, step, method)
    trajectories.spend(hazard_within(before.hazards, method.first_length(step)), before, step.end)
    later = BatchRates(method.combined(before.rates, trajectories.rates(step.weight).rates))
    trajectories.spend(hazard_within(later.hazards, method.second_length(step)), later, step.end)


@advance.register
def runge_kutta(method: RungeKutta, trajectories: Trajectories, step: Step) -> None:
    """Second leap from x: the tokens of x* matter through the rates there, then are forgotten."""
    before = trajectories.rates(step.weight)
    trajectories.meet(before, step, method)
    chance, choice = trajectories.step_draws(step, INSIDE, trajectories.masked)
    revealed = trajectories.masked & (chance < revealed_within(before.hazards, method.first_length(step)))
    inside = torch.where(revealed, before.tokens(choice, revealed), trajectories.tokens)
    later = BatchRates(method.combined(before.rates, trajectories.rates(step.weight, inside).rates))
    trajectories.spend(hazard_within(later.hazards, method.second_length(step)), later, step.end)
