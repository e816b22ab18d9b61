"""How one steps: one file per method, its step written once for samplers and for stepped laws."""

from typing import Any

from .. import _checks
from .._registry import Registry
from .ancestral import ANCESTRAL
from .euler import EULER
from .first_hitting import FIRST_HITTING, FirstHitting
from .fixed_count import CONFIDENCE, ENTROPY, MARGIN, RANDOM_ORDER, FixedCount
from .gillespie import GILLESPIE, Gillespie
from .method import Method, Step, steps
from .posterior_product import POSTERIOR_PRODUCT
from .predictor_corrector import PREDICTOR_CORRECTOR, PredictorCorrector
from .remdm import REMDM, Remasking
from .tau_leaping import TAU_LEAPING
from .theta import THETA_RK2, THETA_TRAPEZOIDAL, RungeKutta, Trapezoidal, TwoStage
from .uniformization import UNIFORMIZATION, Uniformization
from .whole import FINAL_LAW, SMC, FinalLaw, WeightedParticles

METHODS = Registry(
    "method",
    Method,
    "maskguide.methods",
    (
        GILLESPIE,
        FIRST_HITTING,
        UNIFORMIZATION,
        TAU_LEAPING,
        EULER,
        ANCESTRAL,
        POSTERIOR_PRODUCT,
        THETA_TRAPEZOIDAL,
        THETA_RK2,
        RANDOM_ORDER,
        CONFIDENCE,
        MARGIN,
        ENTROPY,
        REMDM,
        PREDICTOR_CORRECTOR,
    ),
)
WHOLE = {method.name: method for method in (SMC, FINAL_LAW)}  # no steps of the chain


def method_named(chosen: str | Method, *, whole: bool = False, **parameters: Any) -> Method:
    """A method by its name, or one as given, with some of its parameters set.

    Parameters
    ----------
    chosen : str or Method
        A name in :data:`METHODS`, or any method.
    whole : bool
        Whether draws that are no steps of the chain ("smc", "exact") will do.
    **parameters
        The method's own, such as theta.

    Returns
    -------
    Method
        With its parameters set.

    Raises
    ------
    InputError
        An unknown name or parameter, or a value out of range.

    Examples
    --------
    >>> method_named("theta-trapezoidal", theta=0.3).parameters
    {'theta': 0.3, 'split': 'clock'}
    """
    if whole and isinstance(chosen, str) and chosen not in METHODS:
        chosen = WHOLE[_checks.choice(chosen, (*METHODS, *WHOLE), "method")]
    found = METHODS.named(chosen)
    if found.is_whole and not whole:
        _checks.fail(f"{found.name!r} as steps of the chain", "it has neither steps nor paths", "give it to sample()")
    return found.with_parameters(**parameters)


__all__ = [
    "METHODS",
    "FinalLaw",
    "FirstHitting",
    "FixedCount",
    "Gillespie",
    "Method",
    "PredictorCorrector",
    "Remasking",
    "RungeKutta",
    "Step",
    "Trapezoidal",
    "TwoStage",
    "Uniformization",
    "WeightedParticles",
    "method_named",
    "steps",
]
