"""One step, or one run, of every kind of method in torch: the kinds register theirs, as a kind of one's own does.

A method with a `reveal` formula needs none of this. Another kind, a subclass of Method, registers in its own file::

    @advance.register
    def my_step(method: MyMethod, trajectories: Trajectories, step: Step) -> None:
        here = trajectories.rates(step.weight)  # r (n, D, N), hazards Z (n, D)
        trajectories.meet(here, step, method)  # keeps count of the largest Z h
        trajectories.spend(method.my_hazard(here.hazards, step), here, step.end)  # reveals what is due
"""

from __future__ import annotations

from functools import singledispatch

from ... import _checks
from ...methods import Method, Step
from .trajectories import Trajectories


@singledispatch
def advance(method: Method, trajectories: Trajectories, step: Step) -> None:
    """Take all trajectories through a step; by default each mask is revealed on its own, by the method's `reveal`."""
    here = trajectories.rates(step.weight)
    trajectories.meet(here, step, method)
    trajectories.spend(method.hazard_spent(here.hazards, step), here, step.end)


@singledispatch
def complete(method: Method, trajectories: Trajectories) -> None:
    """Take all trajectories of an exact method to their end."""
    rule = "methods with a reveal formula, and kinds registered with `advance` or `complete`"
    _checks.fail(f"method {method.name!r} on engine 'torch'", rule, "register its step: docs/sampling.md")


def knows(method: Method) -> bool:
    """Whether a method has a formula or a registered step."""
    step = complete if method.is_exact else advance
    return step.dispatch(type(method)) is not step.dispatch(Method) or (
        not method.is_exact and method.reveal is not None
    )
