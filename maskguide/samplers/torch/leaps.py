"""Two-stage leaps: to a point x* inside the step, then with rates combined from both points."""

from __future__ import annotations

import torch

from ...methods import RungeKutta, Step, Trapezoidal
from ...methods.tau_leaping import hazard_within, revealed_within
from ..task import INSIDE
from .dispatch import advance
from .rates import Rates
from .walk import Walk


@advance.register
def trapezoidal(method: Trapezoidal, walk: Walk, step: Step) -> None:
    """Second leap from x*: what x* has revealed stays, and has rate zero in it."""
    before = walk.rates(step.weight)
    walk.meet(before, step, method)
    walk.spend(hazard_within(before.hazards, method.first_length(step)), before, step.end)
    later = Rates(method.combined(before.rates, walk.rates(step.weight).rates))
    walk.spend(hazard_within(later.hazards, method.second_length(step)), later, step.end)


@advance.register
def runge_kutta(method: RungeKutta, walk: Walk, step: Step) -> None:
    """Second leap from x: the tokens of x* matter through the rates there, then are forgotten."""
    before = walk.rates(step.weight)
    walk.meet(before, step, method)
    chance, choice = walk.step_draws(step, INSIDE, walk.masked)
    revealed = walk.masked & (chance < revealed_within(before.hazards, method.first_length(step)))
    inside = torch.where(revealed, before.tokens(choice, revealed), walk.tokens)
    later = Rates(method.combined(before.rates, walk.rates(step.weight, inside).rates))
    walk.spend(hazard_within(later.hazards, method.second_length(step)), later, step.end)
