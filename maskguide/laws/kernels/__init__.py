"""One step of every kind of method on a law over the lattice: law -> law, exactly.

States are taken in blocks by their revealed set; a method that treats masked coordinates independently is a
product over axes, and the block of its outcomes is one outer product.
"""

from __future__ import annotations

import numpy as np

from ...methods import FixedCount, Method, PredictorCorrector, Remasking, RungeKutta, Step, Trapezoidal
from ...process import Rates
from . import corrector, fixed_count, independent, two_stage


def one_step(rates: Rates, law: np.ndarray, method: Method, step: Step) -> np.ndarray:
    """The law (N+1,)*D after a step of the method from `law`."""
    match method:
        case Trapezoidal():
            return two_stage.trapezoidal(rates, law, method, step)
        case RungeKutta():
            return two_stage.runge_kutta(rates, law, method, step)
        case FixedCount():
            return fixed_count.decode(rates, law, method, step)
        case Remasking():
            return independent.remask_and_reveal(rates, law, method, step)
        case PredictorCorrector():
            return corrector.leap_and_correct(rates, law, method, step)
        case _:
            assert method.reveal is not None
            return independent.reveal(rates, law, method.reveal, step)


__all__ = ["one_step"]
