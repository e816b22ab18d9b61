"""HOW one steps: one file per method, its step written once for samplers and for stepped laws."""

from .ancestral import ANCESTRAL
from .euler import EULER
from .first_hitting import FIRST_HITTING
from .fixed_count import CONFIDENCE, ENTROPY, MARGIN, RANDOM_ORDER, FixedCount
from .gillespie import GILLESPIE
from .method import Method, Step, steps
from .posterior_product import POSTERIOR_PRODUCT
from .predictor_corrector import PREDICTOR_CORRECTOR, PredictorCorrector
from .remdm import REMDM, Remasking
from .tau_leaping import TAU_LEAPING
from .theta import THETA_RK2, THETA_TRAPEZOIDAL, RungeKutta, Trapezoidal, TwoStage
from .uniformization import UNIFORMIZATION

METHODS: dict[str, Method] = {
    method.name: method
    for method in (
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
    )
}

__all__ = [
    "METHODS",
    "FixedCount",
    "Method",
    "PredictorCorrector",
    "Remasking",
    "RungeKutta",
    "Step",
    "Trapezoidal",
    "TwoStage",
    "steps",
]
