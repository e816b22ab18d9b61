"""Methods that sample a guided field: what each does, and what `sample` and others have to know of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

from .. import _checks
from .._registry import Registry
from . import reference, steps
from .trajectories import Trajectories

Step = Callable[..., Any]  # (field, x, t, s, z) -> x at s < t, with z ~ N(0, I); numpy or torch


@dataclass(frozen=True)
class GaussianMethod:
    """A sampler of the guided probability-flow ODE or reverse SDE.

    Attributes
    ----------
    name : str
        What it is called in `sample`.
    step : callable
        (field, x, t, s, z): one step from t to s < t of points (n, d); z is standard normal where the method is
        `noisy`, else None.
    order : int
        Of the error in the step length: of end points, or of laws where it is noisy.
    evaluations : int
        Of the guided field in one step.
    noisy : bool
        Whether a step draws random numbers.
    compiled : bool
        Whether the kernel of `plane` has it.
    with_eta : callable or None
        eta -> the method of stochasticity eta, where there is a choice.
    integrate : callable or None
        (field, x, grid, keep): takes a batch along the whole grid where that is better than step by step; numpy only.
    """

    name: str
    step: Step
    order: int
    evaluations: int = 1
    noisy: bool = False
    compiled: bool = False
    with_eta: Callable[[float], GaussianMethod] | None = None
    integrate: Callable[..., Trajectories] | None = None


def ddim(eta: float = 0.0) -> GaussianMethod:
    """DDIM of stochasticity eta in [0, 1]: 0 follows the ODE, 1 is ancestral sampling."""
    if not 0 <= _checks.real(eta, "eta") <= 1:
        _checks.fail(f"eta = {eta}", "0 <= eta <= 1", "0 is deterministic, 1 ancestral")
    return GaussianMethod("ddim", partial(steps.ddim, eta), 1, noisy=eta > 0, with_eta=ddim)


METHODS = Registry(
    "method",
    GaussianMethod,
    "maskguide.gaussian.methods",
    (
        GaussianMethod("euler", steps.euler, 1, compiled=True),
        GaussianMethod("heun", steps.heun, 2, evaluations=2, compiled=True),
        ddim(),
        GaussianMethod("dpm2", steps.dpm2, 2, evaluations=2),
        GaussianMethod("euler-maruyama", steps.euler_maruyama, 1, noisy=True),
        GaussianMethod("adaptive", reference.step, 8, integrate=reference.adaptive),
    ),
)


def method(name_or_method: str | GaussianMethod, eta: float = 0.0) -> GaussianMethod:
    """A method by name, or itself; of stochasticity eta where one is asked for."""
    chosen = METHODS.named(name_or_method)
    if eta == 0:
        return chosen
    if chosen.with_eta is None:
        _checks.fail(f"eta = {eta} for method {chosen.name!r}", "it has no stochasticity to choose", 'method="ddim"')
    return chosen.with_eta(eta)
