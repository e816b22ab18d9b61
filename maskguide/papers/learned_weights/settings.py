"""Settings of learned weights."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ... import _checks
from ...gaussian.noise import PROCESSES

LOSSES = ("energy", "square")
SHARED = ("point", "class")


@dataclass(frozen=True)
class Learning:
    """How weights are learned.

    Attributes
    ----------
    loss : "energy" or "square"
    power, repulsion : b in (0, 2) and lambda in [0, 1] of the energy loss
    particles, groups : m >= 2 particles in a group, groups of each class in a training step
    share : "point" or "class"
        What a group's particles have in common: one x_0, or only the class.
    least_step : delta in (0, 1); s ~ U[0, 1 - delta], t - s ~ U[delta, 1 - s]
    steps, rate : Adam steps, their rate sinking linearly from `rate` to 0
    eta : stochasticity of the DDIM step, in [0, 1]
    reward_scale : gamma >= 0
    width : neurons of a hidden layer
    process : a noise process by name
    points : of each class, drawn once: the training data
    seed : 0 <= seed < 2^32
    """

    loss: str = "energy"
    power: float = 1.0
    repulsion: float = 1.0
    particles: int = 4
    groups: int = 32
    share: str = "point"
    least_step: float = 0.1
    steps: int = 500
    rate: float = 5e-3
    eta: float = 0.0
    reward_scale: float = 0.0
    width: int = 32
    process: str = "flow"
    points: int = 20_000
    seed: int = 0

    def __post_init__(self) -> None:
        _checks.choice(self.loss, LOSSES, "loss")
        _checks.choice(self.share, SHARED, "share")
        _checks.choice(self.process, PROCESSES, "noise process")
        for name, least in {"particles": 2, "groups": 1, "steps": 1, "width": 1, "points": 1, "seed": 0}.items():
            _checks.integer(getattr(self, name), name, least)
        _within(self.power, "power", "0 < power < 2", lambda v: 0 < v < 2)
        _within(self.repulsion, "repulsion", "0 <= lambda <= 1", lambda v: 0 <= v <= 1)
        _within(self.least_step, "least_step", "0 < delta < 1", lambda v: 0 < v < 1)
        _within(self.eta, "eta", "0 <= eta <= 1", lambda v: 0 <= v <= 1)
        _within(self.rate, "rate", "rate > 0, finite", lambda v: 0 < v < np.inf)
        _within(self.reward_scale, "reward_scale", "gamma >= 0, finite", lambda v: 0 <= v < np.inf)
        _within(self.seed, "seed", "0 <= seed < 2^32", lambda v: v < 2**32)


def _within(value: Any, name: str, rule: str, holds: Callable[[float], bool]) -> None:
    if not holds(_checks.real(value, name)):
        _checks.fail(f"{name} = {value}", rule, "choose a value in the range")
