"""The dispatch: a kind of method registers its exact step, as one's own does."""

from __future__ import annotations

from functools import singledispatch

import numpy as np

from ... import _checks
from ...methods import Method, Step
from ...process import Rates
from .independent import reveal


@singledispatch
def one_step(method: Method, rates: Rates, law: np.ndarray, step: Step) -> np.ndarray:
    """The law on the lattice after a step of a method.

    By default each mask is revealed on its own, by the method's `reveal`. A kind of one's own, a subclass of Method,
    registers its step with ``@one_step.register``: a function of the same arguments.

    Parameters
    ----------
    method : Method
    rates : Rates
        Of the chain at the weight of the step.
    law : (N+1,)*D array
        Before the step.
    step : Step

    Returns
    -------
    (N+1,)*D array
    """
    if method.reveal is None:
        fault = f"exact steps of the method {method.name!r}"
        _checks.fail(fault, "a reveal formula, or a kind registered with `one_step`", "see docs/stepped-laws.md")
    return reveal(rates, law, method.reveal, step)
